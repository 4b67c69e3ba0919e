"""Does the client post to a real daemon what it says, all or nothing a request, and nothing twice that has a key?"""

import asyncio
import http.client
import socket
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from oyez.client import NO_MESSAGE, AsyncPoster, Event, PostedId, Poster, Refused, listen
from tests.conftest import StartDaemon
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.peer import Behaviour, Peer, StartPeer


@pytest.fixture
def poster(daemon: Daemon) -> Iterator[Poster]:
    with Poster(daemon.url, KEY) as poster:
        yield poster


def heard(daemon: Daemon, since: int, channels: list[str], count: int) -> list[Event]:
    with listen(daemon.url, channels, since) as events:
        return [event for event in islice(events, count) if isinstance(event, Event)]


def test_ids_are_those_of_the_events(daemon: Daemon, poster: Poster) -> None:
    since = poster.last()
    ids = poster.post_many([("many-a", 1), ("many-b", NO_MESSAGE), ("many-a", "\ud800"), ("many-b", None)])
    ids += poster.publish(["many-b", "many-a"], [2])
    ids += [poster.post("many-a")]
    assert poster.last() == ids[-1]
    assert heard(daemon, since, ["many-a", "many-b"], 7) == [
        Event(event_id, channel, message)
        for event_id, channel, message in zip(
            ids,
            ["many-a", "many-b", "many-a", "many-b", "many-b", "many-a", "many-a"],
            [1, NO_MESSAGE, "\ud800", None, [2], [2], NO_MESSAGE],
            strict=True,
        )
    ]


def test_refused_request_posts_nothing_and_those_before_it_stay(daemon: Daemon, poster: Poster) -> None:
    since = poster.last()
    with pytest.raises(Refused) as caught:
        poster.post_many([("many-part", 1), ("many-part", 2), ("many-part", 3), ("", 4)], batch_events=2)
    assert (caught.value.status, caught.value.code) == (400, "invalid-channel")
    assert poster.last() == caught.value.ids[-1]
    assert [event.id for event in heard(daemon, since, ["many-part"], 2)] == list(caught.value.ids)


def test_more_than_the_daemon_takes_at_once_is_refused_and_smaller_requests_are_not(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_batch_events": 10})
    with Poster(daemon.url, KEY) as poster:
        with pytest.raises(Refused):
            poster.post_many([("many", n) for n in range(30)])
        assert len(poster.post_many([("many", n) for n in range(30)], batch_events=10)) == 30


def test_same_key_gets_the_same_ids(poster: Poster) -> None:
    calls: list[Callable[[str], object]] = [
        lambda key: poster.post("keys", 1, key=key),
        lambda key: poster.publish(["keys", "keys-2"], 1, key=key),
        lambda key: poster.post_many([("keys", n) for n in range(5)], key=key, batch_events=2),
        lambda key: poster.post_many([("keys", 1, key + "a"), ("keys", 2, key + "b")]),
    ]
    for number, call in enumerate(calls):
        first = call(f"same-{number}")
        newest = poster.last()
        assert call(f"same-{number}") == first
        assert poster.last() == newest
        assert call(f"other-{number}") != first


def test_key_of_another_content_is_refused(poster: Poster) -> None:
    poster.post("keys", 1, key="reused")
    with pytest.raises(Refused) as caught:
        poster.post("keys", 2, key="reused")
    assert (caught.value.status, caught.value.code) == (422, "key-reused")


def losing_the_first_answer(daemon: Daemon) -> Behaviour:
    """Pass requests on to the daemon, which answers; the first answer is lost."""

    def behave(peer: Peer, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        while request := peer.read_request(file):
            first, headers, body = request
            method, path, _ = first.split()
            link = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=PATIENCE_S)
            link.request(
                method,
                path,
                body,
                {name: headers[name] for name in ("authorization", "idempotency-key") if name in headers},
            )
            reply = link.getresponse()
            content = reply.read()
            link.close()
            if len(peer.requests) == 1:
                return
            head = f"HTTP/1.1 {reply.status} {reply.reason}\r\nContent-Length: {len(content)}\r\n\r\n"
            connection.sendall(head.encode() + content)

    return behave


def test_lost_answer_doubles_and_loses_nothing(daemon: Daemon, poster: Poster, start_peer: StartPeer) -> None:
    since = poster.last()
    with Poster(start_peer(losing_the_first_answer(daemon)).url, KEY) as there:
        ids = [there.post("lost", 1)]
    with Poster(start_peer(losing_the_first_answer(daemon)).url, KEY) as there:
        ids += there.post_many([("lost", 2), ("lost", 3, f"key of {since}")])
    with Poster(start_peer(losing_the_first_answer(daemon)).url, KEY) as there:
        ids += there.publish(["lost", "lost-2"], 4)[:1]

    async def post() -> PostedId:
        async with AsyncPoster(start_peer(losing_the_first_answer(daemon)).url, KEY) as there:
            return await there.post("lost", 5)

    ids.append(asyncio.run(post()))
    ids.append(poster.post("lost", 6))
    events = heard(daemon, since, ["lost"], 6)
    assert [(event.id, event.message) for event in events] == list(zip(ids, range(1, 7), strict=True))


def test_poster_for_asyncio(daemon: Daemon, poster: Poster) -> None:
    since = poster.last()

    async def main() -> list[PostedId]:
        async with AsyncPoster(daemon.url, KEY) as there:
            ids = await asyncio.gather(*(there.post("async", n) for n in range(50)))
            ids += await there.publish(["async", "async"], 50)
            return ids + await there.post_many([("async", n) for n in range(51, 60)])

    ids = asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
    assert sorted(event.id for event in heard(daemon, since, ["async"], len(set(ids)))) == sorted(set(ids))
