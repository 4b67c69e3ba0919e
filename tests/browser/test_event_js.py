"""The project's own client in real browsers: is every event there, in order, once, whatever happens to the link?"""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.pages import Site
from tests.browser.receiver import THE_WAY, WAYS, OpenPage
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.nginx import FORWARDED, Nginx, location, pass_to
from tests.proxy import Proxy
from tests.scenarios import new_channel

over_every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def daemon(short_daemon: Daemon) -> Daemon:
    return short_daemon


# --- The link ---------------------------------------------------------------------------------------------------------


@pytest.mark.firefox
@over_every_way
def test_all_comes_in_order_and_once_while_the_link_is_cut_again_and_again(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, way: str
) -> None:
    one, two = new_channel(), new_channel()
    start = daemon.last()
    expected = daemon.post(one, "before the page listened")
    page = open_page(way=way)
    page.follow(proxy.url, [one, two], str(start))
    assert page.way == WAYS[way]
    for n in range(3):
        expected += daemon.post(two, f"live {n}") + daemon.post(one, *range(10))
        assert page.events(len(expected)) == expected
        proxy.cut()
        page.lost()
        expected += daemon.post(one, f"missed {n}") + daemon.post(two, *range(10))
        proxy.mend()
        assert page.events(len(expected)) == expected
        page.live()
    assert page.run("receiver.last_msg") == expected[-1]["id"]
    assert page.inbox.of("gap") == []
    assert page.inbox.of("wsclose") == [1006] * 3


@over_every_way
def test_a_gap_is_told_once_and_names_the_channels_that_may_lack_something(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, way: str
) -> None:
    busy, quiet = new_channel(), new_channel()
    page = open_page(way=way)
    page.follow(proxy.url, [busy, quiet], daemon.last())
    expected = daemon.post(quiet, 1)
    page.events(1)
    proxy.cut()
    page.lost()
    expected += daemon.post(busy, *range(50))[-20:]
    proxy.mend()
    assert page.events(21) == expected
    assert page.inbox.wait("gap") == [[busy]]
    proxy.cut()
    page.lost()
    proxy.mend()
    expected += daemon.post(busy, "after it")
    assert page.events(22) == expected
    assert page.inbox.of("gap") == [[busy]]


@pytest.mark.firefox
def test_a_restart_of_the_daemon_is_survived_without_loss(
    open_page: OpenPage, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon("--broker", f"sqlite://{tmp_path}/events.db")
    pages = [open_page(way=way) for way in WAYS]
    for page in pages:
        page.receive(daemon.url, ["x"], daemon.last())
    expected = daemon.post("x", "before")
    for page in pages:
        assert page.events(1) == expected
    daemon.restart()
    expected += daemon.post("x", "after")
    for page in pages:
        assert page.events(2) == expected
        assert page.inbox.of("gap") == page.inbox.of("error") == []


@pytest.mark.firefox
def test_after_an_outage_a_page_comes_back_to_its_websocket(open_page: OpenPage, daemon: Daemon, proxy: Proxy) -> None:
    """Whichever way is tried at the moment at which the daemon is there again."""
    page = open_page()
    page.follow(proxy.url, [new_channel()], daemon.last())
    proxy.cut()
    page.until(f"{THE_WAY} !== 'openSocket'")
    proxy.mend()
    page.live()
    page.until(f"receiver.state === 'live' && {THE_WAY} === 'openSocket'")


def test_ids_of_another_time_are_taken_and_told_as_a_gap(open_page: OpenPage, daemon: Daemon) -> None:
    channel = new_channel()
    page = open_page()
    page.follow(daemon.url, [channel], daemon.last() + 10**9)
    assert page.inbox.wait("gap") == [[channel]]
    expected = daemon.post(channel, 1)
    assert page.events(1) == expected
    page.run("receiver.reconnect()")
    expected += daemon.post(channel, 2)
    assert page.events(2) == expected
    assert page.inbox.of("gap") == [[channel]]


@over_every_way
def test_a_channel_that_is_added_after_ids_began_anew_is_heard(open_page: OpenPage, daemon: Daemon, way: str) -> None:
    old, added = new_channel(), new_channel()
    page = open_page(way=way)
    page.follow(daemon.url, [old], daemon.last() + 10**9)
    assert page.inbox.wait("gap") == [[old]]
    page.run("channels => receiver.updateChannels(channels)", [old, added])
    assert page.inbox.wait("gap", 2) == [[old], [added]]
    expected = daemon.post(added, 1)
    assert page.events(1) == expected


# --- The machine ------------------------------------------------------------------------------------------------------


def test_a_page_that_was_frozen_goes_on_where_it_was(open_page: OpenPage, daemon: Daemon, proxy: Proxy) -> None:
    channel = new_channel()
    page = open_page()
    page.follow(proxy.url, [channel], daemon.last())
    expected = daemon.post(channel, "before")
    assert page.events(1) == expected
    page.freeze()
    expected += daemon.post(channel, "while it slept")
    proxy.cut()
    proxy.mend()
    expected += daemon.post(channel, *range(5))
    page.thaw()
    assert page.events(7) == expected


@pytest.mark.firefox
@over_every_way
def test_a_dead_link_that_says_nothing_is_noticed_when_the_tab_is_shown(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, way: str
) -> None:
    channel = new_channel()
    page = open_page(way=way, clock=True)
    page.follow(proxy.url, [channel], daemon.last())
    page.hide()
    proxy.pause()
    expected = daemon.post(channel, "into the dark")
    page.jump(26)
    proxy.hush_some(lambda: True)
    proxy.is_paused = False  # new links work
    page.show()
    if way == "WebSocket":
        page.jump(6)  # without an answer
    assert page.events(1) == expected


def test_a_dead_link_that_says_nothing_is_noticed_in_an_idle_page(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy
) -> None:
    channel = new_channel()
    page = open_page(clock=True)
    page.follow(proxy.url, [channel], daemon.last())
    page.jump(26)  # asks, and is answered
    page.until("Date.now() - receiver._feed.heard < 5000")
    proxy.hush_some(lambda: True)
    page.jump(26)
    page.jump(6)
    page.live()
    assert page.inbox.of("wsclose") == [1006]
    assert page.inbox.of("state") == ["live", "reconnecting", "live"]


@over_every_way
def test_a_link_into_the_dark_is_not_live(open_page: OpenPage, daemon: Daemon, proxy: Proxy, way: str) -> None:
    channel, start = new_channel(), daemon.last()
    expected = daemon.post(channel, 1)
    proxy.pause()
    page = open_page(way=way, clock=True)
    page.receive(proxy.url, [channel], start)
    for _ in range(5):
        page.jump(7)
    assert page.inbox.of("state") == ["stale"]
    proxy.resume()
    page.jump(31)
    page.live()
    assert page.events(1) == expected


@over_every_way
@pytest.mark.parametrize("moves", [False, True])
def test_a_link_that_has_died_and_cannot_be_opened_anew_is_not_live(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, way: str, *, moves: bool
) -> None:
    channel = new_channel()
    page = open_page(way=way, clock=True)
    page.follow(proxy.url, [channel], daemon.last())
    proxy.pause()
    if moves:
        page.run("channels => receiver.updateChannels(channels)", [new_channel(), channel])
    for _ in range(15):
        page.jump(6)
    page.inbox.wait_until(lambda: page.inbox.of("state")[-1] == "stale", "stale state")
    expected = daemon.post(channel, 1)
    proxy.resume()
    page.jump(31)
    page.live()
    assert page.events(1) == expected


@pytest.mark.firefox
def test_ten_minutes_offline_are_made_up_for_at_once(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, context: BrowserContext
) -> None:
    channel = new_channel()
    page = open_page(clock=True)
    page.run("Math.random = () => 0.999")
    page.run("() => { const set = setTimeout; window.setTimeout = (act, ms) => (hear('timer', ms), set(act, ms)); }")
    page.follow(proxy.url, [channel], daemon.last())
    context.set_offline(True)
    proxy.cut()
    page.lost()
    page.jump(11)
    page.inbox.wait_until(lambda: page.inbox.of("state")[-1] == "stale", "stale state")
    for _ in range(20):
        fails = page.run("receiver._feed.fails")
        page.jump(30)
        page.until(
            f"receiver._feed.fails > {fails} && !receiver._feed.link"
        )  # an attempt is through, however long it took
    waits = [0.999 * min(30_000, 400 * 1.7**n) for n in range(page.run("receiver._feed.fails"))]
    told = [ms for ms in page.inbox.of("timer") if any(abs(ms - wait) < 1 for wait in waits)]
    assert told == pytest.approx(waits)  # it tried all the time, and less and less often
    expected = daemon.post(channel, *range(20))
    proxy.mend()
    context.set_offline(False)
    assert page.events(20) == expected
    assert page.inbox.of("state") == ["live", "reconnecting", "stale", "live"]
    assert page.inbox.of("gap") == []


def test_a_fail_right_after_the_network_is_back_makes_nobody_wait_as_long_as_those_before(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy
) -> None:
    """Firefox holds a WebSocket back for up to a minute after many that failed."""
    channel = new_channel()
    page = open_page(clock=True)
    page.run("Math.random = () => 0.999")
    page.follow(proxy.url, [channel], daemon.last())
    proxy.cut()
    page.lost()
    page.run("void (receiver._feed.fails = 20)")  # as after ten minutes
    proxy.pause()
    proxy.mend()
    page.run("void dispatchEvent(new Event('online'))")
    page.jump(7)  # the WebSocket does not open
    assert page.run("receiver._feed.fails") == 1
    page.until("receiver._feed.way > 0")
    expected = daemon.post(channel, 1)
    proxy.resume()
    assert page.events(1) == expected
    page.until(f"receiver._feed.isLive() && {THE_WAY} === 'openSocket'")


def test_a_page_that_is_left_and_kept_for_back_goes_on(open_page: OpenPage, daemon: Daemon, site: Site) -> None:
    channel = new_channel()
    page = open_page()
    page.follow(daemon.url, [channel], daemon.last())
    expected = daemon.post(channel, "before")
    assert page.events(1) == expected
    page.page.goto(f"{site.url}/elsewhere.html")
    expected += daemon.post(channel, *range(5))
    page.page.go_back(wait_until="commit")
    assert page.events(6) == expected
    assert page.run("persisted") is True


# --- What is in between -----------------------------------------------------------------------------------------------


@pytest.mark.firefox
def test_behind_a_proxy_that_knows_no_websockets_a_page_takes_the_stream(
    open_page: OpenPage, daemon: Daemon, tmp_path: Path
) -> None:
    channel = new_channel()
    # The block of a site's Socket.IO, without the upgrade's headers.
    with Nginx(tmp_path, location("/judge/socket.io/", pass_to(daemon.port, "/socket.io/"), FORWARDED)) as nginx:
        page = open_page()
        page.follow(f"{nginx.url}/judge/", [channel], daemon.last())
        assert page.way == "openShare"
        expected = daemon.post(channel, *range(20))
        assert page.events(20) == expected
        nginx.reload()
        page.lost()
        expected += daemon.post(channel, "after")
        assert page.events(21) == expected


def test_behind_one_that_knows_no_streams_either_a_page_polls_until_there_are_websockets(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy
) -> None:
    channel = new_channel()
    page = open_page(way="long poll", clock=True)
    page.follow(proxy.url, [channel], daemon.last())
    assert page.way == "openPoll"
    expected = daemon.post(channel, *range(20))
    assert page.events(20) == expected
    page.run("void (WebSocket = RealWebSocket)")
    page.run("void (receiver._feed.beats = 59)")  # nearly five minutes
    page.jump(5)
    page.until(f"{THE_WAY} === 'openSocket' && receiver._feed.isLive()")
    expected += daemon.post(channel, "over it")
    assert page.events(21) == expected
    assert page.inbox.of("state") == ["live"]


def test_a_page_that_polls_catches_up_in_one_request(open_page: OpenPage, daemon: Daemon) -> None:
    one, two = new_channel(), new_channel()
    page = open_page(way="long poll")
    page.run(
        "() => { const { fetch } = window; window.fetch = (...call) => (hear('fetch', call[0]), fetch(...call)); }"
    )
    start = daemon.last()
    expected = [event for n in range(20) for channel in (one, two) for event in daemon.post(channel, n)]
    page.follow(daemon.url, [one, two], start)
    assert page.events(40) == expected
    asked = [url for url in page.inbox.of("fetch") if f"{two}?" in url]
    assert len(asked) < 5  # for these, and for what comes next; a busy machine may let one be asked again


@pytest.mark.firefox
def test_where_a_policy_forbids_websockets_a_page_has_the_stream_and_no_errors(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy
) -> None:
    """Firefox throws where Chromium only closes."""
    channel = new_channel()
    page = open_page(path="no_websocket.html")
    page.follow(proxy.url, [channel], daemon.last())
    page.run("receiver._feed.retry()")  # as after five minutes
    proxy.cut()
    page.lost()
    expected = daemon.post(channel, 1)
    proxy.mend()
    assert page.events(1) == expected
    page.live()
    page.run("(receiver._feed.proven = 0, receiver.reconnect())")  # as if it once had a WebSocket
    page.inbox.wait_until(lambda: page.run("receiver._feed.isLive()"), "a live link")
    expected += daemon.post(channel, 2)
    assert page.events(2) == expected
    assert page.inbox.of("error") == []


def test_a_daemon_without_room_is_asked_again_later(open_page: OpenPage, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections": 1, "http.long_poll_timeout_s": 0.5})
    first, second = open_page(), open_page()
    first.follow(daemon.url, ["x"], daemon.last())
    second.run("void (console.error = (...words) => hear('console', words[1]))")
    second.receive(daemon.url, ["x"], daemon.last())
    assert second.inbox.wait("console") == ["Server at capacity"]
    first.run("receiver.disconnect()")
    second.live()
    expected = daemon.post("x", 1)
    assert second.events(1) == expected
    assert first.inbox.of("event") == []
    assert first.inbox.of("state") == ["live", "stale"]
