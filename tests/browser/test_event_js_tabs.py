"""The project's own client in real browsers: several tabs of one person, each with what it is due."""

import pytest

from tests.browser.receiver import THE_WAY, WAYS, OpenPage
from tests.daemon import Daemon
from tests.proxy import Proxy
from tests.raw import request
from tests.scenarios import new_channel


@pytest.fixture
def daemon(short_daemon: Daemon) -> Daemon:
    return short_daemon


def count_listeners(daemon: Daemon) -> int:
    metrics = request(daemon.port, "GET", "/metrics").body
    return next(int(float(line.split()[1])) for line in metrics.splitlines() if line.startswith("oyez_listeners "))


@pytest.mark.firefox
def test_tabs_share_a_connection_and_hand_it_over_without_loss_or_double(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy
) -> None:
    common, own = new_channel(), [new_channel() for _ in range(3)]
    before = count_listeners(daemon)
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
    assert count_listeners(daemon) == before + 1

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
    assert count_listeners(daemon) == before + 1


def test_a_tab_that_finds_no_room_in_the_shared_connection_has_its_own(open_page: OpenPage, daemon: Daemon) -> None:
    first, second, third = open_page(), open_page(), open_page()
    first.follow(daemon.url, [new_channel() for _ in range(8)], daemon.last(), share=True)
    channels = [new_channel() for _ in range(3)]
    second.follow(daemon.url, channels, daemon.last(), share=True)
    third.follow(daemon.url, channels, 0, share=True)
    expected = daemon.post(channels[2], 1)
    for page in (second, third):
        assert page.events(1) == expected
        assert page.way == WAYS["WebSocket"]
    assert first.way == "openShare"


def test_a_tab_whose_leader_hangs_has_its_own_connection(open_page: OpenPage, daemon: Daemon) -> None:
    channel = new_channel()
    leader, page = open_page(), open_page(clock=True)
    leader.follow(daemon.url, [channel], daemon.last(), share=True)
    page.follow(daemon.url, [channel], daemon.last(), share=True)
    assert page.way == "openShare"
    leader.run("BroadcastChannel.prototype.postMessage = () => {}; 0")
    expected = daemon.post(channel, 1)
    page.jump(26)
    page.jump(6)
    assert page.events(1) == expected
    assert page.way == WAYS["WebSocket"]


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


def test_a_tab_with_a_connection_of_its_own_comes_back_to_its_websocket(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy
) -> None:
    page = open_page()
    page.follow(proxy.url, [new_channel()], 0, share=True)
    assert page.way == WAYS["WebSocket"]
    proxy.cut()
    page.until(f"{THE_WAY} === 'openStream'")
    proxy.mend()
    page.until(f"receiver.state === 'live' && {THE_WAY} === 'openSocket'")
