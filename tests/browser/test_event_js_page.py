"""The project's own client in real browsers: tags, policies, modules, callbacks and badges."""

import json
import time
from collections.abc import Sequence
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.pages import Site
from tests.browser.receiver import OpenPage
from tests.daemon import Daemon
from tests.proxy import Proxy
from tests.scenarios import new_channel


@pytest.fixture
def daemon(short_daemon: Daemon) -> Daemon:
    return short_daemon


def strict(url: str, *tags: tuple[Sequence[str], int], **rest: object) -> str:
    """Give the address of the page whose tags are these."""
    return f"strict.html#{quote(json.dumps({'url': url, 'tags': tags, **rest}))}"


# --- Tags -------------------------------------------------------------------------------------------------------------


@pytest.mark.firefox
def test_tags_listen_for_the_page_under_a_strict_policy_and_wait_for_its_scripts(
    open_page: OpenPage, daemon: Daemon, context: BrowserContext
) -> None:
    def dawdle(route: Route) -> None:
        time.sleep(0.3)  # a link that is opened too early is live by then
        route.continue_()

    context.route("**/event_late.js", dawdle)
    one, two = new_channel(), new_channel()
    start = daemon.last()
    daemon.post(two, "not wanted")
    late_start = daemon.last()
    expected = daemon.post(one, 1) + daemon.post(two, 2)
    page = open_page(path=strict(daemon.url, ([one], start), ([one, two], late_start), badge=True))
    assert page.inbox.wait("oyez:message", 2) == expected
    assert page.inbox.wait("late", 2) == [event["id"] for event in expected]
    assert page.inbox.of("oyez:state") == [{"state": "live"}]
    assert page.run("EventReceiver.page.channels") == [one, two]
    expect(page.page.get_by_role("status")).to_have_text("live")
    expect(page.page.get_by_role("status")).to_have_css("position", "fixed")
    daemon.post(one, *range(50))
    page.run("EventReceiver.page.disconnect()")
    expected = daemon.post(one, *range(50))[-20:]
    page.run("EventReceiver.page.reconnect()")
    page.inbox.wait_until(lambda: page.inbox.of("oyez:message")[-20:] == expected, "the newest events")
    assert page.inbox.wait("oyez:gap") == [{"channels": [one]}]
    assert page.inbox.of("violation") == page.inbox.of("error") == []


@pytest.mark.firefox
def test_a_page_that_was_left_is_complete_when_it_is_shown_again(
    open_page: OpenPage, daemon: Daemon, site: Site
) -> None:
    """Whether the browser has kept it, as Chromium does, or loads it anew, as Firefox does."""
    channel, start = new_channel(), daemon.last()
    page = open_page(path=strict(daemon.url, ([channel], start)))
    expected = daemon.post(channel, "before")
    assert page.inbox.wait("oyez:message") == expected
    page.page.goto(f"{site.url}/elsewhere.html")
    expected += daemon.post(channel, *range(5))
    page.page.go_back(wait_until="commit")
    assert page.inbox.wait("oyez:message", 6) == expected


def test_a_tag_with_dmojs_addresses_listens_there(open_page: OpenPage, daemon: Daemon) -> None:
    channel = new_channel()
    start = daemon.last()
    expected = daemon.post(channel, 1)
    websocket = f"ws://127.0.0.1:{daemon.port}/event/"
    path = strict(websocket, ([channel], start), poll=f"{daemon.url}/channels/", share="false")
    page = open_page(path=path, way="long poll")
    assert page.inbox.wait("oyez:message") == expected
    assert page.run("EventReceiver.page._feed.ways.map(([, url]) => url)") == [websocket, f"{daemon.url}/channels/"]


@pytest.mark.firefox
def test_a_module_from_the_daemon_brings_the_class(open_page: OpenPage, daemon: Daemon) -> None:
    channel = new_channel()
    page = open_page(path="event_page.html")
    page.run(
        """async ([url, channel, start]) => {
            const { EventReceiver, default: same } = await import(`${url}/socket.io/event.mjs`);
            window.receiver = new EventReceiver(url, [channel], start, (message, event) => hear("event", event));
            receiver.badge(document.querySelector("output"));
            hear("same", same === EventReceiver && same === window.EventReceiver);
        }""",
        [daemon.url, channel, daemon.last()],
    )
    expected = daemon.post(channel, 1)
    assert page.events(1) == expected
    assert page.inbox.of("same") == [True]
    expect(page.page.locator("output")).to_have_text("live")


# --- Callbacks --------------------------------------------------------------------------------------------------------


@pytest.mark.firefox
def test_a_callback_that_throws_stops_nothing_and_is_reported(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy
) -> None:
    channel = new_channel()
    page = open_page()
    page.run("void (console.error = () => {})")
    page.follow(proxy.url, [channel], daemon.last())
    page.run(
        """() => {
            receiver.onmessage = (message, event) => {
                hear("message", [message, event.id, event.channel]);
                if (message === 1) throw new Error("a mistake of the page");
            };
        }"""
    )
    expected = [[event["message"], event["id"], channel] for event in daemon.post(channel, 0, 1, 2)]
    assert page.inbox.wait("message", 3) == expected
    (told,) = page.inbox.wait("error")
    assert told.endswith("Error: a mistake of the page")
    proxy.cut()
    page.lost()
    proxy.mend()
    expected += [[event["message"], event["id"], channel] for event in daemon.post(channel, 3)]
    assert page.inbox.wait("message", 4) == expected
    assert page.run("receiver.last_msg") == expected[-1][1]


@pytest.mark.firefox
def test_a_badge_says_in_words_how_things_stand(open_page: OpenPage, daemon: Daemon, proxy: Proxy) -> None:
    page = open_page(clock=True)
    page.follow(proxy.url, ["x"], daemon.last(), badge=True, words={"stale": "not live"})
    badge = page.page.get_by_role("status")
    expect(badge).to_have_text("live")
    proxy.cut()
    expect(badge).to_have_text("reconnecting…")
    page.jump(11)
    expect(badge).to_have_text("not live")
    expect(badge).to_have_attribute("data-state", "stale")
    proxy.mend()
    expect(badge).to_have_text("live")
