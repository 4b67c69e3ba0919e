"""Is a reading of settings waited for in bounded time, and is there one at a time?"""

import asyncio
from threading import Event, current_thread
from threading import enumerate as enumerate_threads

import pytest

from oyez.config.load import Loaded
from oyez.config.tree import Settings
from oyez.errors import ConfigError
from oyez.server.reading import SettingsReader

LOADED = Loaded(Settings(), {}, ())


class Files:
    """Files that come when the test says so."""

    def __init__(self, *, hang: bool) -> None:
        self.are_there = Event()
        self.readings = 0
        self.error: Exception | None = None
        self.is_daemon = False
        if not hang:
            self.are_there.set()

    def read(self) -> Loaded:
        self.readings += 1
        self.is_daemon = current_thread().daemon
        self.are_there.wait()
        if self.error is not None:
            raise self.error
        return LOADED


def test_what_was_read_is_returned_and_an_error_is_raised() -> None:
    files = Files(hang=False)

    async def play() -> None:
        reader = SettingsReader(files.read)
        assert await reader.read() is LOADED
        files.error = ConfigError("port", "x", "a number")
        with pytest.raises(ConfigError, match="port = 'x' is wrong"):
            await reader.read()
        files.error = None
        assert await reader.read() is LOADED

    asyncio.run(play())
    assert files.is_daemon  # else the end of the process would wait for it


def test_a_reading_that_hangs_is_given_up_and_there_is_no_other_until_it_ends() -> None:
    files = Files(hang=True)

    async def play() -> None:
        reader = SettingsReader(files.read, patience_s=0.01)
        with pytest.raises(ConfigError, match=r"cannot be read within 0\.01 s"):
            await reader.read()
        for _ in range(3):
            with pytest.raises(ConfigError, match="has not been read since the last time"):
                await reader.read()
        assert files.readings == 1
        files.are_there.set()
        assert reader._outcome is not None
        await reader._outcome
        reader._patience_s = 60.0
        assert await reader.read() is LOADED

    asyncio.run(play())


def test_a_reading_that_hangs_ends_silently_after_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[object] = []
    monkeypatch.setattr("threading.excepthook", errors.append)
    files = Files(hang=True)
    with pytest.raises(ConfigError):
        asyncio.run(SettingsReader(files.read, patience_s=0.01).read())  # and the loop is closed
    (thread,) = [thread for thread in enumerate_threads() if thread.name == "oyez-reload"]
    files.are_there.set()
    thread.join()
    assert not errors
