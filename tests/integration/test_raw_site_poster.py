"""The poster of DMOJ's and VNOJ's sites, unchanged, against the daemon on good days and bad ones."""

import time
from collections.abc import Iterator
from threading import Thread

import pytest

from tests.clients.raw_poster import PostRefused, RawSitePoster
from tests.conftest import MANY_CLIENTS
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.integration.dialects import POST_LISTENER, RawListener, post_port
from tests.scenarios import new_channel


@pytest.fixture(scope="module")
def site_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with the port that the sites' settings name for posts."""
    with Daemon(tmp_path_factory.mktemp("site"), settings=POST_LISTENER | MANY_CLIENTS) as daemon:
        yield daemon


def url(port: int, path: str = "/") -> str:
    return f"ws://127.0.0.1:{port}{path}"


@pytest.fixture(params=["second address", "second address, with a key", "main address"])
def poster(request: pytest.FixtureRequest, site_daemon: Daemon) -> Iterator[RawSitePoster]:
    poster = {
        "second address": lambda: RawSitePoster(url(post_port(site_daemon))),
        "second address, with a key": lambda: RawSitePoster(url(post_port(site_daemon)), site_daemon.key),
        "main address": lambda: RawSitePoster(url(site_daemon.port, "/post"), site_daemon.key),
    }[request.param]()
    yield poster
    poster.close()


def test_posts_in_no_time_and_in_order(poster: RawSitePoster, site_daemon: Daemon) -> None:
    channel = new_channel()
    ids, took = [poster.last()], []
    with RawListener(site_daemon.port, channel, start=ids[0]) as listener:
        for n in range(51):
            began = time.perf_counter()
            ids.append(poster.post(channel, {"n": n}))
            took.append(time.perf_counter() - began)
        assert [event["id"] for event in listener.events(51)] == ids[1:]
    assert min(took) < 0.03  # a segment that waits for an acknowledgement (Nagle) would take 40 ms, each time
    assert ids == sorted(ids)
    assert poster.last() >= ids[-1] > 0


def test_each_thread_has_a_connection_of_its_own(poster: RawSitePoster, site_daemon: Daemon) -> None:
    channel = new_channel()
    ids: list[int] = []

    def post_some() -> None:
        ids.extend(poster.post(channel, n) for n in range(20))
        poster.close()

    threads = [Thread(target=post_some) for _ in range(8)]
    with RawListener(site_daemon.port, channel, start=poster.last()) as listener:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        heard = [event["id"] for event in listener.events(160)]
    assert heard == sorted(ids)
    assert len(set(heard)) == 160


@pytest.mark.parametrize("size", [12_000, 800_000])
def test_a_compile_log_goes_through(poster: RawSitePoster, site_daemon: Daemon, size: int) -> None:
    channel, message = new_channel(), {"type": "compile-error", "log": "ả" * (size // 6)}  # 6 bytes each, as \uXXXX
    with RawListener(site_daemon.port, channel, start=poster.last()) as listener:
        event_id = poster.post(channel, message)
        assert listener.events(1) == [{"id": event_id, "channel": channel, "message": message}]


@pytest.mark.parametrize("channel", ["", "x" * 101, None, 5])
def test_what_is_refused_raises_and_the_connection_goes_on(poster: RawSitePoster, channel: str) -> None:
    with pytest.raises(PostRefused, match="invalid-channel"):
        poster.post(channel, "nobody gets this")
    assert poster.post(new_channel(), "goes through") > 0


def test_the_wrong_key_raises(site_daemon: Daemon) -> None:
    for address in (url(site_daemon.port, "/post"), url(post_port(site_daemon))):
        with pytest.raises(PostRefused, match="auth-failed"):
            RawSitePoster(address, "wrong").post("x", 1)
    with pytest.raises(PostRefused, match="unauthorized"):
        RawSitePoster(url(site_daemon.port, "/post")).post("x", 1)


def test_a_stop_is_an_end_that_sites_know(own_daemon: Daemon) -> None:
    """Its posts return 0 then, as they do without a daemon; any other error would get into the site's pages."""
    poster = RawSitePoster(url(own_daemon.port, "/post"), own_daemon.key)
    assert poster.post("a", 1) > 0
    own_daemon.process.terminate()
    assert own_daemon.process.wait(PATIENCE_S) == 0
    assert poster.post("a", 2) == 0


def test_a_restart_costs_a_call_at_most_and_without_a_daemon_calls_are_zero(own_daemon: Daemon) -> None:
    poster = RawSitePoster(url(own_daemon.port, "/post"), own_daemon.key)
    first = poster.post("a", 1)
    own_daemon.restart()
    second = poster.post("a", 2) or poster.post("a", 2)  # a socket that was reset is an error that is not retried
    assert second > first > 0
    own_daemon.kill()
    assert poster.post("a", 3) == poster.post("a", 4) == 0
