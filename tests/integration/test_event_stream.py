"""The event stream, to the byte: head, records, positions, and the ends of a stream."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.daemon import Daemon
from tests.eventsource import RecordReader, Stream
from tests.integration.bystanders import Bystanders, refusals
from tests.integration.dialects import RawListener, RawPoster
from tests.integration.links import eventually, metrics, rss_mb
from tests.raw import WebSocket, dial, read_to_end, request
from tests.scenarios import new_channel


@pytest.fixture
def poster(daemon: Daemon) -> Iterator[RawPoster]:
    with RawPoster(daemon.port) as poster:
        yield poster


def follow(
    daemon: Daemon, *channels: str, last: object = None, receive_buffer: int | None = None, **headers: str
) -> Stream:
    """Open a stream; its status is still to be read."""
    query = "&".join([*(f"channel={channel}" for channel in channels), *([] if last is None else [f"last={last}"])])
    stream = Stream(daemon.port, f"/sse?{query}", receive_buffer=receive_buffer, **headers)
    assert stream.status == 200
    return stream


def events(stream: Stream, count: int) -> list[object]:
    """Give so many events; each has to bring its id as the position."""
    records = [stream.record() for _ in range(count)]
    assert {record.event for record in records} <= {"message"}
    assert [record.json["id"] for record in records] == [int(record.last_id) for record in records]
    return [record.json for record in records]


# --- bytes ------------------------------------------------------------------------------------------------------------


def test_head_to_the_byte(daemon: Daemon) -> None:
    link = dial(daemon.port)
    link.sendall(b"GET /sse?channel=x HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
    data = b""
    while b"\r\n\r\n" not in data:
        data += link.recv(65536)
    link.close()
    assert data.partition(b"\r\n\r\n")[0].decode().split("\r\n") == [
        "HTTP/1.1 200 OK",
        "Content-Type: text/event-stream; charset=utf-8",
        "Cache-Control: no-store, no-transform",
        "X-Accel-Buffering: no",
        "Connection: close",
        "Access-Control-Allow-Origin: *",
    ]


def test_records_to_the_byte(daemon: Daemon, poster: RawPoster) -> None:
    busy, plain = new_channel(), new_channel()
    start = poster.last()
    kept = poster.post(busy, *range(257))[1:]
    with follow(daemon, plain, busy, last=start) as stream:
        data = b""
        while not data.endswith(b"\n:\n\n"):  # the end of the replay
            data += stream.some()
        ids = [poster.post_text(plain, text) for text in ('{"b": 1.0}', '{\n"a":\r\n1\r}', None)]
        while not data.endswith(b"\n\n") or str(ids[-1]).encode() not in data:
            data += stream.some()
    head, _, records = data.decode().partition("\n\n")
    status = '{"status":"success","recovered":false}'
    assert re.fullmatch(rf"retry: [1-3]\d\d\d\nid: {start}\nevent: status\ndata: {status}", head)
    assert records == "".join(
        [
            f'event: gap\ndata: {{"channel":"{busy}","from":{start},"oldest":{kept[0]["id"]}}}\n\n',
            *(f"id: {e['id']}\ndata: {json.dumps(e, separators=(',', ':'))}\n\n" for e in kept),
            f"id: {kept[-1]['id']}\n:\n\n",
            f'id: {ids[0]}\ndata: {{"id":{ids[0]},"channel":"{plain}","message":{{"b": 1.0}}}}\n\n',
            f'id: {ids[1]}\ndata: {{"id":{ids[1]},"channel":"{plain}","message":{{\n'
            f'data: "a":\ndata: 1\ndata: }}}}\n\n',
            f'id: {ids[2]}\ndata: {{"id":{ids[2]},"channel":"{plain}"}}\n\n',
        ]
    )


# --- positions --------------------------------------------------------------------------------------------------------


def test_a_position_is_given_before_the_first_event(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    with follow(daemon, channel) as stream:
        status = stream.record()
        assert (status.event, status.json) == ("status", {"status": "success"})
        assert int(status.last_id) <= poster.last()
    posted = poster.post(channel, "missed")
    with follow(daemon, channel, Last_Event_ID=status.last_id) as stream:
        assert stream.record().json == {"status": "success", "recovered": True}
        assert events(stream, 1) == posted


def test_without_a_position_the_newest_fifty_come(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    posted = poster.post(channel, *range(60))
    for last in (None, 0, "", "abc", "-1"):
        with follow(daemon, channel, last=last) as stream:
            status = stream.record()
            assert status.json == {"status": "success"}
            assert posted[9]["id"] <= int(status.last_id) < posted[10]["id"]
            assert events(stream, 50) == posted[10:]


@pytest.mark.parametrize("query", ["&last=%d", "&last=%d.0", "&last=1&last=%d"])
def test_position_may_stand_in_the_query(daemon: Daemon, poster: RawPoster, query: str) -> None:
    channel = new_channel()
    posted = poster.post(channel, 1, 2, 3)
    with Stream(daemon.port, f"/sse?channel={channel}{query % posted[0]['id']}") as stream:
        assert stream.record().json == {"status": "success", "recovered": True}
        assert events(stream, 2) == posted[1:]


@pytest.mark.parametrize(("header", "left"), [("%d", 1), ("", 2), ("abc", 2)])
def test_the_header_goes_before_the_query(daemon: Daemon, poster: RawPoster, header: str, left: int) -> None:
    channel = new_channel()
    posted = poster.post(channel, 1, 2, 3)
    named = header % posted[1]["id"] if header == "%d" else header
    with follow(daemon, channel, last=posted[0]["id"], Last_Event_ID=named) as stream:
        stream.record()
        assert events(stream, left) == posted[-left:]


def test_gaps_are_told_before_what_is_kept(daemon: Daemon, poster: RawPoster) -> None:
    busy, silent = new_channel(), new_channel()
    start = poster.last()
    posted = poster.post(busy, *range(300))
    with follow(daemon, silent, busy, Last_Event_ID=str(start)) as stream:
        status, gap = stream.record(), stream.record()
        assert status.json == {"status": "success", "recovered": False}
        assert (gap.event, gap.json) == ("gap", {"channel": busy, "from": start, "oldest": posted[-256]["id"]})
        assert int(status.last_id) == int(gap.last_id) == start
        assert events(stream, 256) == posted[-256:]


def test_a_gap_is_told_once_though_nothing_follows_it(daemon: Daemon, poster: RawPoster) -> None:
    channels = [new_channel(), new_channel()]
    with follow(daemon, *channels, last=5) as stream:
        assert [stream.record().event for _ in range(3)] == ["status", "gap", "gap"]
        while stream.reader.comments == 0:
            stream.comment()
        position = stream.reader.last_id
    assert 5 < int(position) <= poster.last()
    posted = poster.post(channels[0], 1)
    with follow(daemon, *channels, Last_Event_ID=position) as stream:
        assert stream.record().json == {"status": "success", "recovered": True}
        assert events(stream, 1) == posted


# --- channels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    ["channel={0}&channel={1}", "channels={0}|{1}", "channels={0}%7C{1}", "channels={0}&channels={1}",
     "channel={0}&channels={1}", "x=1&channels={1}|{0}|{1}&y", "channel={0}&channel={1}&channel={0}"],
)  # fmt: skip
def test_channels_may_be_named_in_two_ways(daemon: Daemon, poster: RawPoster, query: str) -> None:
    one, two = new_channel(), new_channel()
    start = poster.last()
    posted = poster.post(two, 1) + poster.post(one, 2)
    with Stream(daemon.port, f"/sse?{query.format(one, two)}&last={start}") as stream:
        assert stream.record().json == {"status": "success", "recovered": True}
        assert events(stream, 2) == posted


def test_a_channel_may_have_the_separator_in_its_name(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel() + "|+ é"
    start = poster.last()
    posted = poster.post(channel, 1)
    with follow(daemon, channel.replace("|", "%7C").replace("+ é", "%2B+%C3%A9"), last=start) as stream:
        stream.record()
        assert events(stream, 1) == posted


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "no channel"), ("?", "no channel"), ("?channel=", "no channel"), ("?channels=", "no channel"),
        ("?last=5", "no channel"), ("?Channel=x", "no channel"), ("?channels=|", "no channel"),
        ("?channel=&channel=", "no channel"), ("?channel=" + "x" * 101, "max 100"),
        ("?channels=" + "|".join("abcdefghijk"), "Maximum 10"), ("?channel=%", "percent"), ("?channel=a%4", "percent"),
        ("?channel=%ff", "UTF-8"), ("?channel=a&x=%C3", "UTF-8"), ("?channel=a" + "&x=1" * 100, "too many fields"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_400_and_says_why(daemon: Daemon, query: str, words: str) -> None:
    answer = request(daemon.port, "GET", f"/sse{query}")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    refusal = json.loads(answer.body)
    assert refusal.keys() == {"code", "message"}
    assert refusal["code"] == "invalid-filter"
    assert words in refusal["message"]


def test_bytes_that_no_browser_sends_are_refused(daemon: Daemon) -> None:
    for target in (b"/sse?channel=\xff", b"/sse?channel=\xc3\xa9", b"/sse?channel=a\x00"):
        link = dial(daemon.port)
        link.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_to_end(link).startswith(b"HTTP/1.1 400")
    assert request(daemon.port, "GET", "/sse/?channel=a").status == 404
    assert request(daemon.port, "GET", "/sse/more?channel=a").status == 404


# --- other methods, and the request -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
def test_other_methods_are_told_to_use_get(daemon: Daemon, method: str) -> None:
    answer = request(daemon.port, method, "/sse?channel=x", Origin="https://any.example")
    assert answer.status == 405
    if method != "HEAD":
        assert json.loads(answer.body)["code"] == "method-not-allowed"
        assert answer.headers["allow"] == "GET"
        assert answer.headers["access-control-allow-origin"] == "*"


def test_preflight_lets_the_position_pass(daemon: Daemon) -> None:
    answer = request(daemon.port, "OPTIONS", "/sse?channel=x", Origin="https://any.example")
    assert answer.error == (204, "")
    assert answer.headers["access-control-allow-methods"] == "GET"
    assert answer.headers["access-control-allow-headers"] == "Last-Event-ID"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_request_may_come_byte_by_byte_with_a_body_or_on_a_used_socket(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    start = poster.last()
    posted = poster.post(channel, 1)
    lines = f"GET /sse?channel={channel}&last={start} HTTP/1.1\r\nHost: x\r\n".encode()
    plain, body = lines + b"\r\n", lines + b"Content-Length: 4\r\n\r\nbody"
    used = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    for pieces in ([plain[n : n + 1] for n in range(len(plain))], [body], [body[:-2], body[-2:]], [used, plain]):
        link = dial(daemon.port)
        data = b""
        for piece in pieces:
            link.sendall(piece)
            if piece is used:
                while not data.endswith(b'{"status":"ok"}'):
                    data += link.recv(65536)
                data = b""
        while data.count(b"\n\n") < 2:
            data += link.recv(65536)
        link.close()
        reader = RecordReader()
        assert [record.json for record in reader.feed(data.partition(b"\r\n\r\n")[2])][1:] == posted


def test_what_follows_the_request_is_ignored(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    with follow(daemon, channel) as stream:
        stream.record()
        stream.link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 100_000)
        assert poster.post(channel, 1) == events(stream, 1)


def test_a_websocket_is_not_to_be_had_there(daemon: Daemon) -> None:
    with WebSocket(daemon.port, "/sse?channel=x") as link:
        assert link.status == 404


# --- life and end -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon of this module's own, whose streams show life all the time."""
    with Daemon(tmp_path_factory.mktemp("lively"), settings={"http.stream_heartbeat_s": 0.2}) as daemon:
        yield daemon


def seats_taken(daemon: Daemon) -> float:
    return metrics(daemon.port)["oyez_listeners"]


def test_a_stream_shows_life(lively: Daemon) -> None:
    with RawPoster(lively.port) as poster, follow(lively, "life", last=poster.last()) as stream:
        stream.record()
        for n in range(2):
            assert poster.post("life", n) == events(stream, 1)
            stranger = poster.post("of another stream", n)[0]["id"]
            while int(stream.reader.last_id) < stranger:
                stream.comment()


def check_positions(stream: Stream) -> None:
    """Require that no position passes an event that is still to come, and that none falls."""
    for (_, before), (kind, after) in pairwise(stream.reader.story):
        assert int(before) < int(after) if kind == "message" else int(before) <= int(after)


def test_positions_between_events_never_pass_what_was_given(lively: Daemon) -> None:
    channels = [new_channel() for _ in range(4)]
    count = 0
    with RawPoster(lively.port) as poster, follow(lively, *channels, last=poster.last()) as stream:
        stream.record()
        while [kind for kind, _ in stream.reader.story].count("") < 5:
            posted = poster.post(channels[count % 4], *range(25))
            assert events(stream, 25) == posted
            count += 1
        check_positions(stream)


def test_positions_of_a_replay_that_does_not_fit_into_the_socket_are_true(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    start = poster.last()
    posted = poster.post(channel, *["x" * 4000] * 250)
    with follow(daemon, channel, last=start, receive_buffer=4096) as stream:
        stream.record()
        posted += poster.post(channel, "live")
        assert events(stream, 251) == posted
        assert ("", str(posted[-1]["id"])) not in stream.reader.story[:-1]
        check_positions(stream)


def test_who_goes_away_is_noticed(lively: Daemon) -> None:
    eventually(lambda: not seats_taken(lively), "free seats")  # of the tests before
    streams = [follow(lively, "x") for _ in range(20)]
    assert seats_taken(lively) == 20
    for stream in streams:
        stream.drop()
    eventually(lambda: not seats_taken(lively), "free seats")


def test_who_reads_nothing_is_cut_off_after_a_while(lively: Daemon) -> None:
    cut_off = refusals(lively, "unread-stream")
    with RawPoster(lively.port) as poster, follow(lively, "large", receive_buffer=4096) as stalled:
        stalled.record()
        poster.post("large", *["x" * 100_000] * 20)
        eventually(lambda: refusals(lively, "unread-stream") == cut_off + 1, "end of the stream that nobody reads")
        eventually(lambda: not seats_taken(lively), "free seat")


def test_large_events_to_streams_that_stall_cost_little(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    with Bystanders(daemon), RawListener(daemon.port, channel, start=poster.last()) as listener:
        before = rss_mb(daemon.pid)
        stalled = [follow(daemon, channel, receive_buffer=4096) for _ in range(30)]
        for _ in range(20):
            assert poster.post(channel, *["x" * 50_000] * 4) == listener.events(4)
        assert rss_mb(daemon.pid) - before < 40  # of 4 MB each, and twice 4 MB of history
        for stream in stalled:
            stream.drop()


def test_each_is_told_another_time_to_come_back(daemon: Daemon) -> None:
    retries = []
    for _ in range(8):
        with follow(daemon, "x") as stream:
            stream.record()
            retries.append(stream.reader.retry_ms)
    assert len(set(retries)) > 2
    assert all(retry is not None and 1000 <= retry <= 3000 for retry in retries)
