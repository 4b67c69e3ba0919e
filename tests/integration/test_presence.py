"""Is whoever asks at each door told how many listen, at all doors together, and nobody else?"""

import time
from collections.abc import Iterator

import pytest

from oyez.client import grant
from tests.api import publish
from tests.daemon import KEY, Daemon
from tests.eventsource import Stream
from tests.integration.dialects import RawListener
from tests.integration.links import Link, listen
from tests.raw import Call

SETTINGS = {
    "channels": [
        {"match": "tickets", "listen": "grant", "presence": "count"},
        {"match": "room*", "presence": "count"},
    ]
}


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("counting"), settings=SETTINGS) as daemon:
        yield daemon


def ask(daemon: Daemon, *channels: str) -> Link:
    link = listen(daemon.port)
    link.emit("set-filter", {"filter": channels, "presence": True})
    assert link.event()[0] == "status"
    return link


def told(channel: str, count: int) -> dict[str, object]:
    return {"channel": channel, "count": count}


def test_a_listener_of_socketio_is_told_behind_its_status(counting: Daemon) -> None:
    with ask(counting, "room", "elsewhere") as link:
        assert link.event() == ("listeners", told("room", 1))
        link.emit("last-msg")
        assert link.event()[0] == "last-response", "nothing is told of a channel that no rule has counted"
        link.emit("set-filter", {"filter": ["room", "room2"], "presence": True})
        assert link.event()[0] == "status"
        assert link.event() == ("listeners", told("room2", 1))


def test_a_raw_listener_and_a_stream_are_told_in_their_own_words(counting: Daemon) -> None:
    raw = RawListener(counting.port)
    raw.command("set-filter", filter=["room-a"], presence=True)
    assert raw.value() == {"status": "listeners", "channel": "room-a", "count": 1}
    stream = Stream(counting.port, "/sse?channel=room-a&presence=1")
    records = [stream.record() for _ in range(2)]
    assert [record.event for record in records] == ["status", "listeners"]
    assert records[1].json == told("room-a", 2)
    (posted,) = counting.post("room-a", "hello")
    assert stream.record().json == posted
    assert raw.events(1) == [posted]


def test_all_doors_count_and_a_change_is_told_within_seconds(counting: Daemon) -> None:
    with ask(counting, "room-b") as link:
        assert link.event() == ("listeners", told("room-b", 1))
        began = time.monotonic()
        silent = RawListener(counting.port, "room-b")
        stream = Stream(counting.port, "/sse?channel=room-b")
        poll = Call(counting.port, "GET", f"/channels/room-b?last={counting.last()}&presence=1")
        assert stream.record().event == "status"
        assert link.event() == ("listeners", told("room-b", 4))
        assert time.monotonic() - began >= 4.5
        assert publish(counting, {"channel": "room-b"})["listeners"] == 4
        assert poll.answer().status == 200
        assert stream.record().event == "message"
        assert silent.value()["channel"] == "room-b"
        silent.check_nothing_more()


def test_a_reload_is_no_event(counting: Daemon) -> None:
    with ask(counting, "room-c") as witness:
        assert witness.event() == ("listeners", told("room-c", 1))
        with ask(counting, "room-c") as page:
            assert page.event() == ("listeners", told("room-c", 2))
            assert witness.event() == ("listeners", told("room-c", 2))
        with ask(counting, "room-c") as page:
            assert page.event() == ("listeners", told("room-c", 2))
        assert witness.event() == ("listeners", told("room-c", 1)), "what comes next: who left for good"


def test_the_bare_name_of_a_granted_channel_is_told(counting: Daemon) -> None:
    name = grant("tickets", 42, key=KEY)
    with ask(counting, name) as link:
        assert link.event() == ("listeners", told("tickets", 1))


def test_no_rule_no_counts(daemon: Daemon) -> None:
    with ask(daemon, "room") as link:
        link.emit("last-msg")
        assert link.event()[0] == "last-response"
