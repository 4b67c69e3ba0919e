"""Does a listener lose a channel when its grant ends on the open link, and nothing else, at whichever door?"""

import json
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from oyez.client import grant
from tests.daemon import KEY, Daemon
from tests.integration.granted_doors import TOLD_WITHIN_S, ByRaw, ByStream, Doors
from tests.integration.links import Poller, listen, metrics
from tests.raw import Call

TTL_S = 600
SETTINGS = {
    "channels": [
        {"match": "seen", "listen": "observe", "grant_ttl_s": TTL_S},
        {"match": "t*", "listen": "grant", "grant_ttl_s": TTL_S},
    ]
}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("ruled"), settings=SETTINGS) as daemon:
        yield daemon


def named(channel: str = "tickets", subject: object = 42, *, left_s: float | None = None) -> str:
    """Return a name with a grant, which is good for so many seconds more."""
    return grant(channel, subject, key=KEY, issued_at=None if left_s is None else time.time() - TTL_S + left_s)


def poll(daemon: Daemon, *names: str) -> Call:
    return Call(daemon.port, "GET", f"/channels/{quote('|'.join(names))}?last={daemon.last()}")


def refusal_of(channel: str) -> tuple[int, str]:
    words = {"status": "error", "code": "not-allowed", "message": "This channel needs a grant", "channel": channel}
    return 403, json.dumps(words, separators=(",", ":"))


def test_a_grant_that_expires_takes_its_channel_along_at_every_door(ruled: Daemon) -> None:
    before = metrics(ruled.port)['oyez_grants_total{outcome="expired"}']
    end_s = int(time.time()) + 6
    name = named(left_s=6)
    doors = Doors(ruled, name, named("topic"), "news")
    polled = poll(ruled, name, "news")
    doors.require_words(("tickets", "expired"))
    assert polled.answer().error == refusal_of("tickets")
    assert 0 <= time.time() - end_s < TOLD_WITHIN_S
    doors.require_nothing_of("tickets", but="topic")
    doors.require_nothing_of("tickets", but="news")
    assert metrics(ruled.port)['oyez_grants_total{outcome="expired"}'] == before + 6


def test_a_link_whose_last_channel_goes_lives_and_takes_the_next_filter(ruled: Daemon) -> None:
    name = named(left_s=5)
    with listen(ruled.port, name, start=ruled.last()) as link:
        raw, stream = ByRaw(ruled, name), ByStream(ruled, name)
        assert link.event()[0] == "status"
        assert link.event() == ("revoked", {"channel": "tickets", "reason": "expired"})
        assert raw.word() == stream.word() == {"channel": "tickets", "reason": "expired"}
        missed = ruled.post("tickets", "meanwhile")
        link.emit("set-filter", {"filter": [name]})
        assert link.event()[1]["code"] == "not-allowed"
        link.emit("set-filter", {"filter": [named()]})
        assert link.event()[0] == "status"
        raw.listener.follow(named(), notify=True)
        assert raw.listener.value()["status"] == "success"
        missed += ruled.post("tickets", "again")
        assert link.messages(2) == raw.listener.events(2) == missed


def test_a_newer_grant_in_time_keeps_the_channel(ruled: Daemon) -> None:
    with listen(ruled.port, named(left_s=4), start=ruled.last()) as link:
        assert link.event()[0] == "status"
        link.emit("set-filter", {"filter": [named()]})
        assert link.event()[0] == "status"
        witness = ByRaw(ruled, named(left_s=4))
        assert witness.word()["reason"] == "expired"
        expected = ruled.post("tickets", "still here")
        assert link.messages(1) == expected


def test_who_is_only_observed_is_not_told_of_the_end_of_a_grant(ruled: Daemon) -> None:
    with listen(ruled.port, named("seen", left_s=3), named(left_s=3), start=ruled.last()) as link:
        assert link.event()[0] == "status"
        assert link.event() == ("revoked", {"channel": "tickets", "reason": "expired"})
        expected = ruled.post("seen", "for everybody")
        assert link.messages(1) == expected


def test_the_end_finds_a_session_that_has_changed_its_transport(ruled: Daemon) -> None:
    poller = Poller(ruled.port)
    poller.post("42" + json.dumps(["set-filter", {"filter": [named(left_s=4), "news"]}]))
    poller.packets()
    with poller.open_websocket() as link:
        link.send("2probe")
        assert link.receive() == "3probe"
        link.send("5")
        assert link.receive() == '42["revoked",{"channel":"tickets","reason":"expired"}]'
