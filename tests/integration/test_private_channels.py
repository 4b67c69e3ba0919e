"""Is nobody let into a channel that needs a grant without a good one, at whichever door, and everybody with one?"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from oyez import grants
from oyez.client import Event, Refused, grant, listen
from tests.api import call, history
from tests.command import on, oyez
from tests.daemon import KEY, Daemon
from tests.eventsource import Stream
from tests.integration.dialects import RawListener
from tests.integration.links import Poller, metrics
from tests.integration.links import listen as listen_by_socketio
from tests.integration.test_keys import as_holder
from tests.raw import request

BRIDGE = "key of the bridge"
TTL_S = 600
RULES = [
    {"match": "tickets", "listen": "grant", "grant_ttl_s": TTL_S},
    {"match": "t*", "listen": "grant", "grant_ttl_s": TTL_S},
    {"match": "seen", "listen": "observe"},
    {"match": "internal", "listen": "nobody"},
]
SETTINGS = {"keys": [{"name": "bridge", "key": BRIDGE, "may_post": ["tickets"]}], "channels": RULES}
LONGEST = "t" * 100


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("ruled"), settings=SETTINGS) as daemon:
        for channel in ("tickets", LONGEST, "seen", "internal", "news"):
            daemon.post(channel, "old")
        yield daemon


def named(channel: str = "tickets", *, key: str = KEY, age_s: float = 0) -> str:
    return grant(channel, 42, key=key, issued_at=time.time() - age_s)


def flip(name: str) -> str:
    """Change one bit of the signature."""
    return name[:-5] + ("A" if name[-5] != "A" else "B") + name[-4:]


# Each gives what a door says to somebody who asks for a name, and names no start: the newest event, or the refusal.


def by_socketio(daemon: Daemon, name: str) -> Any:
    with listen_by_socketio(daemon.port, "news", name) as link:
        kind, argument = link.event()
        if kind == "error":
            link.check_nothing_more()
            return argument
        assert (kind, argument["status"]) == ("status", "success")
        return next(event for event in link.messages(2) if event["channel"] != "news")


def by_polling(daemon: Daemon, name: str) -> Any:
    poller = Poller(daemon.port)
    poller.post("42" + json.dumps(["set-filter", {"filter": [name]}]))
    told = [json.loads(packet[2:]) for packet in poller.packets()]
    kind, argument = told.pop(0)
    if kind == "error":
        assert not told
        return argument
    assert (kind, argument["status"]) == ("status", "success")
    return told[0][1]


def by_raw_websocket(daemon: Daemon, name: str) -> Any:
    with RawListener(daemon.port, name) as listener:
        told = listener.value()
        listener.check_nothing_more()
        return told


def by_stream(daemon: Daemon, name: str) -> Any:
    with Stream(daemon.port, f"/sse?channel={quote(name)}") as stream:
        if stream.status != 200:
            return stream.status
        record = stream.record()
        assert record.event == "status"
        if record.json["status"] == "error":
            assert 15_000 <= (stream.reader.retry_ms or 0) <= 45_000
            assert stream.rest() == b""
            return record.json
        return stream.record().json


def by_long_poll(daemon: Daemon, name: str) -> Any:
    answer = request(daemon.port, "GET", f"/channels/{quote(name)}")
    assert answer.status in (200, 400, 403)
    return json.loads(answer.body) if answer.status != 400 else 400


DOORS = [by_socketio, by_polling, by_raw_websocket, by_stream, by_long_poll]
Ask = Callable[[Daemon, str], Any]


@pytest.mark.parametrize("ask", DOORS)
@pytest.mark.parametrize(
    ("name", "channel"),
    [
        (named, "tickets"),
        (lambda: named(key=BRIDGE), "tickets"),
        (lambda: grant("tickets", key=KEY), "tickets"),
        (lambda: named(age_s=TTL_S - 60), "tickets"),
        (lambda: named(age_s=-30), "tickets"),
        (lambda: named(LONGEST), LONGEST),
        (lambda: "seen", "seen"),
        (lambda: named("seen", key="another"), "seen"),
        (lambda: named("news"), "news"),
    ],
    ids=["right", "another key", "for nobody", "old", "ahead", "long", "observed", "observed bad", "open"],
)
def test_who_is_let_in_gets_events_of_the_bare_channel(
    ruled: Daemon, ask: Ask, name: Callable[[], str], channel: str
) -> None:
    if ask is by_socketio and channel == "news":
        return  # it follows that one besides
    event = ask(ruled, name())
    assert (event["channel"], event["message"]) == (channel, "old")


@pytest.mark.parametrize("ask", DOORS)
@pytest.mark.parametrize(
    ("name", "channel", "message"),
    [
        (lambda: "tickets", "tickets", "This channel needs a grant"),
        (lambda: flip(named()), "tickets", "This channel needs a grant"),
        (lambda: named()[:-1], "tickets", "This channel needs a grant"),
        (lambda: "tickets" + named("news")[4:], "tickets", "This channel needs a grant"),
        (lambda: named(key="another"), "tickets", "This channel needs a grant"),
        (lambda: named(LONGEST, key=BRIDGE), LONGEST, "This channel needs a grant"),
        (lambda: named(age_s=TTL_S + 1), "tickets", "This channel needs a grant"),
        (lambda: named(age_s=-90), "tickets", "This channel needs a grant"),
        (lambda: named("internal"), "internal", "Nobody may listen to this channel"),
    ],
    ids=["none", "one bit", "cut", "other channel", "other key", "key of others", "expired", "ahead", "nobody"],
)
def test_who_is_not_is_told_alike_at_every_door(
    ruled: Daemon, ask: Ask, name: Callable[[], str], channel: str, message: str
) -> None:
    refused = {"status": "error", "code": "not-allowed", "message": message, "channel": channel}
    assert ask(ruled, name()) == refused


@pytest.mark.parametrize("ask", DOORS)
def test_a_name_over_the_length_is_no_channel_whatever_its_grant(ruled: Daemon, ask: Ask) -> None:
    told = ask(ruled, named(LONGEST + "t"))
    assert told == 400 or "max 100 chars" in told["message"]


def test_a_refused_filter_changes_nothing(ruled: Daemon) -> None:
    with listen_by_socketio(ruled.port, "news") as link, RawListener(ruled.port, "news") as raw:
        assert link.event()[0] == "status"
        link.messages(1)
        raw.events(1)
        link.emit("set-filter", {"filter": ["tickets"]})
        assert link.event()[1]["code"] == raw.ask("set-filter", filter=["tickets"])["code"] == "not-allowed"
        ruled.post("tickets", "private")
        expected = ruled.post("news", "public")
        assert link.messages(1) == raw.events(1) == expected
    assert [event["message"] for event in history(ruled, "tickets")["events"]] == ["old", "private"]


def test_the_api_makes_grants_with_the_key_that_is_shown(ruled: Daemon, daemon: Daemon) -> None:
    reply = call(ruled, "POST", "grant", {"channel": "tickets", "subject": "42"})
    assert reply.data["ttl_s"] == TTL_S
    assert by_long_poll(ruled, reply.data["channel"])["channel"] == "tickets"
    assert call(ruled, "POST", "grant", {"channel": "tickets"}).data["channel"].startswith("tickets!.")
    made = as_holder(ruled, BRIDGE, "POST", "grant", {"channel": "tickets"}).data["channel"]
    assert is_signed_by(made, BRIDGE)
    assert by_long_poll(ruled, made)["channel"] == "tickets"
    for body, key, error in (
        ({"channel": LONGEST}, BRIDGE, (403, "may-not-post")),
        ({"channel": "tickets", "subject": "4 2"}, KEY, (400, "bad-request")),
        ({"channel": "tickets", "subject": 42}, KEY, (400, "bad-request")),
        ({"channel": "tickets", "ttl_s": 42}, KEY, (400, "bad-request")),
        ({"channel": LONGEST + "t"}, KEY, (400, "invalid-channel")),
        ({"subject": "42"}, KEY, (400, "invalid-channel")),
        (["tickets"], KEY, (400, "bad-json")),
    ):
        assert as_holder(ruled, key, "POST", "grant", body).error == error
    assert call(daemon, "POST", "grant", {"channel": "tickets"}).error == (409, "no-rules")


def is_signed_by(name: str, key: str) -> bool:
    found = grants.parse(name)
    assert found is not None
    return grants.is_signed_by(found, grants.derive_key(key))


def test_one_channel_by_two_grants_is_followed_once(ruled: Daemon) -> None:
    with RawListener(ruled.port, named(), grant("tickets", 43, key=KEY), start=ruled.last()) as listener:
        listener.check_nothing_more()
        expected = ruled.post("tickets", "once")
        assert listener.events(1) == expected
        listener.check_nothing_more()


def test_it_is_counted_what_came_of_names(tmp_path: Path) -> None:
    with Daemon(tmp_path, settings=SETTINGS) as daemon:
        for name in ("news", "tickets", flip(named()), named(age_s=TTL_S + 1), "seen", named("seen")):
            request(daemon.port, "GET", f"/channels/{quote(name)}?nowait=1")
        counted = metrics(daemon.port)
        assert counted['oyez_refusals_total{reason="refused-command"}'] == 3
        names = ("ok", "none", "bad", "expired", "observed")
        assert [counted[f'oyez_grants_total{{outcome="{name}"}}'] for name in names] == [1, 1, 1, 1, 1]


def test_back_ends_listen_by_grants_too(ruled: Daemon) -> None:
    event = next(listen(ruled.url, named()))
    assert isinstance(event, Event)
    assert (event.channel, event.message) == ("tickets", "old")
    with pytest.raises(Refused, match="This channel needs a grant"):
        next(listen(ruled.url, "tickets"))


def test_the_command_line_makes_grants_and_listens_by_them(ruled: Daemon) -> None:
    made = oyez("grant", "tickets", "--subject", "42", "--key", KEY)
    assert made.returncode == 0
    name = made.stdout.strip()
    assert name.startswith("tickets!42.")
    heard = oyez("listen", name, "--count", "1", **on(ruled))
    assert heard.stdout.split("\t")[1] == "tickets"
    assert oyez("listen", "tickets", **on(ruled)).returncode != 0
    for wrong in (("grant", "tickets"), ("grant", "tickets", "--subject", "4 2", "--key", KEY)):
        assert oyez(*wrong).returncode == 2


def test_without_rules_a_name_is_a_channel(daemon: Daemon) -> None:
    name = named()
    expected = daemon.post(name, 1)
    for ask in DOORS[1:]:
        assert ask(daemon, name) == expected[0]
    assert not [counted for counted in metrics(daemon.port) if counted.startswith("oyez_grants_total")]
