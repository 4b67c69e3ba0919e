"""The daemon on an SQLite file: second daemons, full disks, kills, the loss of power, other programs at the file."""

import json
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Protocol

import pytest

from tests.api import call, history, publish
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S, Inbox
from tests.integration.dialects import NOT_RECOVERED, RECOVERED, RawListener, RawPoster
from tests.integration.links import Sender, eventually, metrics
from tests.integration.test_lifecycle import SERVE, serve_in_vain
from tests.raw import Closed
from tests.sqlite_store import NAME, make, query

UNAVAILABLE = {"status": "error", "code": "unavailable", "message": "The event store cannot take posts now"}


def url(path: Path, query: str = "") -> str:
    return f"sqlite://{path}{query}"


def refused(path: Path) -> str:
    """Start a daemon that cannot have its file; gives what it says."""
    done = serve_in_vain("--port", "0", "--broker", url(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"oyez: broker = '{url(path)}' cannot be had: " in done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


# --- files that cannot be had -----------------------------------------------------------------------------------------


def test_a_second_daemon_on_the_file_is_refused_and_the_first_goes_on(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    path, link = tmp_path / "kept" / NAME, tmp_path / "link.sqlite3"
    first = start_daemon("--broker", url(path))
    posted = publish(first, {"channel": "c", "message": 1})
    link.symlink_to(path)
    for way in (path, link):
        assert f"in use by another daemon (process {first.pid}): end that one, or name another path" in refused(way)
    assert publish(first, {"channel": "c", "message": 2})["id"] > posted["id"]
    first.restart()
    assert [event["message"] for event in history(first, "c")["events"]] == [1, 2]


def test_a_file_that_is_no_good_ends_the_start_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"Lorem ipsum " * 1000)
    assert "file is not a database; name another path" in refused(path)
    assert "let the daemon's user write its folder, or name another path" in refused(path / NAME)


# --- a full disk ------------------------------------------------------------------------------------------------------


class Disk(Protocol):
    """A folder's disk, which can be full."""

    @property
    def folder(self) -> Path: ...

    def fill(self, daemon: Daemon) -> None: ...

    def free(self, daemon: Daemon) -> None: ...


class FileSizeLimit:
    """For every user: the daemon's files must not grow. SQLite sees an error of the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self, daemon: Daemon) -> None:
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (0, self._limit[1]))

    def free(self, daemon: Daemon) -> None:
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, self._limit)

    def close(self) -> None:
        """Nothing is left."""


class SmallDisk:
    """For root: a file system that has no room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def mount(self) -> bool:
        """Make it; False where that is not allowed."""
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "oyez-tests", str(self.folder)]
        return subprocess.run(mount, check=False, capture_output=True).returncode == 0

    def fill(self, daemon: Daemon | None = None) -> None:
        """Leave no room, not even for the last byte of a page."""
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                return

    def free(self, daemon: Daemon | None = None) -> None:
        self._ballast.unlink()

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)


def make_disk(kind: str, folder: Path) -> FileSizeLimit | SmallDisk:
    """Give a disk of a kind; where nothing may be mounted, the limit stands for both."""
    folder.mkdir()
    disk = SmallDisk(folder)
    return disk if kind == "small disk" and disk.mount() else FileSizeLimit(folder)


@pytest.fixture(params=["file size limit", "small disk"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    disk = make_disk(request.param, tmp_path / "disk")
    yield disk
    disk.close()


def test_a_full_disk_refuses_posts_at_every_door_until_there_is_room(disk: Disk, tmp_path: Path) -> None:
    path = disk.folder / NAME
    with Daemon(tmp_path, "--broker", url(path)) as daemon:
        kept = [publish(daemon, {"channel": "c", "message": 0})]
        with (
            Sender(daemon.port) as sender,
            RawPoster(daemon.port) as poster,
            RawListener(daemon.port, "c", start=kept[0]["id"], notify=True) as listener,
        ):
            assert listener.receive() == RECOVERED
            disk.fill(daemon)
            refuse_until_full(daemon, listener, kept)
            sender.emit("post", {"channel": "c", "message": "refused"}, ack=7)
            assert json.loads(str(sender.receive()).removeprefix("437")) == [UNAVAILABLE]
            assert poster.ask("post", channel="c", message="refused") == UNAVAILABLE
            reply = call(daemon, "POST", "publish", {"channel": "c", "message": "refused"})
            assert reply.error == (503, "unavailable")
            assert reply.headers["retry-after"] == "1"
            assert metrics(daemon.port)["oyez_broker_up"] == 0
            disk.free(daemon)
            kept += [{"id": sender.post("c", "back")[0]["id"]}]
            assert metrics(daemon.port)["oyez_broker_up"] == 1
            (event,) = listener.events(1)
            assert (event["id"], event["message"]) == (kept[-1]["id"], "back")
            listener.check_nothing_more()
        daemon.restart()
        replayed = history(daemon, "c", "?limit=1000")["events"]
        assert [event["id"] for event in replayed] == [event["id"] for event in kept]
        assert "refused" not in [event["message"] for event in replayed]
        assert daemon.stderr.count("posts are refused, since they cannot be kept") == 1
        assert "full" in daemon.stderr
        assert daemon.stderr.count("posts are taken again") == 1


def refuse_until_full(daemon: Daemon, listener: RawListener, kept: list[dict[str, int]]) -> None:
    """Post until the room runs out that the store's files have already; what is taken on the way is kept."""
    for number in range(1000):
        reply = call(daemon, "POST", "publish", {"channel": "c", "message": number})
        if reply.status != 200:
            return
        kept.append(reply.data)
        assert listener.events(1)[0]["id"] == reply.data["id"]
    raise AssertionError("the disk does not get full")


def test_a_disk_that_is_full_at_the_start_is_told(tmp_path: Path) -> None:
    disk = make_disk("small disk", tmp_path / "disk")
    command = [*SERVE, "--port", "0", "--broker", url(disk.folder / NAME)]
    if isinstance(disk, SmallDisk):
        disk.fill()
    else:
        command = ["prlimit", "--fsize=0", *command]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_S)
    finally:
        disk.close()
    assert done.returncode == 2
    assert "make room on the disk" in done.stderr or "see that the disk is well and not full" in done.stderr
    assert "Traceback" not in done.stderr


# --- the end of a process, or of the power ----------------------------------------------------------------------------


def test_a_kill_under_load_keeps_every_post_that_was_acknowledged(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon("--broker", url(tmp_path / NAME), settings={"history.size": 100_000})
    acknowledged: list[int] = []
    inbox = Inbox()

    def post_without_end() -> None:
        with Sender(daemon.port) as sender:
            try:
                while True:
                    acknowledged.extend(event["id"] for event in sender.post("c", *range(64)))
                    inbox.put("posted")
            except (Closed, OSError):
                return

    posting = Thread(target=post_without_end)
    posting.start()
    inbox.wait("posted", 10)
    daemon.kill()
    posting.join(10)
    daemon.start()
    with RawListener(daemon.port, "c", start=acknowledged[0] - 1, notify=True) as listener:
        assert listener.receive() == RECOVERED
        new = publish(daemon, {"channel": "c", "message": "new"})["id"]
        got: list[int] = []
        while new not in got:
            got.append(listener.events(1)[0]["id"])
    assert set(acknowledged) <= set(got)
    assert got == sorted(set(got))


def test_the_loss_of_power_is_told_and_what_is_left_is_replayed(start_daemon: StartDaemon, tmp_path: Path) -> None:
    path = tmp_path / NAME
    daemon = start_daemon("--broker", url(path))
    first, second = daemon.post("c", "one", "two")
    daemon.kill()
    query(path, "UPDATE meta SET value = 'another boot' WHERE name = 'unsynced_boot'")
    daemon.start()
    with RawListener(daemon.port, "c", start=first["id"], notify=True) as listener:
        assert listener.receive() == NOT_RECOVERED
        assert listener.value()["status"] == "gap"
        assert listener.events(1) == [second]
        (third,) = daemon.post("c", "three")
        assert listener.events(1) == [third]
    daemon.restart()  # what was lost then is known: who has the newest since is told of no gap
    with RawListener(daemon.port, "c", start=third["id"], notify=True) as listener:
        assert listener.receive() == RECOVERED


def test_synced_events_outlive_the_loss_of_power(start_daemon: StartDaemon, tmp_path: Path) -> None:
    path = tmp_path / NAME
    daemon = start_daemon("--broker", url(path, "?durability=disk"))
    first, second = daemon.post("c", "one", "two")
    daemon.kill()
    assert query(path, "SELECT value FROM meta WHERE name = 'unsynced_boot'") == [(None,)]
    daemon.start()
    with RawListener(daemon.port, "c", start=first["id"], notify=True) as listener:
        assert listener.receive() == RECOVERED
        assert listener.events(1) == [second]


# --- other programs at the file ---------------------------------------------------------------------------------------


def test_a_backup_is_taken_while_the_daemon_writes_and_restored(start_daemon: StartDaemon, tmp_path: Path) -> None:
    path, copy, other = (tmp_path / name for name in (NAME, "copy.sqlite3", "other.sqlite3"))
    daemon = start_daemon("--broker", url(path))
    first, second = daemon.post("c", "one", "two")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(other)) as target:
        assert source.execute("SELECT message FROM events").fetchall() == [('"one"',), ('"two"',)]
        source.execute(f"VACUUM INTO '{copy}'")
        (third,) = daemon.post("c", "three")  # while another program has the file open
        source.backup(target)
    daemon.stop()
    assert [query(each, "SELECT count(*) FROM events") for each in (copy, other)] == [[(2,)], [(3,)]]
    query(copy, "UPDATE meta SET value = 'restored' WHERE name = 'unsynced_boot'")
    shutil.copy(copy, path)
    daemon.start()
    with RawListener(daemon.port, "c", start=first["id"], notify=True) as listener:
        assert listener.receive() == NOT_RECOVERED, "the third event is not in the backup"
        assert listener.value()["status"] == "gap"
        assert listener.events(1) == [second]
        assert daemon.post("c", "four")[0]["id"] > third["id"]


def test_the_file_of_a_daemon_of_before_is_taken_over(start_daemon: StartDaemon, tmp_path: Path) -> None:
    start_daemon("--broker", url(make(tmp_path / NAME, 1000)), settings={"sqlite.max_events": 100})
    eventually(lambda: query(tmp_path / NAME, "SELECT count(*) FROM events") == [(100,)], "trimming of the file")
