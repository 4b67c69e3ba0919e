"""Is the folder for what outlives a program the one that the environment means, and is a user without one told?"""

import os
import pwd
from pathlib import Path

import pytest

from oyez.config import state_folder
from oyez.config.broker_url import SqliteUrl, parse_broker_url
from oyez.config.load import load
from oyez.errors import ConfigError


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "STATE_DIRECTORY", "HOME"):
        monkeypatch.delenv(name, raising=False)


def forget_user(_: int) -> None:
    raise KeyError("no entry in passwd")


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/me"}, "/state/oyez"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.local/state/oyez"),
        ({"XDG_STATE_HOME": "~/state", "HOME": "/home/me"}, "/home/me/.local/state/oyez"),
        ({"XDG_STATE_HOME": "", "HOME": "/home/me"}, "/home/me/.local/state/oyez"),
        ({"HOME": "/"}, "/.local/state/oyez"),  # as container runtimes have it for users that they do not know
        ({"STATE_DIRECTORY": "/var/lib/oyez:/var/lib/more", "HOME": "/home/me"}, "/var/lib/oyez"),
        ({"STATE_DIRECTORY": "oyez", "HOME": "/home/me"}, "/home/me/.local/state/oyez"),
        ({"STATE_DIRECTORY": "", "XDG_STATE_HOME": "/state"}, "/state/oyez"),
        ({}, f"{pwd.getpwuid(os.getuid()).pw_dir}/.local/state/oyez"),
    ],
)
def test_events_are_in_the_folder_that_the_environment_means(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert parse_broker_url("sqlite://") == SqliteUrl(Path(folder) / "events.sqlite3", synced=False)


@pytest.mark.parametrize("home", [None, "relative", "./home"])
def test_a_user_without_a_home_is_told_which_setting_to_make(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    monkeypatch.setattr(pwd, "getpwuid", forget_user)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    assert state_folder.find() is None
    for flags in ({}, {"broker": "sqlite://"}, {"broker": "sqlite://?durability=disk"}):
        with pytest.raises(ConfigError, match="this user has no home") as caught:
            load(None, {}, flags)
        assert caught.value.key == "broker"
    for broker in ("memory://", "sqlite:///var/lib/oyez/events.sqlite3"):
        assert load(None, {}, {"broker": broker}).broker == broker
