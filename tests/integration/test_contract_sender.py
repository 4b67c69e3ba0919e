"""What a sender is told, to the byte, and what becomes of the messages that it posts."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.daemon import Daemon
from tests.integration.links import SUCCESS, Link, Poller, Sender, listen
from tests.raw import NO_CODE
from tests.scenarios import new_channel

REFUSAL = '{"status":"error","code":"invalid-channel","message":"Invalid channel"}'


@pytest.fixture
def sender(daemon: Daemon) -> Iterator[Sender]:
    with Sender(daemon.port) as sender:
        yield sender


@pytest.fixture
def channel() -> str:
    return new_channel()


@pytest.fixture
def follower(daemon: Daemon, channel: str) -> Iterator[Link]:
    with listen(daemon.port, channel) as link:
        assert link.receive() == SUCCESS
        yield link


def test_post_is_acknowledged_or_answered_by_an_event(sender: Sender, channel: str, follower: Link) -> None:
    sender.emit("post", {"channel": channel, "message": 1}, ack=0)
    (event,) = follower.messages(1)
    assert sender.receive() == f'430[{{"status":"success","id":{event["id"]}}}]'
    sender.emit("post", {"channel": channel, "message": 2})
    (event,) = follower.messages(1)
    assert sender.receive() == f'42["post-response",{{"status":"success","id":{event["id"]}}}]'


def test_last_msg_is_acknowledged_or_answered_by_an_event(sender: Sender) -> None:
    sender.emit("last-msg", ack=12)
    answer = str(sender.receive())
    last = json.loads(answer[4:])[0]["id"]
    assert answer == f'4312[{{"status":"success","id":{last}}}]'
    sender.emit("last-msg")
    assert sender.receive() == answer.replace("4312[", '42["last-response",')


@pytest.mark.parametrize("arguments", ["{}", "null", "5", '"x"', "{},5", "[]"])
def test_last_msg_takes_any_argument(sender: Sender, arguments: str) -> None:
    sender.send(f'421["last-msg",{arguments}]')
    assert str(sender.receive()).startswith('431[{"status":"success","id":')


@pytest.mark.parametrize(
    "arguments",
    ["", ",null", ",5", ',"x"', ",[]", ",{}", ',{"channel":null}', ',{"channel":5}', ',{"channel":["x"]}',
     ',{"channel":""}', ',{"message":"x"}', ',{"channel":"%s"}' % ("x" * 101), ',{"channel":"%s"}' % ("😀" * 51),
     ',{"channel":"","message":"\\ud800"}', ',{"channel":{},"message":"\\ud800"}'],
    ids=lambda text: text.encode("ascii", "replace").decode()[:30],
)  # fmt: skip
def test_post_without_a_usable_channel_is_refused(sender: Sender, arguments: str) -> None:
    sender.send(f'421["post"{arguments}]')
    assert sender.receive() == f"431[{REFUSAL}]"
    sender.send(f'42["post"{arguments}]')
    assert sender.receive() == f'42["error",{REFUSAL}]'


@pytest.mark.parametrize("name", ["😀" * 50, "x" * 100, "é" * 100, " ", "constructor", "\0", "a\x1eb"])
def test_channel_may_have_a_hundred_units_of_any_kind(daemon: Daemon, sender: Sender, name: str) -> None:
    with listen(daemon.port, name, start=sender.last()) as link:
        link.receive()
        assert sender.post(name, "x") == link.messages(1)


def test_arguments_after_the_post_are_ignored(sender: Sender, channel: str, follower: Link) -> None:
    sender.send(f'421["post",{{"channel":"{channel}","message":1}},5,null]')
    assert str(sender.receive()).startswith('431[{"status":"success"')
    assert follower.messages(1)[0]["message"] == 1


def test_sender_is_no_listener(daemon: Daemon, sender: Sender, channel: str) -> None:
    sender.emit("start-msg", {"start": 0}, ack=1)
    sender.emit("set-filter", {"filter": [channel]}, ack=2)
    sender.emit("set-filter", {"filter": []})
    sender.emit("unknown", ack=3)
    sender.emit("error", {"x": 1})
    with Sender(daemon.port) as other:
        other.post(channel, "not for senders")
    sender.check_nothing_more()


@pytest.mark.parametrize(
    "text",
    ["null", "true", "0", "-0", "1.0", "1e400", "12345678901234567890", '""', '"né ☃ 😀"', '"\\u0000\\n\\/"', "[]",
     "{}",
     ' { "b" : [ 1 , 2 ] , "a" : null } ', '{"a":1,"a":2}', '"\x7f\u2028"', '"</script>"', "9" * 5000,
     "[" * 900 + "]" * 900, '{"_placeholder":true,"num":3}'],
    ids=lambda text: ascii(text[:20]),
)  # fmt: skip
def test_message_passes_as_the_text_that_it_is(sender: Sender, channel: str, follower: Link, text: str) -> None:
    sender.send(f'42["post",{{"channel":"{channel}","message":{text}}}]')
    event_id = json.loads(str(sender.receive())[2:])[1]["id"]
    packet = str(follower.receive())
    assert packet.replace(" ", "") == (
        f'42["message",{{"id":{event_id},"channel":"{channel}","message":{text}}}]'.replace(" ", "")
    )


@pytest.mark.parametrize(
    "text",
    ['"\\ud800"', '["\\udfff",1e400,1.50]', '{"\\ud800":"\\ud83d\\ude00"}', '["\\ud800",' + "9" * 5000 + "]"],
    ids=lambda text: text[:16],
)
def test_lone_surrogates_arrive_as_escapes(sender: Sender, channel: str, follower: Link, text: str) -> None:
    sender.send(f'421["post",{{"channel":"{channel}","message":{text}}}]')
    assert str(sender.receive()).startswith('431[{"status":"success"')
    packet = str(follower.receive())
    assert packet.endswith(f',"message":{text}}}]')


BROKEN = [
    "01", "1.", ".5", "+1", "-", "1e", "tru", "NaN", "Infinity", "-Infinity", "[1,]", '{"a":1,}', "{a:1}", "'x'", "1 2",
    "", '"\x01"', '"\x1e"', '"\t"', '"\\q"', '"\\u12"', '["\\ud800",NaN]', '"\\ud800" 1', "[" * 901 + "]" * 901,
    '{"a":' * 4500 + "1" + "}" * 4500, '"\\ud800",' + "[" * 4500 + "]" * 4500,
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: ascii(text[:12]))
def test_message_that_is_no_json_closes_the_link_and_reaches_nobody(
    daemon: Daemon, sender: Sender, channel: str, follower: Link, text: str
) -> None:
    sender.send(f'421["post",{{"channel":"{channel}","message":{text}}}]')
    assert sender.close_code() == NO_CODE
    follower.check_nothing_more()


def test_binary_values_are_forwarded_as_binary(daemon: Daemon, sender: Sender, channel: str, follower: Link) -> None:
    places = [f'{{"_placeholder":true,"num":{n}}}' for n in range(2)]
    body = f'{{"channel":"{channel}","message":[{places[0]},"between",{places[1]}]}}'
    poller = Poller(daemon.port)
    poller.post(f'42["set-filter",{{"filter":["{channel}"]}}]')
    assert poller.packets() == [SUCCESS]
    sender.send(f'452-1["post",{body}]', b"\x00\xff", b"")
    answer = str(sender.receive())
    event_id = json.loads(answer[3:])[0]["id"]
    packet = f'452-["message",{{"id":{event_id},{body[1:]}]'
    assert follower.take(3) == [packet, b"\x00\xff", b""]
    assert poller.packets() == [packet, "bAP8=", "b"]
    with listen(daemon.port, channel) as late:
        assert late.take(4) == [SUCCESS, packet, b"\x00\xff", b""]


def test_ids_rise_on_the_scale_of_milliseconds(sender: Sender, channel: str) -> None:
    before = int(time.time() * 1000)
    ids = [event["id"] for event in sender.post(channel, *range(200))]
    assert ids == sorted(set(ids))
    assert before - 1000 < ids[0]
    assert ids[-1] < time.time() * 1000 + 60_000
    assert sender.last() == ids[-1]


def test_first_last_msg_is_the_time_of_the_start(own_daemon: Daemon) -> None:
    with Sender(own_daemon.port) as sender:
        assert 0 <= time.time() * 1000 - sender.last() < 60_000
        assert sender.post("x", 1)[0]["id"] > 0


def test_post_to_the_id_of_a_session_reaches_nobody(daemon: Daemon, sender: Sender) -> None:
    with listen(daemon.port) as link:
        for packet in (link.handshake, link.connected):
            sender.post(json.loads(packet[packet.index("{") :])["sid"], "psst")
        link.check_nothing_more()


def test_posts_over_polling_are_answered_in_one_payload(daemon: Daemon, channel: str, follower: Link) -> None:
    poller = Poller(daemon.port, {"role": "sender", "token": daemon.key})
    assert poller.connected.startswith('40{"sid":')
    poller.post(*(f'42{n}["post",{{"channel":"{channel}","message":{n}}}]' for n in range(3)))
    ids = [event["id"] for event in follower.messages(3)]
    assert poller.packets() == [f'43{n}[{{"status":"success","id":{ids[n]}}}]' for n in range(3)]
