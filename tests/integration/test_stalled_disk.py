"""A disk that stands still under the SQLite store: posts wait for it, and nothing else does.

Where a file system may be mounted, one is frozen, as a snapshot does it: whoever writes to it is held up by the system
until it is thawed. Elsewhere another program locks the file, which the store waits for too.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.api import history, publish
from tests.daemon import Daemon
from tests.integration.dialects import RECOVERED, RawListener
from tests.integration.links import Sender
from tests.sqlite_store import NAME, locked

# The ends of FIFREEZE and FITHAW (linux/fs.h). A process of its own, which thaws when whoever started it is gone.
_FREEZE = """
import fcntl, os, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(folder, 0xC0045877, 0)
try:
    print("frozen", flush=True)
    sys.stdin.read()
finally:
    fcntl.ioctl(folder, 0xC0045878, 0)
"""


class Disk(Protocol):
    """A folder's disk, which can stand still."""

    @property
    def folder(self) -> Path: ...

    def stalled(self) -> contextlib.AbstractContextManager[object]: ...


class FrozenDisk:
    """For root: a file system in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self) -> bool:
        """Make it; False where that is not allowed."""
        image = self.folder.with_suffix(".image")
        with image.open("wb") as file:
            file.truncate(32 * 2**20)
        commands = (["mkfs.ext4", "-q", "-F", str(image)], ["mount", "-o", "loop", str(image), str(self.folder)])
        try:
            return not any(subprocess.run(command, check=False, capture_output=True).returncode for command in commands)
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        command = [sys.executable, "-c", _FREEZE, str(self.folder)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as freezer:
            try:
                assert freezer.stdout is not None
                assert freezer.stdout.readline() == "frozen\n"
                yield
            finally:
                freezer.communicate()
        assert freezer.returncode == 0

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)


class LockedFile:
    """For every user: another program holds a write transaction; after five seconds the store would refuse the post."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stalled(self) -> contextlib.AbstractContextManager[object]:
        return locked(self.folder / NAME)

    def close(self) -> None:
        """Nothing is left."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    frozen = FrozenDisk(folder)
    disk: FrozenDisk | LockedFile = frozen if frozen.mount() else LockedFile(folder)
    yield disk
    disk.close()


def test_a_disk_that_stands_still_holds_up_posts_and_nothing_else(disk: Disk, tmp_path: Path) -> None:
    with Daemon(tmp_path, "--broker", f"sqlite://{disk.folder / NAME}") as daemon:
        first, second = (publish(daemon, {"channel": "c", "message": number})["id"] for number in range(2))
        with (
            Sender(daemon.port) as sender,
            RawListener(daemon.port, "c", start=second, notify=True) as listener,
        ):
            assert listener.receive() == RECOVERED
            with disk.stalled():
                sender.emit("post", {"channel": "c", "message": "held up"}, ack=7)
                with RawListener(daemon.port, "c", start=first, notify=True) as latecomer:
                    assert latecomer.receive() == RECOVERED
                    assert [event["id"] for event in latecomer.events(1)] == [second]
                assert [event["id"] for event in history(daemon, "c")["events"]] == [first, second]
                listener.check_nothing_more()
            (outcome,) = json.loads(str(sender.receive()).removeprefix("437"))
            assert outcome["status"] == "success"
            assert [event["id"] for event in listener.events(1)] == [outcome["id"]]
