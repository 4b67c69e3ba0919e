"""Do events in the queue arrive in order and once, whatever happens meanwhile, and is the queue bounded?"""

import logging
import threading
from collections.abc import Sequence

import pytest

from oyez.client import (
    BadAnswer,
    BadEvent,
    Post,
    PosterError,
    Refused,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from oyez.django.losses import Losses
from oyez.django.outage import NotTried
from oyez.django.queue import MOST_BYTES, QUEUED, Queue, QueueFull
from oyez.django.sender import Sender
from tests.django.test_events import nested
from tests.inbox import PATIENCE_S, Inbox


class Backend:
    """Takes what it is given, if `troubles` holds nothing to raise instead."""

    knows_last = True

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.taken = Inbox()
        self.keys: list[str] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def post(self, posts: Sequence[Post], *, key: str, timeout_s: float) -> list[int]:
        self.keys.append(key)
        if self.troubles:
            raise self.troubles.pop(0)
        assert self.may_go_on.wait(PATIENCE_S)
        for post in posts:
            if post.channel == "bad":
                raise Refused(400, "invalid-channel", "bad")
        for post in posts:
            self.taken.put(post.channel, post.message)
        return list(range(1, len(posts) + 1))

    def last(self, *, timeout_s: float) -> int:
        return 1

    def probe(self, *, timeout_s: float) -> object:
        return None

    def close(self) -> None:
        pass


def queue_to(backend: Backend, max_events: int = 1000, drain_s: float = 0.1) -> Queue:
    return Queue(Sender(backend, timeout_s=1, has_threads=True), Losses(), max_events, drain_s)


def test_what_comes_while_others_wait_goes_behind_them() -> None:
    backend = Backend(Unreachable("away"))
    backend.may_go_on.clear()  # the attempt after that hangs
    queue = queue_to(backend)
    assert queue.post([Post("news", 1)]) == [QUEUED]
    assert queue.post([Post("news", 2), Post("news", 3)]) == [QUEUED, QUEUED]
    backend.may_go_on.set()
    assert queue.flush(PATIENCE_S)
    assert queue.post([Post("news", 4)]) == [1], "and at once when none waits any more"
    assert backend.taken.of("news") == [1, 2, 3, 4]
    queue.close()


@pytest.mark.parametrize(
    "error",
    [Unreachable("refused"), Unreachable("broke", uncertain=True), TimedOut("silent", uncertain=True),
     Refused(503, "unavailable", ""), Refused(502, "", ""), Refused(429, "", ""), Refused(408, "timeout", ""),
     Refused(429, "address-waits", ""), BadAnswer("<h1>Soon back</h1>")],
)  # fmt: skip
def test_an_event_waits_when_the_daemon_is_away(error: PosterError) -> None:
    backend = Backend(error)
    queue = queue_to(backend)
    assert queue.post([Post("news", 1)]) == [QUEUED]
    assert backend.taken.wait("news") == [1]
    queue.close()


@pytest.mark.parametrize(
    "error",
    [Refused(400, "invalid-channel", ""), Unauthorized(401, "unauthorized", ""), PosterError("the exchange is gone"),
     Refused(429, "too-many-failures", ""), Refused(413, "", ""), BadEvent(0, "not JSON"), TypeError("not JSON")],
)  # fmt: skip
def test_an_event_that_is_refused_does_not_wait(error: Exception) -> None:
    backend = Backend(error)
    queue = queue_to(backend)
    with pytest.raises(type(error)):
        queue.post([Post("news", 1)])
    assert queue.flush(0)
    assert backend.taken.of("news") == []


def test_while_a_wrong_key_is_remembered_nothing_waits_for_a_right_one() -> None:
    backend = Backend(Unauthorized(401, "unauthorized", ""))
    backend.probe = lambda *, timeout_s: backend.may_go_on.wait(PATIENCE_S)  # type: ignore[method-assign]
    backend.may_go_on.set()
    queue = queue_to(backend)
    with pytest.raises(Unauthorized):
        queue.post([Post("news", 1)])
    backend.may_go_on.clear()
    with pytest.raises(NotTried):
        queue.post([Post("news", 2)])
    backend.may_go_on.set()


def test_what_of_many_was_taken_before_does_not_wait() -> None:
    lost = Unreachable("broke", uncertain=True)
    lost.ids = (5, 6)
    backend = Backend(lost)
    queue = queue_to(backend)
    assert queue.post([Post("news", number) for number in range(4)]) == [5, 6, QUEUED, QUEUED]
    assert backend.taken.wait("news", 2) == [2, 3]
    queue.close()


def test_more_than_can_wait_is_posted_when_those_before_it_are() -> None:
    backend = Backend(Unreachable("refused", uncertain=True))
    queue = queue_to(backend, max_events=3)
    assert queue.post([Post("news", 0)]) == [QUEUED]
    assert queue.post([Post("news", number) for number in range(1, 6)]) == [1, 2, 3, 4, 5]
    assert backend.taken.of("news") == [0, 1, 2, 3, 4, 5]
    backend.troubles = [Unreachable("refused")]
    with pytest.raises(QueueFull) as caught:
        queue.post([Post("news", number) for number in range(5)])
    assert caught.value.__cause__ is not None
    queue.close()


def test_what_a_caller_changes_later_is_not_posted() -> None:
    backend = Backend()
    backend.may_go_on.clear()
    queue = queue_to(backend)
    message = {"state": "as posted"}
    queue.put([Post("news", message)])
    message["state"] = "changed"
    backend.may_go_on.set()
    assert backend.taken.wait("news") == [{"state": "as posted"}]
    queue.close()


def test_a_full_queue_takes_nothing_more_and_forgets_nothing() -> None:
    backend = Backend()
    backend.may_go_on.clear()
    queue = queue_to(backend, max_events=10)
    queue.put([Post("news", number) for number in range(8)])
    with pytest.raises(QueueFull):
        queue.put([Post("news", 8), Post("news", 9), Post("news", 10)])
    queue.put([Post("news", 8), Post("news", 9)])
    backend.may_go_on.set()
    assert backend.taken.wait("news", 10) == list(range(10))
    assert queue.flush(PATIENCE_S)
    queue.put([Post("news", number) for number in range(10)])
    queue.close()


def test_it_is_bounded_in_bytes_too() -> None:
    backend = Backend()
    backend.may_go_on.clear()
    queue = queue_to(backend)
    big = "x" * (MOST_BYTES // 4)
    for _ in range(3):
        queue.put([Post("news", big)])
    with pytest.raises(QueueFull):
        queue.put([Post("news", big)])
    backend.may_go_on.set()
    assert queue.flush(PATIENCE_S)
    queue.put([Post("news", big)])
    queue.close()


@pytest.mark.parametrize(
    "post",
    [Post("news", object()), Post("news", float("inf")), Post("news", nested()), Post("\ud800", 1), Post(3, 1)],  # type: ignore[arg-type]
)
def test_what_is_no_json_is_refused_at_once(post: Post) -> None:
    queue = queue_to(Backend())
    with pytest.raises((TypeError, ValueError)):
        queue.put([post])


def test_a_batch_is_tried_again_with_the_same_key_until_it_is_taken() -> None:
    backend = Backend(Unreachable("refused"), Unreachable("broke", uncertain=True), Refused(503, "unavailable", ""))
    queue = queue_to(backend)
    queue.put([Post("news", 1)])
    assert backend.taken.wait("news") == [1]
    assert len(backend.keys) == 4
    assert len(set(backend.keys)) == 1
    assert backend.keys[0]
    queue.close()


def test_one_bad_event_does_not_take_the_others_with_it(caplog: pytest.LogCaptureFixture) -> None:
    backend = Backend()
    backend.may_go_on.clear()
    queue = queue_to(backend)
    queue.put([Post("news", 0)])  # the thread waits with this one, the rest becomes one batch
    queue.put([Post("news", 1), Post("bad", 2), Post("news", 3)])
    backend.may_go_on.set()
    assert backend.taken.wait("news", 3) == [0, 1, 3]
    assert queue.flush(PATIENCE_S)
    assert "invalid-channel" in caplog.text
    queue.close()


def test_others_of_a_refused_batch_wait_for_a_daemon_that_is_away() -> None:
    backend = Backend(Refused(400, "invalid-channel", "bad"), Unreachable("refused"), Unreachable("refused"))
    backend.may_go_on.clear()
    queue = queue_to(backend)
    queue.put([Post("news", 1), Post("bad", 2), Post("news", 3)])
    backend.may_go_on.set()
    assert backend.taken.wait("news", 2) == [1, 3]
    queue.close()


def test_a_backend_of_the_sites_own_that_fails_does_not_end_the_queue() -> None:
    backend = Backend(KeyError("its own mistake"))
    queue = queue_to(backend)
    queue.put([Post("news", 1)])
    assert queue.flush(PATIENCE_S)
    queue.put([Post("news", 2)])
    assert backend.taken.wait("news") == [2]
    queue.close()


def test_a_closed_queue_posts_what_waits_and_says_what_it_could_not(caplog: pytest.LogCaptureFixture) -> None:
    backend = Backend()
    queue = queue_to(backend, drain_s=0.3)
    queue.put([Post("news", number) for number in range(5)])
    queue.close()
    assert backend.taken.of("news") == list(range(5))
    with pytest.raises(RuntimeError):
        queue.put([Post("news", 6)])
    away = Backend(*[Unreachable("refused")] * 1000)
    queue = queue_to(away, drain_s=0.3)
    with caplog.at_level(logging.WARNING):
        queue.put([Post("news", number) for number in range(5)])
        queue.close()
    assert "events are not posted (5 " in caplog.text
