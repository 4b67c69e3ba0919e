"""Does a site's test see what the site posts, as a browser would, without a daemon?"""

import asyncio
import threading
from decimal import Decimal

import pytest
from django.db import transaction
from django.test import override_settings

from oyez.client import NO_MESSAGE
from oyez.django import events, wiring
from oyez.django.backends.memory import MemoryBackend
from oyez.django.testing import captured_events


def test_all_that_is_posted_is_caught_in_order() -> None:
    with captured_events() as caught:
        first = events.post("news", {"type": "update"})
        second, third = events.post_many([("a", 1), ("b", None, "a key")])
        events.publish(["c", "d"], "hear ye")
        asyncio.run(events.apost("e", 2))
        posting = threading.Thread(target=events.post, args=("f", 3))
        posting.start()
        posting.join()
        assert 0 < first < second < third < events.last()
    assert caught == [
        ("news", {"type": "update"}), ("a", 1), ("b", None), ("c", "hear ye"), ("d", "hear ye"), ("e", 2), ("f", 3),
    ]  # fmt: skip
    assert events.post("news", "after") == 0
    assert len(caught) == 7


def test_messages_are_as_a_browser_gets_them() -> None:
    with captured_events() as caught:
        events.post("news", {"ids": (1, 2), 3: "three"})
        events.post_many([("news", NO_MESSAGE)])
    assert caught == [("news", {"ids": [1, 2], "3": "three"}), ("news", NO_MESSAGE)]


def test_a_message_that_is_no_json_raises_in_a_test() -> None:
    with captured_events() as caught, pytest.raises(TypeError):
        events.post("news", Decimal(1))
    assert caught == []


def test_a_committed_event_is_caught_and_one_rolled_back_is_not() -> None:
    with captured_events() as caught:
        with transaction.atomic():
            events.post_on_commit("news", 1)
            assert caught == []
        with transaction.atomic():
            events.post_on_commit("news", 2)
            transaction.set_rollback(True)
    assert caught == [("news", 1)]


def test_one_within_another_catches_alone() -> None:
    with captured_events() as outer:
        events.post("news", 1)
        with captured_events() as inner:
            events.post("news", 2)
        events.post("news", 3)
    assert outer == [("news", 1), ("news", 3)]
    assert inner == [("news", 2)]


def test_a_queue_does_not_hold_up_what_is_caught() -> None:
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_QUEUE=10), captured_events() as caught:
        assert events.post("news", 1) > 0
        assert caught == [("news", 1)]


def test_the_backend_for_development_keeps_events() -> None:
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_BACKEND="memory"):
        event_id = events.post("news", [1])
        backend = wiring.current().sender.backend
        assert isinstance(backend, MemoryBackend)
        assert [(event.id, event.channel, event.message) for event in backend.events] == [(event_id, "news", [1])]
        assert events.last() == event_id
        assert events.post("news", object()) == 0


def test_the_backend_none_takes_everything() -> None:
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_BACKEND="none"):
        assert events.post("news", object(), raise_errors=True) == events.last(raise_errors=True) == 0
