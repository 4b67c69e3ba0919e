"""Do events that wait for a real daemon arrive when it is back, in their order, and once?"""

import uuid

from oyez.client import (
    Postable,
)
from oyez.django import events
from tests.daemon import Daemon
from tests.django.conftest import site_of
from tests.django.test_events import messages
from tests.inbox import PATIENCE_S


def test_a_post_is_tried_at_once(site: Daemon) -> None:
    channel = f"queue-{uuid.uuid4()}"
    ids = [events.post(channel, 0), *events.post_many([(channel, 1), (channel, 2)]), *events.publish([channel], 3)]
    assert ids == sorted(set(ids))
    assert ids[0] > 0
    assert events.flush(0)
    assert messages(site, channel) == [0, 1, 2, 3]


def test_without_a_queue_there_is_nothing_to_flush(site: Daemon) -> None:
    assert events.flush(0)


def test_events_wait_for_a_daemon_that_is_away_in_their_order_and_before_later_ones(own_daemon: Daemon) -> None:
    with site_of(own_daemon):
        assert events.post("news", 1) > 0
        own_daemon.stop()
        assert [events.post("news", number) for number in range(2, 20)] == [events.QUEUED] * 18
        assert events.post_many([("news", number) for number in range(20, 49)]) == [events.QUEUED] * 29
        assert events.publish(["news"], 49) == [events.QUEUED]
        assert not events.flush(0.1)
        own_daemon.start()
        assert events.flush(PATIENCE_S)
        assert events.post("news", 50) > 0
        assert messages(own_daemon, "news") == list(range(2, 51))


def test_a_post_that_arrived_when_its_time_was_over_comes_once(own_daemon: Daemon) -> None:
    with site_of(own_daemon):
        assert events.post("news", 0) > 0
        own_daemon.suspend()  # what is sent waits at its door
        assert events.post("news", 1) == events.QUEUED
        own_daemon.resume()
        assert events.post_many([("news", 2), ("news", 3)])
        assert events.flush(PATIENCE_S)
        assert messages(own_daemon, "news") == [0, 1, 2, 3]


def test_a_refused_event_does_not_let_others_come_twice(own_daemon: Daemon) -> None:
    big = "x" * 900_000
    with site_of(own_daemon):
        since = events.last()
        own_daemon.stop()
        posts: list[Postable] = [*((f"big-{number}", big) for number in range(5)), ("x" * 300, "refused")]
        assert events.post_many(posts) == [events.QUEUED] * 6
        own_daemon.start()
        assert events.flush(PATIENCE_S)
        for number in range(5):
            assert len(messages(own_daemon, f"big-{number}")) == 1
        assert events.last() > since
