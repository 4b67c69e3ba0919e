"""The poster of judge sites, with its time-outs, against the daemon on good days and bad ones."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.clients.python import PythonClient, ThreadedSession
from tests.clients.site_poster import ACK_TIMEOUT_S, STEP_TIMEOUT_S, SitePoster
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.scenarios import new_channel


@pytest.fixture
def poster(daemon: Daemon) -> Iterator[SitePoster]:
    poster = SitePoster(daemon.url, daemon.key)
    yield poster
    poster.close()


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def test_connects_and_upgrades_in_half_a_second(daemon: Daemon) -> None:
    posters = [SitePoster(daemon.url, daemon.key, step_timeout_s=STEP_TIMEOUT_S) for _ in range(10)]
    poster = next(each for each in posters if each.last())  # machines are busy at times
    assert poster.transport() == "websocket"
    assert 0 < poster.last() < 2**53
    poster.close()


def test_posts_in_no_time(poster: SitePoster, daemon: Daemon) -> None:
    channel = new_channel()
    with PythonClient(ThreadedSession, "websocket").open(daemon.url, channels=[channel]) as follower:
        follower.inbox.wait("status", 2)
        ids: list[int] = []
        took = [seconds(lambda n=n: ids.append(poster.post(channel, n))) for n in range(51)][1:]  # type: ignore[misc]
        assert min(took) < 0.03  # a segment that waits for an acknowledgement (Nagle) would take 40 ms, each time
        events = sorted(follower.inbox.wait("message", 51), key=lambda event: event["id"])
        assert [(event["id"], event["message"]) for event in events] == list(zip(ids, range(51), strict=True))
        assert poster.last() >= ids[-1] > 0


@pytest.mark.parametrize("channel", ["", "x" * 101, None])
def test_a_refused_post_is_zero_and_the_next_one_goes_through(poster: SitePoster, channel: str) -> None:
    assert poster.post(channel, "nobody gets this") == 0
    assert poster.post(new_channel(), "on a new connection") > 0


@pytest.mark.parametrize("size", [12_000, 800_000])
def test_a_compile_log_goes_through(poster: SitePoster, daemon: Daemon, size: int) -> None:
    channel, message = new_channel(), {"type": "compile-error", "log": "ả" * (size // 6)}  # 6 bytes each, as \uXXXX
    with PythonClient(ThreadedSession, "websocket").open(daemon.url, channels=[channel]) as follower:
        follower.inbox.wait("status", 2)
        event_id = poster.post(channel, message)
        assert event_id > 0
        assert follower.inbox.wait("message") == [{"id": event_id, "channel": channel, "message": message}]


def test_the_wrong_key_gives_zero_and_then_costs_nothing(daemon: Daemon) -> None:
    poster = SitePoster(daemon.url, "wrong")
    assert poster.post(new_channel(), 1) == 0
    assert min(seconds(lambda: poster.post(new_channel(), 2)) for _ in range(5)) < 0.01  # mute


def test_after_a_restart_the_second_call_goes_through(own_daemon: Daemon) -> None:
    poster = SitePoster(own_daemon.url, own_daemon.key)
    first = poster.post("a", 1)
    own_daemon.restart()
    assert poster.post("a", 2) == 0  # the site's own code: it learns from this call that its connection is gone
    assert poster.post("a", 3) > first > 0
    poster.close()


def test_without_a_daemon_it_fails_at_once(own_daemon: Daemon) -> None:
    poster = SitePoster(own_daemon.url, own_daemon.key)
    own_daemon.kill()
    assert seconds(lambda: poster.post("a", 1)) < ACK_TIMEOUT_S  # it does not wait for an answer
    assert poster.post("a", 2) == 0


def test_a_hung_daemon_holds_a_call_for_a_bounded_time(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"socketio.ping_interval_s": 1, "socketio.ping_timeout_s": 1})
    poster = SitePoster(daemon.url, daemon.key)
    assert poster.post("a", 1) > 0
    daemon.suspend()
    try:
        # The ack's time-out, then the clean-up joins a thread that reads until the announced timers are over.
        assert ACK_TIMEOUT_S <= seconds(lambda: poster.post("a", 2)) < ACK_TIMEOUT_S + 1 + 1 + PATIENCE_S / 2
    finally:
        daemon.resume()
    assert poster.post("a", 3) > 0
    poster.close()
