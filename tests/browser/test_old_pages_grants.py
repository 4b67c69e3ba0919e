"""Do the receivers that judge sites have follow channels that need a grant, as they are, when given other names?"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from oyez.client import grant
from tests.browser.pages import PageInbox
from tests.browser.test_chromium import RECEIVE as RECEIVE_LQDOJ
from tests.browser.test_without_library import DISPATCH, HASTY_MS, ON, PATIENT_MS, RECEIVE, poller_of, websocket_of
from tests.conftest import MANY_CLIENTS
from tests.daemon import KEY, Daemon
from tests.integration.dialects import POLL_LISTENER
from tests.proxy import Proxy
from tests.scenarios import new_channel

RULES = {"channels": [{"match": "sub_*", "listen": "grant"}]}
# The line that the guide has for VNOJ's pages, for the dispatcher here.
FIND_BY_CHANNEL = """() => {
    const { callbacks } = dispatcher;
    const get = callbacks.get.bind(callbacks);
    callbacks.get = (name) => get(name) || get([...callbacks.keys()].find((each) => each.startsWith(name + "!")));
}"""


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("ruled"), settings={**POLL_LISTENER, **MANY_CLIENTS, **RULES}) as daemon:
        yield daemon


@pytest.fixture
def page_name(request: pytest.FixtureRequest) -> str:
    return "page.html" if "lqdoj" in request.node.name else "raw.html"


def test_lqdojs(page: Page, inbox: PageInbox, ruled: Daemon) -> None:
    channel = new_channel()
    start = ruled.last()
    ruled.post(channel, "missed")
    page.evaluate(RECEIVE_LQDOJ, [ruled.url, [grant(channel, 42, key=KEY)], start])
    assert inbox.wait("onmessage") == ["missed"]
    ruled.post(channel, "live")
    assert inbox.wait("onmessage", 2) == ["missed", "live"]


@pytest.mark.parametrize("patience_ms", [PATIENT_MS, HASTY_MS], ids=["websocket", "polls"])
def test_dmojs(page: Page, inbox: PageInbox, ruled: Daemon, patience_ms: int) -> None:
    one, two = new_channel(), new_channel()
    start = ruled.last()
    ruled.post(two, "missed")
    with Proxy(ruled.port) as proxy:
        if patience_ms == HASTY_MS:
            proxy.pause()
        address = proxy.url.replace("http:", "ws:") + "/event/"
        names = [grant(channel, 42, key=KEY) for channel in (one, two)]
        page.evaluate(RECEIVE, [address, poller_of(ruled), names, start, patience_ms])
        assert inbox.wait("message") == ["missed"]
        ruled.post(one, "live")
        assert inbox.wait("message", 2) == ["missed", "live"]


def test_vnojs_with_its_line(page: Page, inbox: PageInbox, ruled: Daemon) -> None:
    channel = new_channel()
    name = grant(channel, 42, key=KEY)
    page.evaluate(DISPATCH, [websocket_of(ruled), ruled.last()])
    page.evaluate(FIND_BY_CHANNEL)
    page.evaluate(ON, [name])
    ruled.post(channel, "for the page")
    assert inbox.wait(name) == ["for the page"]
    assert inbox.of("stray") == []
