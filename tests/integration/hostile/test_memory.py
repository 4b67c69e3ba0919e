"""Can a visitor without a key make the daemon hold more than 64 KiB for it, at any door and in any way?

docs/explanation/limits.md has a line for each of these.
"""

import gc
import time
from collections.abc import Iterator

import pytest

from tests.conftest import MANY_CLIENTS
from tests.daemon import Daemon
from tests.integration.hostile import hoarders
from tests.integration.hostile.hoarders import Hoarder
from tests.integration.links import rss_mb

MOST_KIB = 64
VISITORS, WARMING = 80, 8
EVENTS, EVENT_BYTES = 250, 3000

# Nothing ends, and no ration is used up, while it is measured.
PATIENT = {
    "limits.header_timeout_s": 300,
    "limits.body_timeout_s": 300,
    "limits.commands_per_second_per_connection": "100000 burst 100000",
    "limits.commands_per_second_per_address": "1000000 burst 1000000",
    "limits.replay_bytes_per_second_per_address": "1000000000 burst 1000000000",
    "socketio.ping_timeout_s": 300,
    "websocket.ping_timeout_s": 300,
    "http.long_poll_timeout_s": 300,
    "http.stream_heartbeat_s": 300,
}

QUICK = (hoarders.fragments, hoarders.half_frame, hoarders.half_head, hoarders.unread_polls, hoarders.pipelined)
LONG = (
    hoarders.fragments_of_socketio,
    hoarders.attachments,
    hoarders.unread_answers,
    hoarders.unread_small_answers,
    hoarders.unread_history,
    hoarders.unread_stream,
    hoarders.longest_names,
    hoarders.head_of_tiny_lines,
    hoarders.half_body,
    hoarders.body_in_bytes,
    hoarders.body_without_a_key,
    hoarders.pipelined_body,
    hoarders.long_poll,
)


@pytest.fixture
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon of the test's own: what another one has freed would hide what this one takes."""
    with Daemon(tmp_path_factory.mktemp("patient"), settings=MANY_CLIENTS | PATIENT) as daemon:
        daemon.post("old", *["x" * EVENT_BYTES] * EVENTS)
        yield daemon


def kib_for_each(daemon: Daemon, hoard: Hoarder) -> float:
    for held in [hoard(daemon.port, "old") for _ in range(WARMING)]:
        hoarders.drop(held)
    time.sleep(0.3)  # until they are noticed to be gone
    before = rss_mb(daemon.pid)
    kept = [hoard(daemon.port, "old") for _ in range(VISITORS)]
    time.sleep(0.3)  # until all that was sent has been read
    grown = rss_mb(daemon.pid) - before
    for held in kept:
        hoarders.drop(held)
    gc.collect()
    return grown * 1024 / VISITORS


@pytest.mark.parametrize("hoard", QUICK, ids=lambda hoard: hoard.__name__)
def test_what_one_visitor_can_have_held_is_little(patient: Daemon, hoard: Hoarder) -> None:
    assert kib_for_each(patient, hoard) < MOST_KIB


@pytest.mark.slow
@pytest.mark.parametrize("hoard", LONG, ids=lambda hoard: hoard.__name__)
def test_what_one_visitor_can_have_held_is_little_in_any_way(patient: Daemon, hoard: Hoarder) -> None:
    assert kib_for_each(patient, hoard) < MOST_KIB


@pytest.mark.slow
@pytest.mark.parametrize(
    "connect",
    [
        hoarders.idle_websocket,
        hoarders.idle_socketio,
        hoarders.idle_poller,
        hoarders.idle_stream,
        hoarders.idle_poll,
        hoarders.idle_request,
    ],
    ids=lambda connect: connect.__name__,
)
def test_an_idle_connection_takes_little(patient: Daemon, connect: Hoarder) -> None:
    assert kib_for_each(patient, connect) < 20
