"""The project's own client in real browsers: several tabs of one person, each with what it is due.

A browser has six connections to a host, WebSockets apart. Seven streams or polls and nobody is served.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.browser.browsers import open_chromium
from tests.browser.receiver import THE_WAY, WAYS, OpenPage
from tests.browser.window import Window
from tests.conftest import MANY_CLIENTS, StartDaemon
from tests.daemon import Daemon
from tests.integration.links import eventually
from tests.proxy import Proxy
from tests.raw import request
from tests.scenarios import new_channel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared_window(browser: Browser, playwright: Playwright) -> Iterator[Window]:
    """Of a browser that has a process for each tab, as a person's has: one that crashes leaves the others."""
    if browser.browser_type.name != "chromium":
        yield Window(browser)
        return
    with open_chromium(playwright) as own:
        yield Window(own)


@pytest.fixture
def daemon(short_daemon: Daemon) -> Daemon:
    return short_daemon


def count_listeners(daemon: Daemon) -> int:
    metrics = request(daemon.port, "GET", "/metrics").body
    return next(int(float(line.split()[1])) for line in metrics.splitlines() if line.startswith("oyez_listeners "))


def expect_listeners(daemon: Daemon, count: int) -> None:
    """Wait until so many are left: a tab that finds another's connection lets go of its own a moment later."""
    eventually(lambda: count_listeners(daemon) == count, f"{count} listeners")


@pytest.mark.firefox
def test_tabs_share_a_connection_and_hand_it_over_without_loss_or_double(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy
) -> None:
    common, own = new_channel(), [new_channel() for _ in range(3)]
    expect_listeners(daemon, 0)  # those of the tests before are gone
    expected: list[list[dict[str, object]]] = []
    tabs = []
    for n in range(3):
        start = daemon.last()
        event = daemon.post(common, f"before tab {n}")
        for heard in expected:
            heard.extend(event)
        expected.append(event)
        tabs.append(open_page())
        tabs[n].follow(proxy.url, [common, own[n]], start, share=True)
        expected[n] += daemon.post(own[n], n)
    for tab, events in zip(tabs, expected, strict=True):
        assert tab.events(len(events)) == events
        assert tab.way == "openShare"
    expect_listeners(daemon, 1)

    tabs[0].page.close()
    missed = daemon.post(common, *range(5))
    for tab, events in zip(tabs[1:], expected[1:], strict=True):
        events.extend(missed)
        assert tab.events(len(events)) == events

    proxy.cut()
    for tab in tabs[1:]:
        tab.lost()
    missed = daemon.post(common, *range(5))
    proxy.mend()
    for tab, events in zip(tabs[1:], expected[1:], strict=True):
        events.extend(missed)
        assert tab.events(len(events)) == events
        tab.live()
        assert tab.inbox.of("wsclose") == [1006]

    added = daemon.post(own[0], "for one of them")
    tabs[2].run("channels => receiver.updateChannels(channels)", [common, own[0], own[2]])
    assert tabs[2].events(len(expected[2]) + 1) == expected[2] + added
    last = daemon.post(common, "last")
    assert tabs[1].events(len(expected[1]) + 1) == expected[1] + last
    assert tabs[2].events(len(expected[2]) + 2) == expected[2] + added + last
    for tab in tabs[1:]:
        assert tab.inbox.of("gap") == tab.inbox.of("error") == []
        assert tab.way == "openShare"
    expect_listeners(daemon, 1)


def test_a_tab_that_finds_no_room_in_the_shared_connection_shares_another(open_page: OpenPage, daemon: Daemon) -> None:
    expect_listeners(daemon, 0)  # those of the tests before are gone
    first, second, third = open_page(), open_page(), open_page()
    first.follow(daemon.url, [new_channel() for _ in range(8)], daemon.last(), share=True)
    channels = [new_channel() for _ in range(3)]
    second.follow(daemon.url, channels, daemon.last(), share=True)
    third.follow(daemon.url, channels, 0, share=True)
    expected = daemon.post(channels[2], 1)
    for page in (second, third):
        assert page.events(1) == expected
    assert [page.way for page in (first, second, third)] == ["openShare"] * 3
    expect_listeners(daemon, 2)


def test_a_tab_whose_leader_hangs_has_its_own_connection(open_page: OpenPage, daemon: Daemon, proxy: Proxy) -> None:
    channel = new_channel()
    leader, page = open_page(), open_page(clock=True)
    leader.follow(proxy.url, [channel], daemon.last(), share=True)
    page.follow(proxy.url, [channel], daemon.last(), share=True)
    assert page.way == "openShare"
    leader.run("BroadcastChannel.prototype.postMessage = () => {}; 0")
    expected = daemon.post(channel, 1)
    page.jump(26)
    page.jump(6)
    assert page.events(1) == expected
    assert page.way == WAYS["WebSocket"]
    proxy.cut()
    page.until(f"{THE_WAY} === 'openStream'")
    proxy.mend()
    page.until(f"receiver.state === 'live' && {THE_WAY} === 'openSocket'")


@pytest.mark.parametrize("bad", ["", "x" * 101])
def test_a_tab_whose_channels_are_refused_spoils_nothing_for_the_others(
    open_page: OpenPage, daemon: Daemon, bad: str
) -> None:
    good = [new_channel() for _ in range(2)]
    pages = [open_page() for _ in range(3)]
    pages[0].follow(daemon.url, good[:1], daemon.last(), share=True)
    pages[1].run("void (console.error = () => {})")
    pages[1].receive(daemon.url, [bad], daemon.last(), share=True)
    pages[1].until(f"{THE_WAY} !== 'openShare'")
    pages[2].follow(daemon.url, good[1:], daemon.last(), share=True)
    pages[0].run("receiver.reconnect()")
    pages[0].live()
    assert pages[0].way == pages[2].way == "openShare"


def test_a_tab_that_is_shown_has_its_leader_see_whether_the_link_still_lives(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy
) -> None:
    channel = new_channel()
    leader, page = open_page(clock=True), open_page()
    leader.follow(proxy.url, [channel], daemon.last(), share=True)
    page.follow(proxy.url, [channel], daemon.last(), share=True)
    proxy.hush_some(lambda: True)
    expected = daemon.post(channel, 1)
    leader.jump(2)
    page.page.wait_for_timeout(1100)  # what was silent for less is not asked
    page.hide()
    page.show()
    page.page.wait_for_timeout(300)
    leader.jump(6)
    assert page.events(1) == expected


# --- Without WebSockets -----------------------------------------------------------------------------------------------


@pytest.mark.firefox
@pytest.mark.parametrize("way", WAYS)
def test_tabs_with_the_same_channels_are_all_back_at_once_after_an_outage(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, way: str
) -> None:
    """Firefox would keep the second of two equal requests for 20 s, for the sake of its cache."""
    channel, start = new_channel(), daemon.last()
    tabs = [open_page(way=way) for _ in range(3)]
    expected = daemon.post(channel, 1)
    for tab in tabs:
        tab.follow(proxy.url, [channel], start)
        assert tab.events(1) == expected
        assert tab.way == WAYS[way]
    proxy.cut()
    for tab in tabs:
        tab.lost()
    expected += daemon.post(channel, 2)
    proxy.mend()
    for tab in tabs:
        assert tab.events(2) == expected
    expected += daemon.post(channel, 3)
    for tab in tabs:
        assert tab.events(3) == expected


@pytest.mark.firefox
def test_many_tabs_without_websockets_share_a_stream_and_leave_connections_for_the_site(
    open_page: OpenPage, daemon: Daemon
) -> None:
    common, own = new_channel(), [new_channel() for _ in range(8)]
    expect_listeners(daemon, 0)  # those of the tests before are gone
    (first,) = daemon.post(common, "before")
    tabs = [open_page(way="shared stream") for _ in own]
    for tab, channel in zip(tabs, own, strict=True):
        tab.follow(daemon.url, [common, channel], first["id"] - 1)
        assert tab.way == "openShare"
    expect_listeners(daemon, 1)
    for number, channel in enumerate(own):
        daemon.post(channel, number)
    (last,) = daemon.post(common, "after")
    for number, tab in enumerate(tabs):
        assert [event["message"] for event in tab.events(3)] == ["before", number, "after"]
        assert tab.run("receiver.last_msg") == last["id"]
        assert tab.inbox.of("gap") == tab.inbox.of("error") == []
    tabs[-1].run(f"void fetch('{daemon.url}/healthz', {{ mode: 'no-cors' }}).then(() => hear('answer'))")
    tabs[-1].inbox.wait("answer")


def test_tabs_that_do_not_know_where_they_are_share_a_stream_too(
    open_page: OpenPage, start_daemon: StartDaemon, daemon: Daemon
) -> None:
    silent = start_daemon(settings=MANY_CLIENTS)  # without any event so far
    for host in (daemon, silent):
        expect_listeners(host, 0)  # those of the tests before are gone
        channel = new_channel()
        expected = daemon.post(channel, *range(30))[-20:] if host is daemon else []
        tabs = [open_page(way="shared stream") for _ in range(2)]
        for tab in tabs:
            tab.follow(host.url, [channel], 0)
            tab.until("receiver._feed.isLive() && receiver._feed.link.waits")  # on what its leader says
        expected += host.post(channel, "after")
        for tab in tabs:
            assert tab.events(len(expected)) == expected
            assert tab.way == "openShare"
        expect_listeners(host, 1)


@pytest.mark.firefox
@pytest.mark.parametrize("way", ["event stream", "long poll"])
def test_hidden_tabs_let_go_of_their_connections_and_come_back_complete(
    open_page: OpenPage, daemon: Daemon, way: str
) -> None:
    channel = new_channel()
    hidden = [open_page(way=way, clock=True) for _ in range(6)]
    for tab in hidden:
        tab.follow(daemon.url, [channel], daemon.last())
        tab.hide()
        tab.until("receiver._feed.link.brief && receiver._feed.isLive()")
    front = open_page(way=way)
    front.follow(daemon.url, [channel], daemon.last())
    expected = daemon.post(channel, *range(3))
    assert front.events(3) == expected
    hidden[0].jump(11)  # now and then it asks
    assert hidden[0].events(3) == expected
    expected += daemon.post(channel, 3)
    for tab in hidden[:2]:
        tab.show()
        tab.until("!receiver._feed.link.brief && receiver._feed.isLive()")
        assert tab.events(4) == expected
        assert tab.way == WAYS[way]
    hidden[0].hide()
    hidden[0].until("receiver._feed.link.brief")
    missed = daemon.post(channel, *range(50))[-20:]
    hidden[0].show()
    expected += missed
    assert hidden[0].events(24) == expected
    assert hidden[0].inbox.wait("gap") == [[channel]]
    assert hidden[0].inbox.of("state") == ["live"]
    assert hidden[0].inbox.of("wsclose") == []


def test_a_tab_that_begins_hidden_holds_no_connection(open_page: OpenPage, daemon: Daemon) -> None:
    channel = new_channel()
    page = open_page(way="event stream", clock=True)
    page.hide()
    start = daemon.last()
    expected = daemon.post(channel, 1, 2)
    page.follow(daemon.url, [channel], start)
    assert page.events(2) == expected
    assert page.run("receiver._feed.link.brief") is True
    page.show()
    page.until("!receiver._feed.link.brief && receiver._feed.isLive()")
    expected += daemon.post(channel, 3)
    assert page.events(3) == expected


def test_a_leader_that_is_hidden_goes_on_for_the_others(open_page: OpenPage, daemon: Daemon, proxy: Proxy) -> None:
    channel, start = new_channel(), daemon.last()
    leader, page = open_page(way="shared stream"), open_page(way="shared stream")
    leader.follow(proxy.url, [channel], start)
    page.follow(proxy.url, [channel], start)
    leader.hide()
    expected = daemon.post(channel, 1)
    assert page.events(1) == expected
    proxy.cut()
    page.lost()
    expected += daemon.post(channel, 2)
    proxy.mend()
    assert page.events(2) == leader.events(2) == expected
    assert leader.run("receiver._feed.isLive()") is True


def test_tabs_outlive_one_that_crashes_and_have_its_room(open_page: OpenPage, daemon: Daemon) -> None:
    expect_listeners(daemon, 0)  # those of the tests before are gone
    start = daemon.last()
    channels = [new_channel() for _ in range(10)]
    crashed, page, other = (open_page(way="shared stream") for _ in range(3))
    page.follow(daemon.url, channels[:1], start)
    crashed.follow(daemon.url, channels[1:], start)
    with crashed.page.expect_event("crash"):
        crashed.crash()
    other.follow(daemon.url, [new_channel()], start)  # finds no room, but the leader sees whether all are alive
    again = open_page(way="shared stream")
    again.follow(daemon.url, [*channels[:1], new_channel()], start)
    page.page.close()  # who led
    expected = daemon.post(channels[0], 1)
    assert again.events(1) == expected
    expect_listeners(daemon, 2)


def test_a_daemon_that_allows_fewer_channels_costs_nobody_the_shared_stream(
    open_page: OpenPage, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(settings={"limits.max_subscriptions": 3} | MANY_CLIENTS)
    start = daemon.last()
    tabs = [open_page(way="shared stream") for _ in range(3)]
    for number, tab in enumerate(tabs):
        tab.run("void (console.error = () => {})")
        tab.follow(daemon.url, [f"one {number}", f"two {number}"], start)
        assert tab.way == "openShare"
    for number, tab in enumerate(tabs):
        expected = daemon.post(f"two {number}", number)
        assert tab.events(1) == expected


def test_a_script_within_the_page_has_its_extras_from_the_daemon(open_page: OpenPage, daemon: Daemon) -> None:
    channel, start = new_channel(), daemon.last()
    page = open_page(way="shared stream", path="event_page.html")
    page.page.add_script_tag(content=request(daemon.port, "GET", "/event.js").body)
    page.follow(daemon.url, [channel], start, badge=True)
    assert page.way == "openShare"
    expected = daemon.post(channel, 1)
    assert page.events(1) == expected
    expect(page.page.locator("[data-state]")).to_have_text("live")
