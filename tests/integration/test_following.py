"""Does `listen` give every event of a real daemon once, over cut links, restarts and full servers?"""

import asyncio
import logging
import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from oyez.client import NO_MESSAGE, Event, Listener, PostedId, Poster, Refused, Unreadable, alisten, listen
from tests.api import publish
from tests.conftest import StartDaemon
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S, Inbox
from tests.proxy import Proxy


class Follower:
    """A listener in a thread; what it gives goes into an inbox as `Event` and `Gap`."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.inbox = Inbox()
        listener.open()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        for arrival in self.listener:
            self.inbox.put(type(arrival).__name__, arrival)

    def events(self, count: int) -> list[Event]:
        return self.inbox.wait("Event", count)

    def end(self) -> None:
        self.listener.close()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


class Log(logging.Handler):
    """What listeners log, in an inbox."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox = Inbox()

    def emit(self, record: logging.LogRecord) -> None:
        self.inbox.put("line", record.getMessage())


@pytest.fixture
def log() -> Iterator[Inbox]:
    handler, logger = Log(), logging.getLogger("oyez.client")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.inbox
    logger.removeHandler(handler)


def following(posted: list[dict[str, object]]) -> list[Event]:
    return [Event(int(str(each["id"])), str(each["channel"]), each["message"]) for each in posted]


@pytest.fixture
def poster(daemon: Daemon) -> Iterator[Poster]:
    with Poster(daemon.url, KEY) as poster:
        yield poster


def test_past_and_coming_events_of_all_channels_come_in_order(daemon: Daemon, poster: Poster) -> None:
    since = poster.last()
    past = [poster.post("follow-a", {"n": 1}), poster.post("follow-b"), poster.post("follow-a", None)]
    with listen(daemon.url, ["follow-a", "follow-b"], since) as events:
        coming = poster.publish(["follow-b", "elsewhere", "follow-a"], "é")
        assert list(islice(events, 5)) == [
            Event(past[0], "follow-a", {"n": 1}),
            Event(past[1], "follow-b", NO_MESSAGE),
            Event(past[2], "follow-a", None),
            Event(coming[0], "follow-b", "é"),
            Event(coming[2], "follow-a", "é"),
        ]
        assert events.position == coming[2]


def test_large_and_strange_messages_come_whole(daemon: Daemon, poster: Poster) -> None:
    messages = ["x" * 900_000, "\n\r\r\n\x00\u2028\ud800", "[" * 50, 1e300, 2**70, [[[[[]]]]], "data: no\n\nid: 7"]
    since = poster.last()
    with listen(daemon.url, "follow-strange", since) as events:
        ids = [poster.post("follow-strange", message) for message in messages]
        given = list(islice(events, len(ids)))
    assert given == [Event(*each) for each in zip(ids, ["follow-strange"] * len(ids), messages, strict=True)]


@pytest.mark.parametrize("text", ["9" * 5000, '{"a":[-1%s]}' % ("0" * 5000)], ids=["number", "inside"])
def test_message_that_python_cannot_read_costs_its_event_only(daemon: Daemon, poster: Poster, text: str) -> None:
    since = poster.last()
    event_id = publish(daemon, f'{{"channel":"follow-poison","message":{text}}}')["id"]
    after = poster.post("follow-poison", "after")

    async def follow() -> list[object]:
        async with alisten(daemon.url, "follow-poison", since) as events:
            return [await anext(events) for _ in range(2)]

    with listen(daemon.url, "follow-poison", since) as events:
        given = list(islice(events, 2))
    assert given == asyncio.run(asyncio.wait_for(follow(), PATIENCE_S))
    unreadable, whole = given
    assert isinstance(unreadable, Event)
    assert (unreadable.id, unreadable.channel) == (event_id, "follow-poison")
    assert isinstance(unreadable.message, Unreadable)
    assert unreadable.message.text == text
    assert whole == Event(after, "follow-poison", "after")


def test_without_a_position_the_newest_come_first(daemon: Daemon, poster: Poster) -> None:
    ids = poster.post_many([("follow-newest", n) for n in range(60)])
    with listen(daemon.url, "follow-newest") as events:
        assert [event.id for event in islice(events, 50) if isinstance(event, Event)] == ids[-50:]


def test_cut_links_lose_and_double_nothing(daemon: Daemon, poster: Poster, proxy: Proxy) -> None:
    follower = Follower(listen(proxy.url, ["follow-cut", "follow-cut-2"], poster.last()))
    ids: list[int] = []
    for round_ in range(3):
        proxy.bytewise = round_ == 1
        ids += poster.post_many([(f"follow-cut{'-2' * (n % 2)}", n) for n in range(40)])
        follower.events(len(ids) - 30)  # the link is cut somewhere in the middle
        proxy.cut()
        ids.append(poster.post("follow-cut", "while cut"))
        proxy.mend()
    assert [event.id for event in follower.events(len(ids))] == ids
    follower.end()
    assert len(follower.inbox.heard()) == len(ids)


def test_silent_link_is_replaced(poster: Poster, proxy: Proxy, log: Inbox) -> None:
    follower = Follower(listen(proxy.url, "follow-silent", poster.last(), silence_s=0.5))
    proxy.pause()
    missed = poster.post("follow-silent", 1)
    assert "was silent for 0.5 s" in log.wait("line")[0]
    proxy.resume()
    assert [event.id for event in follower.events(1)] == [missed]
    follower.end()


def test_heartbeats_keep_a_quiet_link(start_daemon: StartDaemon, log: Inbox) -> None:
    daemon = start_daemon(settings={"http.stream_heartbeat_s": 0.2})
    follower = Follower(listen(daemon.url, "follow-quiet", silence_s=1.0))
    follower.thread.join(2.0)
    daemon.post("follow-quiet", 1)
    follower.events(1)
    follower.end()
    assert log.heard() == []


def test_restart_of_the_daemon_is_a_gap_and_then_goes_on(own_daemon: Daemon, log: Inbox) -> None:
    before = following(own_daemon.post("follow-restart", "before"))
    follower = Follower(listen(own_daemon.url, "follow-restart", before[0].id - 1))
    follower.events(1)
    own_daemon.restart()
    after = following(own_daemon.post("follow-restart", "after"))
    # The first try may come before the daemon is back, and then the pause doubles.
    assert follower.inbox.wait("Event", 2, within_s=3 * PATIENCE_S) == before + after
    (gap,) = follower.inbox.of("Gap")
    assert (gap.channel, gap.after) == ("follow-restart", before[0].id)
    assert before[0].id < gap.oldest <= after[0].id
    follower.end()
    lost, back = log.of("line")
    assert lost.startswith("no link (")
    assert back.endswith(" is back")


def test_a_full_server_is_waited_for(start_daemon: StartDaemon, log: Inbox) -> None:
    daemon = start_daemon(settings={"limits.max_connections": 1})
    with listen(daemon.url, "follow-full"):
        waiting = listen(daemon.url, "follow-full")
        thread = threading.Thread(target=waiting.open, daemon=True)
        thread.start()
        assert "no room" in log.wait("line")[0]
        assert thread.is_alive()
        waiting.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


@pytest.mark.parametrize("channels", [[], ["x" * 101], [str(n) for n in range(11)]], ids=["none", "long", "many"])
def test_bad_channels_are_refused(daemon: Daemon, channels: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        next(listen(daemon.url, channels, patient=True))
    assert (caught.value.status, caught.value.code) == (400, "invalid-filter")


def test_listener_for_asyncio(daemon: Daemon, poster: Poster) -> None:
    since = poster.last()

    async def main() -> list[PostedId]:
        async with alisten(daemon.url, "follow-async", since) as events:
            ids = await asyncio.to_thread(poster.post_many, [("follow-async", n) for n in range(200)])
            given = [await anext(events) for _ in ids]
            assert [event.message for event in given if isinstance(event, Event)] == list(range(200))
            return ids

    assert len(asyncio.run(asyncio.wait_for(main(), PATIENCE_S))) == 200
