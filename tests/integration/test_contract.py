"""What a listener is told, to the byte: every answer and error of the Socket.IO door."""

import json
from collections.abc import Iterator

import pytest

from tests.daemon import Daemon
from tests.integration.links import SUCCESS, Link, Sender, listen
from tests.scenarios import new_channel

INVALID_FILTER = '42["error",{"status":"error","code":"invalid-filter","message":"Invalid filter"}]'
TOO_MANY = (
    '42["error",{"status":"error","code":"too-many-subscriptions","message":"Maximum 10 subscriptions per connection"}]'
)
INVALID_CHANNEL = (
    '42["error",{"status":"error","code":"invalid-channel",'
    '"message":"Channel must be a non-empty string (max 100 chars)"}]'
)
UNAUTHORIZED = '42["error",{"status":"error","code":"unauthorized","message":"Unauthorized operation"}]'


@pytest.fixture
def sender(daemon: Daemon) -> Iterator[Sender]:
    with Sender(daemon.port) as sender:
        yield sender


@pytest.fixture
def link(daemon: Daemon) -> Iterator[Link]:
    with listen(daemon.port) as link:
        yield link


@pytest.mark.parametrize("ack", ["", "7"])
def test_answers_are_events_even_if_an_ack_was_asked_for(link: Link, ack: str) -> None:
    link.emit("start-msg", {"start": 0}, ack=ack)
    assert link.receive() == SUCCESS
    link.emit("set-filter", {"filter": [new_channel()]}, ack=ack)
    assert link.receive() == SUCCESS
    link.emit("set-filter", {"filter": []}, ack=ack)
    assert link.receive() == INVALID_FILTER
    link.emit("post", {"channel": "x", "message": 1}, ack=ack)
    assert link.receive() == UNAUTHORIZED
    link.emit("last-msg", ack=ack)
    packet = str(link.receive())
    last = json.loads(packet[2:])[1]["id"]
    assert packet == f'42["last-response",{{"status":"success","id":{last}}}]'


@pytest.mark.parametrize("text", ['"last-msg"', '"last-msg",null', '"last-msg",{}', '"last-msg",1,2'])
def test_last_msg_takes_anything(link: Link, text: str) -> None:
    link.send(f"42[{text}]")
    assert link.event()[0] == "last-response"


@pytest.mark.parametrize(
    "text", ['"error",{}', '"unknown"', "1", '"status",{"status":"x"}', '"message",{"id":1}', '""']
)
def test_other_events_are_ignored(link: Link, text: str) -> None:
    link.send(f"42[{text}]", f"425[{text}]")
    link.check_nothing_more()


@pytest.mark.parametrize(
    "text",
    ["", ",null", ",5", ',"x"', ",[]", ",{}", ',{"filter":null}', ',{"filter":"x"}', ',{"filter":{"0":"x"}}',
     ',{"filter":5}', ',{"filter":[]}', ',{"filters":["x"]}'],
)  # fmt: skip
def test_filter_that_is_none(link: Link, text: str) -> None:
    link.send(f'42["set-filter"{text}]')
    assert link.receive() == INVALID_FILTER


@pytest.mark.parametrize(
    ("channels", "answer"),
    [
        ([1] * 11, TOO_MANY),
        (["a"] * 11, TOO_MANY),
        ([""] * 11, TOO_MANY),
        ([str(n) for n in range(10_000 // 8)], TOO_MANY),
        (["a"] * 9 + [""], INVALID_CHANNEL),
        (["x" * 101], INVALID_CHANNEL),
        (["😀" * 51], INVALID_CHANNEL),
        (["😀" * 100], INVALID_CHANNEL),
        (["é" * 101], INVALID_CHANNEL),
        ([None], INVALID_CHANNEL),
        ([["a"]], INVALID_CHANNEL),
        ([7], INVALID_CHANNEL),
        (["😀" * 50], SUCCESS),
        (["x" * 100], SUCCESS),
        (["é" * 100], SUCCESS),
        (["\ud800" * 100], SUCCESS),
        (["constructor", "__proto__", " ", "\0", "a", "b", "c", "d", "e", "f"], SUCCESS),
        (["a"] * 10, SUCCESS),
    ],
    ids=lambda value: str(value).encode("ascii", "replace").decode()[:30],
)
def test_filter_is_checked_for_its_length_then_its_entries(link: Link, channels: list[object], answer: str) -> None:
    link.emit("set-filter", {"filter": channels})
    assert link.receive() == answer


@pytest.mark.parametrize("bad", [[], [""], ["a"] * 11, None])
def test_refused_filter_leaves_the_old_one(daemon: Daemon, sender: Sender, bad: object) -> None:
    channel = new_channel()
    with listen(daemon.port, channel) as link:
        assert link.receive() == SUCCESS
        link.emit("set-filter", {"filter": bad})
        assert str(link.receive()).startswith('42["error",')
        assert sender.post(channel, "x") == link.messages(1)
