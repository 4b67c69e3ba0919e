"""The disk under the store: too small for a while, or torn at its last page.

Knows files and SQLite's write-ahead log from outside. Must not know what is in them.
"""

import os
import struct
import subprocess
from pathlib import Path
from random import Random

from tests.faults.process import DaemonProcess

# https://www.sqlite.org/fileformat2.html#walformat
_WAL_HEADER = 32
_FRAME_HEADER = 24

# https://www.sqlite.org/walformat.html: the WAL-index says how far the log is valid, and how far it was copied already.
_INDEX_VALID_FRAMES = 16
_INDEX_COPIED_FRAMES = 96


class Disk:
    """A folder that can be full.

    As root it is a small file system of its own, so that the system itself says that there is no room. Without root, or
    with a size of 0, the daemon's files are not let grow, which SQLite meets as an error of the disk.
    """

    def __init__(self, folder: Path, size_mb: int) -> None:
        self.folder = folder
        folder.mkdir()
        self._ballast = folder / "ballast"
        self._daemon: DaemonProcess | None = None
        self.is_own = self._mount(size_mb)

    def _mount(self, size_mb: int) -> bool:
        if os.geteuid() != 0 or size_mb == 0:
            return False
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=700", "oyez-faults", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def __str__(self) -> str:
        return "a small tmpfs" if self.is_own else "RLIMIT_FSIZE"

    def fill(self, daemon: DaemonProcess) -> None:
        """Let there be no room from now on."""
        self._daemon = daemon
        if not self.is_own:
            daemon.limit_files(0)
            return
        with self._ballast.open("wb") as file:
            block = bytes(2**20)
            try:
                while file.write(block):
                    file.flush()
            except OSError:
                return

    def free(self) -> None:
        """Let there be room again."""
        self._ballast.unlink(missing_ok=True)
        if self._daemon is not None:
            self._daemon.limit_files(None)

    def close(self) -> None:
        if self.is_own:
            subprocess.run(["umount", "--lazy", str(self.folder)], capture_output=True, check=False)


def tear(database: Path, random: Random, pages: int) -> int:
    """Cut the last pages off the write-ahead log of a database that nobody has open, in the middle of one.

    What was copied into the database already stays: SQLite syncs the log before it copies, so no loss of power can take
    that. Gives the number of bytes that were cut.
    """
    log, index = (database.with_name(database.name + suffix) for suffix in ("-wal", "-shm"))
    if not log.exists() or not index.exists() or log.stat().st_size <= _WAL_HEADER:
        return 0
    with index.open("rb") as file:
        head = file.read(_INDEX_COPIED_FRAMES + 4)
    with log.open("rb") as file:
        page_size = int(struct.unpack(">8xI", file.read(12))[0])
    valid, copied = (
        int(struct.unpack_from("=I", head, place)[0]) for place in (_INDEX_VALID_FRAMES, _INDEX_COPIED_FRAMES)
    )
    first = max(valid - pages, copied)
    if valid <= first:
        return 0
    frame = _FRAME_HEADER + page_size
    keep = _WAL_HEADER + first * frame + random.randrange(frame)
    size = int(log.stat().st_size)
    os.truncate(log, keep)
    return size - keep
