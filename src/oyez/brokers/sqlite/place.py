"""Where the file behind ``sqlite://`` is: only its user's, one daemon's at a time, and still there.

Knows the system that it is on. Must not know what is in the file.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from oyez.errors import BrokerError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def make_private(path: Path) -> None:
    """Make a new file that only its user may read, for events need not be public. SQLite's other files follow it."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def lock(path: Path) -> int:
    """Lock a file beside the database: locking the database itself would keep the sqlite3 shell away.

    Returns the descriptor; who closes it lets go. Raises BrokerError when another daemon has it, and OSError.
    """
    held = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.read(held, 20).decode("ascii", "replace").strip()
        os.close(held)
        raise BrokerError(
            f"{path} is in use by another daemon{f' (process {owner})' if owner else ''}: end that one, or name another"
            " path",
            temporary=False,
        ) from error
    except OSError:
        os.close(held)
        raise
    with contextlib.suppress(OSError):  # a full disk: the lock holds without its owner's number
        os.ftruncate(held, 0)
        os.pwrite(held, b"%d\n" % os.getpid(), 0)
    return held


def find(path: Path) -> tuple[int, int] | None:
    """Return which file is at a path now: its device and its number there; None: there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def boot_id() -> str:
    """Return an id that this run of the machine has, and no other; empty where the system does not say."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""
