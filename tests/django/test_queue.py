"""Do events in the queue arrive in order and once, whatever happens meanwhile, and is the queue bounded?"""

import logging
import os
import subprocess
import sys
import threading
import types
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.test import override_settings

from oyez.client import (
    BadAnswer,
    BadEvent,
    Post,
    Postable,
    PosterError,
    Refused,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from oyez.django import events
from oyez.django.losses import Losses
from oyez.django.outage import NotTried
from oyez.django.queue import MOST_BYTES, QUEUED, Queue, QueueFull
from oyez.django.sender import Sender
from tests.daemon import KEY, Daemon
from tests.django.conftest import site_of
from tests.django.test_events import NOWHERE, messages, nested
from tests.inbox import PATIENCE_S, Inbox

ROOT = Path(__file__).parent.parent.parent


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


def queue_to(backend: Backend, max_events: int = 1000) -> Queue:
    return Queue(Sender(backend, timeout_s=1, has_threads=True), Losses(), max_events)


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
     BadAnswer("<h1>Soon back</h1>")],
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


def test_a_post_that_arrived_when_its_time_was_over_comes_once(own_daemon: Daemon) -> None:
    with site_of(own_daemon):
        assert events.post("news", 0) > 0
        own_daemon.suspend()  # what is sent waits at its door
        assert events.post("news", 1) == events.QUEUED
        own_daemon.resume()
        assert events.post_many([("news", 2), ("news", 3)])
        assert events.flush(PATIENCE_S)
        assert messages(own_daemon, "news") == [0, 1, 2, 3]


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


def test_a_closed_queue_posts_what_waits_and_says_what_it_could_not(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oyez.django.queue.DRAIN_S", 0.3)
    backend = Backend()
    queue = queue_to(backend)
    queue.put([Post("news", number) for number in range(5)])
    queue.close()
    assert backend.taken.of("news") == list(range(5))
    with pytest.raises(RuntimeError):
        queue.put([Post("news", 6)])
    away = Backend(*[Unreachable("refused")] * 1000)
    queue = queue_to(away)
    with caplog.at_level(logging.WARNING):
        queue.put([Post("news", number) for number in range(5)])
        queue.close()
    assert "events are not posted (5 " in caplog.text


def test_uwsgi_without_threads_has_no_queue_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    uwsgi = types.ModuleType("uwsgi")
    uwsgi.__dict__["opt"] = {b"http": b":8000"}
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=NOWHERE):
        assert events.post("news", 1) == 0
    assert "enable-threads" in caplog.messages[0]
    caplog.clear()
    uwsgi.__dict__["opt"][b"enable-threads"] = True
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=NOWHERE):
        assert events.post("news", 1) == events.QUEUED
    assert "enable-threads" not in caplog.text


def test_a_forked_process_has_a_queue_of_its_own_and_posts_nothing_of_its_parents(own_daemon: Daemon) -> None:
    with site_of(own_daemon):
        own_daemon.stop()
        assert events.post("news", "parent") == events.QUEUED
        child = os.fork()
        if child == 0:  # nothing of pytest's may run here
            is_queued = events.post("news", "child") == events.QUEUED
            os._exit(0 if is_queued and events.flush(PATIENCE_S) else 1)
        own_daemon.start()
        assert os.waitpid(child, 0)[1] == 0
        assert events.flush(PATIENCE_S)
        assert events.post("news", "parent again") > 0
        *first, last = messages(own_daemon, "news")
    assert sorted(map(str, first)) == ["child", "parent"]
    assert last == "parent again"


def test_a_process_forked_in_an_outage_is_not_bound_by_its_parents_memory(site: Daemon) -> None:
    with override_settings(EVENT_DAEMON_URL=NOWHERE):
        assert events.post("news", 1) == events.QUEUED
        child = os.fork()
        if child == 0:
            with override_settings(EVENT_DAEMON_URL=site.url):
                os._exit(0 if events.post("news", 1) > 0 and events.last() else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert events.post("news", 1) == events.QUEUED


ENDING = """
import sys
from django.conf import settings
url, key, drain_s = sys.argv[1:]
settings.configure(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=url, EVENT_DAEMON_KEY=key, EVENT_DAEMON_QUEUE=5000)
from oyez.django import events, queue, wiring
queue.DRAIN_S = float(drain_s)
wiring.current().queue.put([events.Post("ending", number) for number in range(3000)])
"""


def test_a_process_that_ends_posts_what_waits(daemon: Daemon) -> None:
    subprocess.run([sys.executable, "-c", ENDING, daemon.url, KEY, "20"], check=True, cwd=ROOT, timeout=60)
    assert messages(daemon, "ending")[-1] == 2999


ENDING_WITH_A_POST = """
import atexit, sys
from django.conf import settings
settings.configure(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=sys.argv[1], EVENT_DAEMON_KEY=sys.argv[2])
from oyez.django import events, queue
queue.DRAIN_S = 20.0
atexit.register(lambda: print(events.post("ending", "late"), flush=True))
"""


def test_what_is_posted_at_the_very_end_waits_too(own_daemon: Daemon) -> None:
    own_daemon.stop()
    arguments = [sys.executable, "-c", ENDING_WITH_A_POST, own_daemon.url, KEY]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{QUEUED}\n"
        own_daemon.start()
    assert process.returncode == 0
    assert messages(own_daemon, "ending") == ["late"]


FORKING = """
import os, sys, time
from django.conf import settings
settings.configure(
    EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=sys.argv[1], EVENT_DAEMON_KEY="a key", EVENT_DAEMON_QUEUE=10
)
from oyez.django import events, queue
queue.DRAIN_S = 30 if len(sys.argv) > 2 else 0.1
events.post("news", object())  # the line that keeps the next ones back for a minute
assert [events.post("news", number) for number in range(10)] == [events.QUEUED] * 10
if os.fork():
    os.wait()
    queue.DRAIN_S = 0.1
"""


def test_what_a_process_leaves_is_counted_though_a_line_was_just_written_and_by_it_alone() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FORKING, NOWHERE, "slow child"],
        check=True, cwd=ROOT, timeout=20, capture_output=True, text=True,
    )  # fmt: skip
    lines = [line for line in ended.stderr.splitlines() if "events are not posted" in line]
    assert ["(1 " in line or "(10 " in line for line in lines] == [True, True], ended.stderr


MULTIPROCESSING = """
import multiprocessing, sys
from django.conf import settings
settings.configure(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=sys.argv[1], EVENT_DAEMON_KEY="a key")
from oyez.django import events, queue
queue.DRAIN_S = 0.1
child = multiprocessing.get_context("fork").Process(target=lambda: events.post_many([("news", 1), ("news", 2)]))
child.start()
child.join()
"""


def test_what_a_child_of_multiprocessing_leaves_is_counted() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MULTIPROCESSING, NOWHERE],
        check=True, cwd=ROOT, timeout=20, capture_output=True, text=True,
    )  # fmt: skip
    assert "events are not posted (2 so far)" in ended.stderr


def test_a_process_ends_soon_though_the_daemon_is_away() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDING, NOWHERE, KEY, "0.3"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "3000" in log
