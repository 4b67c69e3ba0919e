"""Has every process a queue of its own, and is what waits in it posted or counted when the process ends or forks?"""

import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
from django.test import override_settings

from oyez.django import events
from oyez.django.queue import QUEUED
from tests.daemon import KEY, Daemon
from tests.django.conftest import site_of
from tests.django.test_events import NOWHERE, messages
from tests.inbox import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent


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
from oyez.django import events, wiring
wiring.drain_for(float(drain_s))
wiring.current().queue.put([events.Post("ending", number) for number in range(3000)])
"""


def test_a_process_that_ends_posts_what_waits(daemon: Daemon) -> None:
    subprocess.run([sys.executable, "-c", ENDING, daemon.url, KEY, "20"], check=True, cwd=ROOT, timeout=60)
    assert messages(daemon, "ending")[-1] == 2999


ENDING_WITH_A_POST = """
import atexit, sys
from django.conf import settings
settings.configure(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=sys.argv[1], EVENT_DAEMON_KEY=sys.argv[2])
from oyez.django import events, wiring
wiring.drain_for(20.0)
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
from oyez.django import events, wiring
wiring.drain_for(30 if len(sys.argv) > 2 else 0.1)
events.post("news", object())  # the line that keeps the next ones back for a minute
assert [events.post("news", number) for number in range(10)] == [events.QUEUED] * 10
if os.fork():
    os.wait()
    wiring.current().queue._drain_s = 0.1
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
from oyez.django import events, wiring
wiring.drain_for(0.1)
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
    told = [int(count) for count in re.findall(r"events are not posted \((\d+) ", log)]
    assert sum(told) == 3000, log  # the thread's own batch may be told before the rest
