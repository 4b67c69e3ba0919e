"""Is a message the same text at every door, in and out, and is the same refused at all of them?

Each text is posted at each of the posters' doors, and read, byte for byte, at each of the listeners': live, from
history, and from the file after a restart.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from oyez.errors import ProtocolError
from oyez.wire import amqp_records
from tests.contract.messages import NO_JSON, TEXTS, as_lines, as_passed_on
from tests.daemon import KEY, Daemon
from tests.eventsource import Stream
from tests.integration.dialects import POST_LISTENER, RawListener, RawPoster, poll, post_port
from tests.integration.links import Poller, Sender, listen
from tests.raw import TEXT, Closed, frame, request
from tests.scenarios import new_channel


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("messages")
    store = f"sqlite://{folder / 'events.sqlite3'}"
    with Daemon(folder, "--broker", store, settings=POST_LISTENER) as daemon:
        yield daemon


# --- posters: each gives the id, or None when the message was refused -------------------------------------------------

Post = Callable[[Daemon, str, bytes], int | None]


def packet(channel: str, text: bytes) -> bytes:
    return b'427["post",{"channel":"%b","message":%b}]' % (channel.encode(), text)


def read_ack(answer: str) -> int:
    assert answer.startswith('437[{"status":"success","id":'), answer
    return int(json.loads(answer[3:])[0]["id"])


def post_by_socketio(daemon: Daemon, channel: str, text: bytes) -> int | None:
    with Sender(daemon.port) as sender:
        sender.raw(frame(TEXT, packet(channel, text)))
        try:
            return read_ack(str(sender.receive()))
        except Closed:
            return None


def post_by_polling(daemon: Daemon, channel: str, text: bytes) -> int | None:
    poller = Poller(daemon.port, {"role": "sender", "token": KEY})
    assert request(daemon.port, "POST", poller.target, packet(channel, text)).status == 200
    return None if poller.is_gone else read_ack(poller.packets()[-1])


def post_raw(poster: RawPoster, channel: str, text: bytes) -> int | None:
    with poster:
        poster.raw(frame(TEXT, b'{"command":"post","channel":"%b","message":%b}' % (channel.encode(), text)))
        try:
            reply = poster.value()
        except Closed:  # bytes that are no UTF-8
            return None
    assert reply["status"] == "success" or reply["code"] == "syntax-error", reply
    return int(reply["id"]) if reply["status"] == "success" else None


def post_by_websocket(daemon: Daemon, channel: str, text: bytes) -> int | None:
    return post_raw(RawPoster(daemon.port), channel, text)


def post_at_the_second_address(daemon: Daemon, channel: str, text: bytes) -> int | None:
    return post_raw(RawPoster(post_port(daemon), key=None), channel, text)


def publish(daemon: Daemon, body: bytes) -> Any:
    answer = request(daemon.port, "POST", "/api/publish", body, Authorization=f"Bearer {KEY}")
    if answer.status == 400:
        assert json.loads(answer.body)["code"] == "bad-json", answer
        return None
    assert answer.status == 200, answer
    return json.loads(answer.body)


def post_by_http(daemon: Daemon, channel: str, text: bytes) -> int | None:
    answer = publish(daemon, b'{"channel":"%b","message":%b}' % (channel.encode(), text))
    return None if answer is None else int(answer["id"])


def post_to_many(daemon: Daemon, channel: str, text: bytes) -> int | None:
    answer = publish(daemon, b'{"channels":["nobody\'s","%b"],"message":%b}' % (channel.encode(), text))
    return None if answer is None else int(answer["ids"][1])


def post_a_batch(daemon: Daemon, channel: str, text: bytes) -> int | None:
    event = b'{"channel":"%b","message":%b}' % (channel.encode(), text)
    answer = publish(daemon, b'{"events":[{"channel":"nobody\'s","message":"\\ud800"},%b]}' % event)
    return None if answer is None else int(answer["ids"][1])


POSTERS: Mapping[str, Post] = {
    "Socket.IO": post_by_socketio,
    "Socket.IO, polling": post_by_polling,
    "raw WebSocket": post_by_websocket,
    "second address": post_at_the_second_address,
    "HTTP": post_by_http,
    "HTTP, many channels": post_to_many,
    "HTTP, batch": post_a_batch,
}


def event(event_id: int, channel: str, text: bytes) -> bytes:
    return b'{"id":%d,"channel":"%b","message":%b}' % (event_id, channel.encode(), text)


def check_history(daemon: Daemon, channel: str, posted: list[tuple[int, bytes]]) -> None:
    """Require the messages at the doors that are asked for what was, and at the others when they come back."""
    before, (last, _) = posted[0][0] - 1, posted[-1]
    events = [event(event_id, channel, as_passed_on(text)) for event_id, text in posted]
    answer = request(daemon.port, "GET", f"/api/channels/{channel}/history", Authorization=f"Bearer {KEY}")
    assert b'{"events":[%b],' % b",".join(events) in answer.body.encode()
    for (event_id, _), expected in zip(posted, events, strict=True):
        assert poll(daemon.port, channel, last=event_id - 1).body.encode() == expected
    poller = Poller(daemon.port)
    poller.post(
        "42" + json.dumps(["start-msg", {"start": before}]), "42" + json.dumps(["set-filter", {"filter": [channel]}])
    )
    packets: list[bytes] = []
    while not packets or b'"id":%d,' % last not in packets[-1]:
        packets += [each.encode() for each in poller.packets()]
    assert packets[-len(events) :] == [b'42["message",%b]' % each for each in events]
    with RawListener(daemon.port, channel, start=before) as listener:
        assert [listener.receive_frame()[1] for _ in events] == events


@pytest.mark.parametrize("door", POSTERS)
def test_a_message_is_passed_on_as_the_text_that_it_is(daemon: Daemon, door: str) -> None:
    channel, posted = new_channel(), []
    with ExitStack() as doors:
        socketio = doors.enter_context(listen(daemon.port, channel))
        raw = doors.enter_context(RawListener(daemon.port, channel))
        stream = doors.enter_context(Stream(daemon.port, f"/sse?channels={channel}"))
        assert socketio.event()[0] == "status"
        assert stream.record().event == "status"
        for text in TEXTS.values():
            event_id = POSTERS[door](daemon, channel, text)
            assert event_id is not None, f"{text!r} is refused"
            posted.append((event_id, text))
            expected = event(event_id, channel, as_passed_on(text))
            assert socketio.receive_frame() == (TEXT, b'42["message",%b]' % expected)
            assert raw.receive_frame() == (TEXT, expected)
            assert stream.record().data.encode() == event(event_id, channel, as_lines(text))
    check_history(daemon, channel, posted)


@pytest.mark.parametrize("door", POSTERS)
def test_what_is_no_json_is_refused(daemon: Daemon, door: str) -> None:
    channel = new_channel()
    taken = [name for name, text in NO_JSON.items() if POSTERS[door](daemon, channel, text) is not None]
    assert taken == []


def test_the_file_gives_the_texts_back(daemon: Daemon) -> None:
    channel = new_channel()
    posted = [(post_by_http(daemon, channel, text) or 0, text) for text in TEXTS.values()]
    daemon.stop()
    daemon.start()
    check_history(daemon, channel, posted)


# --- AMQP, whose records are read and written here alone --------------------------------------------------------------


def parse(body: bytes) -> amqp_records.AmqpRecord:
    return amqp_records.parse_record(body, max_channel_length=100, max_body_bytes=2**20)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_amqp_passes_it_on(text: bytes) -> None:
    record = parse(b'{"id":5,"channel":"a","message":%b}' % text)
    assert record.message == as_passed_on(text)
    again = amqp_records.encode_record(5, "a", record.message, [b"x"] if b"_placeholder" in text else ())
    assert parse(again).message == record.message


@pytest.mark.parametrize("text", NO_JSON.values(), ids=NO_JSON.keys())
def test_amqp_refuses_it(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(b'{"id":5,"channel":"a","message":%b}' % text)
