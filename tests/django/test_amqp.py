"""Does a site with AMQP settings post to a real RabbitMQ as its own poster did, within the same bounds as by HTTP?"""

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import override_settings

from oyez.client import NO_MESSAGE, PosterError
from oyez.django import events
from tests.django.test_bounds import GRACE_S, is_back_within
from tests.inbox import PATIENCE_S
from tests.proxy import Proxy
from tests.rabbitmq import RabbitMQ

LIMIT_S = 2.0  # a busy machine connects in less


class Listener:
    """Reads an exchange as the daemons do: an exclusive queue, bound with #."""

    def __init__(self, rabbitmq: RabbitMQ, exchange: str) -> None:
        self._connection = rabbitmq.connect()
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, exchange, "#")

    def take(self, count: int) -> list[dict[str, Any]]:
        bodies: list[dict[str, Any]] = []
        for _, _, body in self._channel.consume(self._queue, auto_ack=True, inactivity_timeout=PATIENCE_S):
            assert body is not None, f"{len(bodies)} of {count} came"
            bodies.append(json.loads(body))
            if len(bodies) == count:
                break
        self._channel.cancel()
        return bodies

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def proxy(rabbitmq: RabbitMQ) -> Iterator[Proxy]:
    with Proxy(rabbitmq.port) as proxy:
        yield proxy


@pytest.fixture(params=["fanout", "topic", "direct"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def listener(rabbitmq: RabbitMQ, proxy: Proxy, kind: str) -> Iterator[Listener]:
    exchange = f"site-{uuid.uuid4()}"
    rabbitmq.declare(exchange, kind)
    listener = Listener(rabbitmq, exchange)
    where = proxy.url.removeprefix("http://")
    with override_settings(
        EVENT_DAEMON_USE=True,
        EVENT_DAEMON_AMQP=f"amqp://{rabbitmq.user}:{rabbitmq.password}@{where}/%2F?heartbeat=0",
        EVENT_DAEMON_AMQP_EXCHANGE=exchange,
        EVENT_DAEMON_TIMEOUT=LIMIT_S,
    ):
        yield listener
    listener.close()
    rabbitmq.delete(exchange=exchange)


def test_bodies_are_those_of_the_sites_own_posters(listener: Listener) -> None:
    before = time.time_ns() // 1000
    event_id = events.post("sub_é", {"type": "test-case", "id": 3}, raise_errors=True)
    ids = events.post_many([("news", None), ("news", NO_MESSAGE)], raise_errors=True)
    assert before <= event_id < ids[0] < ids[1] <= events.last()
    assert listener.take(3) == [
        {"id": event_id, "channel": "sub_é", "message": {"type": "test-case", "id": 3}},
        {"id": ids[0], "channel": "news", "message": None},
        {"id": ids[1], "channel": "news"},
    ]


@pytest.mark.parametrize("kind", ["fanout"], indirect=True)
def test_threads_share_a_connection_and_idle_ones_live_on(listener: Listener) -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda number: events.post("news", number), range(50)))
    assert len(set(ids) - {0}) == 50
    assert sorted(body["message"] for body in listener.take(50)) == list(range(50))


@pytest.mark.parametrize("kind", ["fanout"], indirect=True)
def test_a_lost_connection_is_replaced(listener: Listener, proxy: Proxy) -> None:
    assert events.post("news", 1, raise_errors=True)
    proxy.cut()
    began = time.monotonic()
    assert events.post("news", 2) == events.QUEUED
    assert events.last() > 0, "that needs nobody"
    assert time.monotonic() - began < LIMIT_S + GRACE_S
    proxy.mend()
    assert is_back_within(1.0)
    assert list(dict.fromkeys(body["message"] for body in listener.take(3))) == [1, 2], "RabbitMQ may bring 2 twice"


@pytest.mark.parametrize("kind", ["fanout"], indirect=True)
def test_a_silent_link_costs_a_bounded_time_and_then_nothing(listener: Listener, proxy: Proxy) -> None:
    assert events.post("news", 0, raise_errors=True)
    proxy.pause()
    began = time.monotonic()
    assert events.post("news", 1) == events.QUEUED
    assert time.monotonic() - began < LIMIT_S + GRACE_S
    began = time.monotonic()
    assert [events.post("news", 2) for _ in range(100)] == [events.QUEUED] * 100
    assert time.monotonic() - began < GRACE_S
    proxy.resume()
    assert is_back_within(1.0)


@pytest.mark.parametrize("kind", ["fanout"], indirect=True)
def test_an_exchange_that_is_missing_is_named(listener: Listener) -> None:
    with (
        override_settings(EVENT_DAEMON_AMQP_EXCHANGE="no-such-exchange"),
        pytest.raises(PosterError, match="no-such-exchange") as caught,
    ):
        events.post("news", 1, raise_errors=True)
    assert not caught.value.uncertain
    assert events.post("news", 2, raise_errors=True)


@pytest.mark.parametrize("kind", ["fanout"], indirect=True)
def test_events_wait_for_it(listener: Listener, proxy: Proxy) -> None:
    proxy.cut()
    assert events.post_many([("news", number) for number in range(50)]) == [events.QUEUED] * 50
    assert events.post_many([("news", number) for number in range(50, 100)]) == [events.QUEUED] * 50
    proxy.mend()
    assert events.flush(PATIENCE_S)
    assert [body["message"] for body in listener.take(100)] == list(range(100))
