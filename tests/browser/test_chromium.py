"""socket.io-client in a page of real Chromium, and the receiver that judge sites put into theirs."""

import pytest
from playwright.sync_api import Page

from tests.browser.pages import PageClient, PageInbox, Site
from tests.browser.window import Window
from tests.clients.javascript import TRANSPORTS
from tests.daemon import Daemon
from tests.proxy import Proxy
from tests.scenarios import ListenerScenarios, new_channel

RECEIVE = """([url, channels, last]) => {
    window.receiver = new EventReceiver(url, channels, last, (message) => hear("onmessage", message));
    window.receiver.onwsclose = (event) => hear("onwsclose", event);
}"""

# engine.io-client waits for its ping time-out, 45 s, where both of its transports end while it moves to the WebSocket.
IS_ON_WEBSOCKET = "receiver.socket.io.engine.transport.name == 'websocket' && !receiver.socket.io.engine.upgrading"


@pytest.fixture(params=TRANSPORTS)
def client(request: pytest.FixtureRequest, window: Window, site: Site) -> PageClient:
    return PageClient(window, site, request.param)


class TestPage(ListenerScenarios):
    """The scenarios, in a page."""


@pytest.fixture
def page_name() -> str:
    return "page.html"


def test_a_receiver_gets_all_when_its_page_was_left_and_shown_again(
    page: Page, inbox: PageInbox, site: Site, daemon: Daemon
) -> None:
    channel = new_channel()
    page.evaluate(RECEIVE, [daemon.url, [channel], daemon.last()])
    daemon.post(channel, "before")
    assert inbox.wait("onmessage") == ["before"]
    page.goto(f"{site.url}/elsewhere.html")
    daemon.post(channel, *range(200))
    page.go_back(wait_until="commit")
    assert inbox.wait("onmessage", 201) == ["before", *range(200)]
    assert inbox.of("pageshow")[-1] is True  # the page itself, as it was left, and not loaded again
    assert inbox.of("visibility") == ["hidden", "visible"]
    daemon.post(channel, "after")
    assert inbox.wait("onmessage", 202)[-1] == "after"


def test_a_receiver_gets_all_when_its_link_was_cut(page: Page, inbox: PageInbox, daemon: Daemon, proxy: Proxy) -> None:
    channel = new_channel()
    page.evaluate(RECEIVE, [proxy.url, [channel], daemon.last()])
    daemon.post(channel, "before")
    assert inbox.wait("onmessage") == ["before"]
    proxy.cut()
    daemon.post(channel, *range(200))
    assert inbox.wait("onwsclose")[0]["code"] == 1006
    proxy.mend()
    assert inbox.wait("onmessage", 201) == ["before", *range(200)]


def test_a_receiver_is_told_once_when_its_channels_change(page: Page, inbox: PageInbox, daemon: Daemon) -> None:
    one, two = new_channel(), new_channel()
    start = daemon.last()
    daemon.post(two, "missed")
    page.evaluate(RECEIVE, [daemon.url, [one], start])
    daemon.post(one, "live")
    assert inbox.wait("onmessage") == ["live"]
    page.evaluate("channels => receiver.updateChannels(channels)", [one, two])
    assert inbox.wait("onmessage", 2) == ["live", "missed"]
    daemon.post(one, "one")
    daemon.post(two, "two")
    assert inbox.wait("onmessage", 4) == ["live", "missed", "one", "two"]


def test_a_receiver_comes_back_after_a_restart(page: Page, inbox: PageInbox, module_daemon: Daemon) -> None:
    channel = new_channel()
    page.evaluate(RECEIVE, [module_daemon.url, [channel], module_daemon.last()])
    module_daemon.post(channel, "before")
    assert inbox.wait("onmessage") == ["before"]
    page.wait_for_function(IS_ON_WEBSOCKET)
    module_daemon.restart()
    module_daemon.post(channel, "while it was away")
    assert inbox.wait("onmessage", 2) == ["before", "while it was away"]
