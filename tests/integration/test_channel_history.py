"""Do rules for channels count for what a daemon keeps: for listeners who come back, for the API, after a restart?"""

from pathlib import Path
from typing import Any

import pytest

from tests.api import history, publish
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.links import listen
from tests.sqlite_store import NAME, query

RULES = [
    {"match": "tickets", "history_size": 4, "history_ttl_s": 3600, "replay_without_start": 3},
    {"match": "short_*", "history_ttl_s": 0.001, "replay_without_start": 0},
    {"match": "s*", "history_size": 1},
    {"match": "end", "replay_without_start": 0},
]
HISTORY = {"history.size": 2, "history.replay_without_start": 1}


def messages(daemon: Daemon, channel: str, query: str = "") -> list[Any]:
    return [event["message"] for event in history(daemon, channel, query)["events"]]


def post(daemon: Daemon, channel: str, count: int) -> list[int]:
    return [publish(daemon, {"channel": channel, "message": number})["id"] for number in range(count)]


def replayed(daemon: Daemon, *channels: str, start: int | None = None) -> tuple[list[tuple[str, Any]], Any]:
    """What a listener gets before what is posted once it is there; and what its filter was answered with."""
    with listen(daemon.port, *channels, "end", start=start) as link:
        name, status = link.event()
        assert name == "status"
        end = publish(daemon, {"channel": "end", "message": None})["id"]
        got: list[tuple[str, Any]] = []
        while (told := link.event()) and told[1].get("id") != end:
            name, event = told
            if event["channel"] != "end":
                got.append(("gap", event["channel"]) if name == "gap" else (event["channel"], event["message"]))
        return got, status


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_each_channel_keeps_what_the_first_rule_that_fits_says(
    start_daemon: StartDaemon, tmp_path: Path, store: str
) -> None:
    broker = f"sqlite://{tmp_path / NAME}" if store == "sqlite" else "memory://"
    daemon = start_daemon("--broker", broker, settings={**HISTORY, "channels": RULES})
    for channel in ("tickets", "short_1", "s_2", "news"):
        post(daemon, channel, 6)
    assert messages(daemon, "tickets") == [2, 3, 4, 5]
    assert messages(daemon, "s_2") == [5]
    assert messages(daemon, "news") == [4, 5]


def test_who_names_no_start_gets_what_the_rule_says(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={**HISTORY, "channels": RULES})
    for channel in ("tickets", "s_2", "news"):
        post(daemon, channel, 6)
    assert replayed(daemon, "tickets", "news")[0] == [("tickets", 3), ("tickets", 4), ("tickets", 5), ("news", 5)]
    assert replayed(daemon, "short_1", "s_2")[0] == [("s_2", 5)]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_lives_longer_is_there_after_a_restart_and_the_rest_is_told_of(
    start_daemon: StartDaemon, tmp_path: Path, end: str
) -> None:
    """All of it is ten minutes old by then: that is written into the file."""
    settings = {**HISTORY, "history.ttl_s": 60, "sqlite.max_age_s": 60, "channels": RULES}
    daemon = start_daemon("--broker", f"sqlite://{tmp_path / NAME}", settings=settings)
    first = post(daemon, "tickets", 3)
    post(daemon, "news", 3)
    daemon.stop() if end == "stop" else daemon.kill()
    query(tmp_path / NAME, "UPDATE events SET time_ms = time_ms - 600000")
    daemon.start()
    post(daemon, "news", 1)
    assert (messages(daemon, "tickets"), messages(daemon, "news")) == ([0, 1, 2], [0])
    assert replayed(daemon, "tickets", start=first[0])[0] == [("tickets", 1), ("tickets", 2)]
    got, status = replayed(daemon, "tickets", "news", start=first[0])
    assert status["recovered"] is False
    assert got == [("gap", "news"), ("tickets", 1), ("tickets", 2), ("news", 0)]
    daemon.restart()
    assert messages(daemon, "tickets") == [0, 1, 2]
    left = query(tmp_path / NAME, "SELECT channel, count(message) FROM events WHERE channel != 'end' GROUP BY channel")
    assert left == [("news", 1), ("tickets", 3)], "what is too old for its rule has left the file"
    assert replayed(daemon, "tickets", "news", start=first[0])[0] == got


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_is_in_memory_only_is_told_of_after_a_restart_and_nothing_else_is(
    start_daemon: StartDaemon, tmp_path: Path, end: str
) -> None:
    rules = [{"match": "live_*", "keep": False}, {"match": "end", "replay_without_start": 0}]
    daemon = start_daemon("--broker", f"sqlite://{tmp_path / NAME}", settings={"channels": rules})
    first, *_ = post(daemon, "live_1", 3)
    post(daemon, "news", 1)
    (last,) = post(daemon, "live_1", 1)
    assert messages(daemon, "live_1") == [0, 1, 2, 0]
    assert replayed(daemon, "live_1", start=first)[0] == [("live_1", 1), ("live_1", 2), ("live_1", 0)]
    daemon.stop() if end == "stop" else daemon.kill()
    assert {channel for (channel,) in query(tmp_path / NAME, "SELECT channel FROM events")} == {"news", "end"}
    daemon.start()
    assert messages(daemon, "live_1") == []
    got, status = replayed(daemon, "live_1", "news", "live_never", start=last)
    assert status["recovered"] is False
    assert got == [("gap", "live_1"), ("gap", "live_never")], "the other channel goes on without one"
    (posted,) = post(daemon, "live_1", 1)
    assert posted > last
    assert replayed(daemon, "live_1", start=posted - 1)[0] == [("live_1", 0)]
