"""The long poll, to the byte: one request waits for one event."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.daemon import Daemon
from tests.integration.bystanders import Bystanders, refusals
from tests.integration.dialects import (
    POLL_LISTENER,
    TIMEOUT,
    KeptConnection,
    RawPoster,
    begin_poll,
    poll,
    poll_port,
    poll_target,
)
from tests.integration.links import eventually, metrics, rss_mb
from tests.raw import Call, WebSocket, dial, read_to_end, request
from tests.scenarios import new_channel

BAD_REQUEST = (400, "400 Bad Request")


@pytest.fixture
def poster(daemon: Daemon) -> Iterator[RawPoster]:
    with RawPoster(daemon.port) as poster:
        yield poster


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon whose polls end soon, with an address for them alone."""
    settings = POLL_LISTENER | {"http.long_poll_timeout_s": 0.2}
    with Daemon(tmp_path_factory.mktemp("hasty"), settings=settings) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon of this module's own: who listens can be counted."""
    with Daemon(tmp_path_factory.mktemp("alone")) as daemon:
        yield daemon


def waiting(daemon: Daemon, count: int) -> None:
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] == count, f"{count} waiting polls")


# --- answers ----------------------------------------------------------------------------------------------------------


def test_event_to_the_byte(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    start = poster.last()
    first = poster.post_text(channel, '{"b": 1,\n"a":\t[null, 1.0]}')
    second = poster.post_text(channel, None)
    answer = poll(daemon.port, channel, last=start)
    assert answer.error == (200, f'{{"id":{first},"channel":"{channel}","message":{{"b": 1,\n"a":\t[null, 1.0]}}}}')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "oyez-gap" not in answer.headers
    assert poll(daemon.port, channel, last=first).body == f'{{"id":{second},"channel":"{channel}"}}'


@pytest.mark.parametrize("last", [None, 0, "", "abc", "-5", "NaN", "null", "0.5", "1_0"])
def test_without_a_position_the_newest_fifty_come_oldest_first(daemon: Daemon, poster: RawPoster, last: object) -> None:
    one, two = new_channel(), new_channel()
    posted = poster.post(one, *range(60)) + poster.post(two, *range(10))
    assert json.loads(poll(daemon.port, one, two, last=last).body) == posted[-50]


@pytest.mark.parametrize("form", ["%d", "%d.0", "%%20%d", "%d&last=%d"])
def test_position_may_be_written_as_a_number_or_twice(daemon: Daemon, poster: RawPoster, form: str) -> None:
    channel = new_channel()
    first, second = poster.post(channel, 1, 2)
    last = form % ((1, first["id"]) if form.count("%d") == 2 else first["id"])
    assert json.loads(poll(daemon.port, channel, last=last).body) == second


@pytest.mark.parametrize("separator", ["|", "%7C", "%7c"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_channels_are_split_however_the_separator_is_written(
    daemon: Daemon, poster: RawPoster, separator: str, place: int
) -> None:
    channels = [new_channel() for _ in range(3)]
    (event,) = poster.post(channels[place], 1)
    answer = request(daemon.port, "GET", f"/channels/{separator.join(channels)}?last={event['id'] - 1}")
    assert json.loads(answer.body) == event


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("body", [None, "last=5", "x" * 100_000])
def test_every_method_counts_as_get(daemon: Daemon, poster: RawPoster, method: str, body: str | None) -> None:
    channel = new_channel()
    (event,) = poster.post(channel, 1)
    answer = request(daemon.port, method, poll_target([channel], last=event["id"] - 1), body)
    assert (answer.status, json.loads(answer.body)) == (200, event)


def test_preflight_of_a_page_is_answered_at_once(daemon: Daemon) -> None:
    for asked in ("x-requested-with,x-other", None):
        answer = request(
            daemon.port,
            "OPTIONS",
            poll_target([new_channel()]),
            Origin="https://any.example",
            Access_Control_Request_Method="GET",
            Access_Control_Request_Headers=asked,
        )
        assert answer.error == (204, "")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers.get("access-control-allow-headers") == asked


def test_head_is_told_all_but_the_event(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    (event,) = poster.post(channel, 1)
    target = poll_target([channel], last=event["id"] - 1)
    head, get = request(daemon.port, "HEAD", target), request(daemon.port, "GET", target)
    assert head.error == (200, "")
    assert {name: head.headers[name] for name in ("content-type", "content-length")} == {
        name: get.headers[name] for name in ("content-type", "content-length")
    }


def test_large_events_are_compressed_for_those_who_ask(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    (event,) = poster.post(channel, "x" * 5000)
    answer = poll(daemon.port, channel, last=event["id"] - 1, Accept_Encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 500


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_all_who_wait_are_served(alone: Daemon) -> None:
    channels = [new_channel() for _ in range(5)]
    with RawPoster(alone.port) as poster:
        start = poster.last()
        polls = {n: begin_poll(alone.port, channels[n % 5], channels[(n + 1) % 5], last=start) for n in range(60)}
        waiting(alone, 60)
        posted = {channel: poster.post(channel, channel)[0] for channel in reversed(channels)}
        for n, waiter in polls.items():
            own = [posted[channels[n % 5]], posted[channels[(n + 1) % 5]]]
            assert json.loads(waiter.answer().body) == min(own, key=lambda event: int(event["id"]))
        waiting(alone, 0)


def test_nothing_in_time_is_504(hasty: Daemon) -> None:
    for port in (hasty.port, poll_port(hasty)):
        for method in ("GET", "POST"):
            answer = request(port, method, poll_target([new_channel()], last=1_000_000))
            assert answer.error == (504, TIMEOUT)
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["access-control-allow-origin"] == "*"
    head = request(hasty.port, "HEAD", poll_target(["x"]))
    assert head.error == (504, "")
    waiting(hasty, 0)


def test_who_wants_no_wait_has_none(alone: Daemon) -> None:
    def ask(channel: str, last: int) -> Any:
        answer = request(alone.port, "GET", poll_target([channel], last=last, nowait=True))
        assert answer.status == 200
        return json.loads(answer.body)

    channel, other = new_channel(), new_channel()
    with RawPoster(alone.port) as poster:
        start = poster.last()
        assert ask(channel, start) == {"id": start, "gaps": []}
        posted = poster.post(channel, 1, 2)
        newest = poster.last()
    assert ask(channel, start) == posted[0]
    assert ask(channel, posted[0]["id"]) == posted[1]
    assert ask(other, start) == {"id": newest, "gaps": []}  # nothing newer is missing up to there
    (gap,) = ask(other, 1)["gaps"]
    assert (gap["channel"], gap["from"]) == (other, 1)
    waiting(alone, 0)


def test_who_goes_away_is_noticed(alone: Daemon) -> None:
    channel = new_channel()
    polls = [begin_poll(alone.port, channel) for _ in range(20)]
    polls += [Call(alone.port, "POST", poll_target([channel]), "y" * 70_000) for _ in range(10)]
    waiting(alone, 30)
    for gone in polls[::2]:
        gone.drop()
    waiting(alone, 15)
    with RawPoster(alone.port) as poster:
        (event,) = poster.post(channel, 1)
    assert [json.loads(left.answer().body) for left in polls[1::2]] == [event] * 15
    waiting(alone, 0)


def test_one_socket_serves_poll_after_poll(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    posted = poster.post(channel, *range(100))
    kept, last = KeptConnection(daemon.port), posted[0]["id"] - 1
    for event in posted:
        kept.ask("GET", poll_target([channel], last=last))
        assert json.loads(kept.answer().body) == event
        last = event["id"]
    kept.ask("GET", poll_target([channel], last=last))
    assert poster.post(channel, "live") == [json.loads(kept.answer().body)]
    kept.drop()


# --- gaps -------------------------------------------------------------------------------------------------------------


def test_gap_stands_in_the_header_of_each_answer_to_a_client_before_it(daemon: Daemon, poster: RawPoster) -> None:
    busy, quiet, awake = "né ☃ " + new_channel(), new_channel(), new_channel()
    start = poster.last()
    early = poster.post(quiet, "early")[0]
    posted = poster.post(busy, *range(300))
    oldest = posted[-256]["id"]
    first = poll(daemon.port, busy, quiet, last=start)
    assert json.loads(first.body) == early
    assert json.loads(first.headers["oyez-gap"]) == [{"channel": busy, "from": start, "oldest": oldest}]
    second = poll(daemon.port, busy, quiet, last=early["id"])
    assert json.loads(second.body)["id"] == oldest
    assert second.headers["oyez-gap"].isascii()
    assert json.loads(second.headers["oyez-gap"]) == [{"channel": busy, "from": early["id"], "oldest": oldest}]
    assert "oyez-gap" in second.headers["access-control-expose-headers"].lower()
    assert "oyez-gap" not in poll(daemon.port, busy, quiet, last=oldest).headers
    assert "oyez-gap" not in poll(daemon.port, awake, quiet, last=start).headers


def test_gap_of_a_position_that_is_unknown_is_named_with_the_next_event(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    ahead = poster.last() + 1_000_000
    waiter = begin_poll(daemon.port, channel, last=ahead)
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] > 0, "waiting poll")
    posted = poster.post(channel, 1)
    answer = waiter.answer()
    assert [json.loads(answer.body)] == posted
    (gap,) = json.loads(answer.headers["oyez-gap"])
    assert (gap["channel"], gap["from"]) == (channel, ahead)


def test_gap_is_answered_at_once_to_those_who_ask_for_it(daemon: Daemon, poster: RawPoster) -> None:
    one, two = sorted((new_channel(), new_channel()))
    newest = poster.last()
    answer = poll(daemon.port, one, two, last=5, notify=True)
    body = json.loads(answer.body)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert body.keys() == {"id", "gaps"}
    assert body["id"] >= newest
    assert sorted((gap["channel"], gap["from"]) for gap in body["gaps"]) == [(one, 5), (two, 5)]
    assert json.loads(answer.headers["oyez-gap"]) == body["gaps"]
    kept = poster.post(one, "kept")
    again = poll(daemon.port, one, two, last=body["id"], notify=True)
    assert [json.loads(again.body)] == kept
    assert "oyez-gap" not in again.headers


def test_events_go_before_a_gap_that_may_wait(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    posted = poster.post(channel, *range(300))
    answer = poll(daemon.port, channel, last=5, notify=True)
    assert json.loads(answer.body) == posted[-256]
    assert json.loads(answer.headers["oyez-gap"])[0]["oldest"] == posted[-256]["id"]


# --- mistakes ---------------------------------------------------------------------------------------------------------

BAD_TARGETS = [
    "/channels/", "/channels/?last=5", "/channels/|", "/channels/%7C",
    "/channels/%", "/channels/a%4", "/channels/%zz", "/channels/a%", "/channels/%ff", "/channels/%C3|a",
    "/channels/a?last=%", "/channels/a?last=%zz", "/channels/a?last=%ff",
    "/channels/" + "x" * 101, "/channels/" + quote("😀" * 51), "/channels/" + "|".join("abcdefghijk"),
    "/channels/%ed%a0%80", "/channels/a?last=1&x=%C3%28",
]  # fmt: skip


@pytest.mark.parametrize("target", BAD_TARGETS, ids=lambda target: target[:30])
def test_what_cannot_be_followed_is_400(daemon: Daemon, target: str) -> None:
    for method in ("GET", "POST"):
        answer = request(daemon.port, method, target)
        assert answer.error == BAD_REQUEST
        assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "data",
    [b"GET /channels/\xff HTTP/1.1", b"GET /channels/a?last=\xff HTTP/1.1", b"GET //channels/a HTTP/1.1",
     b"GET // HTTP/1.1", b"GET http:///channels/a HTTP/1.1", b"GET http://x/channels/ HTTP/1.1",
     b"GET channels/a HTTP/1.1", b"GET /channels/a b HTTP/1.1", b"GET /channels/\x00 HTTP/1.1"],
    ids=ascii,
)  # fmt: skip
def test_request_lines_that_killed_the_daemon_of_old_are_refused(daemon: Daemon, data: bytes) -> None:
    link = dial(daemon.port)
    link.sendall(data + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = read_to_end(link)
    assert answer.split(b" ")[1] in (b"400", b"404"), answer


def test_ten_channels_are_followed_and_one_that_is_named_twice_counts_once(daemon: Daemon, poster: RawPoster) -> None:
    channels = [new_channel() for _ in range(10)]
    start = poster.last()
    posted = poster.post(channels[9], 1)
    assert [json.loads(poll(daemon.port, *channels, *channels, last=start).body)] == posted


def test_mistakes_are_counted(daemon: Daemon) -> None:
    before = refusals(daemon, "bad-request")
    assert poll(daemon.port, "").status == 400
    assert refusals(daemon, "bad-request") == before + 1


# --- the third address ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/", "/channels", "/Channels/a", "/event/", "/socket.io/?EIO=4", "/sse?channel=a"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_third_address_has_nothing_else(hasty: Daemon, method: str, target: str) -> None:
    answer = request(poll_port(hasty), method, target)
    assert answer.error == (404, "404 Not Found")
    assert answer.headers["content-type"].startswith("text/plain")


def test_the_third_address_tells_its_health_and_has_no_websocket(hasty: Daemon) -> None:
    assert request(poll_port(hasty), "GET", "/healthz").status == 200
    with WebSocket(poll_port(hasty), "/") as link:
        assert link.status == 404


# --- who does not read ------------------------------------------------------------------------------------------------


def test_large_answers_that_nobody_reads_cost_little(alone: Daemon) -> None:
    with RawPoster(alone.port) as poster, Bystanders(alone):
        posted = poster.post("large", *["x" * 1_000_000] * 3)
        target = poll_target(["large"], last=posted[0]["id"] - 1)
        before = rss_mb(alone.pid)
        stalled = [KeptConnection(alone.port, receive_buffer=4096) for _ in range(60)]
        for link in stalled:
            link.ask("GET", target)
        assert json.loads(poll(alone.port, "large", last=posted[0]["id"]).body) == posted[1]
        waiting(alone, 1)  # the bystander
        assert rss_mb(alone.pid) - before < 20
        assert json.loads(stalled[0].answer().body) == posted[0]
        for link in stalled:
            link.drop()
