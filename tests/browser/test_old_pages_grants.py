"""Do the receivers that judge sites have follow channels that need a grant, as they are, when given other names?

The receivers are this project's own text (`site/page.js`, `site/raw.js`) and do on the wire what the sites' do, with
the same arguments: the sites' `resources/event.js` is under the AGPL, and no package registry has it, so there is
neither a copy here nor a download. LQDOJ's runs with the real socket.io-client of its pages.
"""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from oyez.client import grant
from tests.browser.pages import PageInbox
from tests.browser.test_chromium import RECEIVE as RECEIVE_LQDOJ
from tests.browser.test_without_library import DISPATCH, HASTY_MS, ON, PATIENT_MS, RECEIVE, poller_of
from tests.conftest import MANY_CLIENTS
from tests.daemon import KEY, Daemon
from tests.integration.dialects import POLL_LISTENER, poll_port
from tests.pages import snippets
from tests.proxy import Proxy
from tests.scenarios import new_channel

RULES = {"channels": [{"match": "sub_*", "listen": "grant"}]}
DMOJ = pytest.mark.parametrize("patience_ms", [PATIENT_MS, HASTY_MS], ids=["websocket", "polls"])
VNOJ = pytest.mark.parametrize("has_websocket", [True, False], ids=["websocket", "polls"])
RECEIVE_LQDOJ_REFUSED = f"""(given) => {{
    ({RECEIVE_LQDOJ})(given);
    receiver.socket.on("error", ({{ code }}) => hear("refused", code));
}}"""


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    settings = {**POLL_LISTENER, **MANY_CLIENTS, **RULES, "http.long_poll_timeout_s": 1.0}
    with Daemon(tmp_path_factory.mktemp("ruled"), settings=settings) as daemon:
        yield daemon


@pytest.fixture
def page_name(request: pytest.FixtureRequest) -> str:
    return "page.html" if "lqdoj" in request.node.name else "raw.html"


@pytest.fixture
def socket_way(ruled: Daemon) -> Iterator[Proxy]:
    with Proxy(ruled.port) as proxy:
        yield proxy


@pytest.fixture
def poll_way(ruled: Daemon) -> Iterator[Proxy]:
    with Proxy(poll_port(ruled)) as proxy:
        yield proxy


def addresses(socket_way: Proxy, poll_way: Proxy) -> list[str]:
    return [socket_way.url.replace("http:", "ws:") + "/event/", f"{poll_way.url}/channels/"]


def granted(channel: str) -> str:
    return grant(channel, 42, key=KEY)


# --- With a grant -----------------------------------------------------------------------------------------------------


def test_lqdojs(page: Page, inbox: PageInbox, ruled: Daemon, socket_way: Proxy) -> None:
    channel, start = new_channel(), ruled.last()
    ruled.post(channel, "missed")
    page.evaluate(RECEIVE_LQDOJ, [socket_way.url, [granted(channel)], start])
    assert inbox.wait("onmessage") == ["missed"]
    ruled.post(channel, "live")
    assert inbox.wait("onmessage", 2) == ["missed", "live"]
    socket_way.cut()
    inbox.wait("onwsclose")
    ruled.post(channel, *range(20))
    socket_way.mend()
    assert inbox.wait("onmessage", 22) == ["missed", "live", *range(20)]


@DMOJ
def test_dmojs(
    page: Page, inbox: PageInbox, ruled: Daemon, socket_way: Proxy, poll_way: Proxy, patience_ms: int
) -> None:
    one, two, start = new_channel(), new_channel(), ruled.last()
    names = [granted(one), granted(two)]
    ruled.post(two, "missed")
    if patience_ms == HASTY_MS:
        socket_way.pause()
    page.evaluate(RECEIVE, [*addresses(socket_way, poll_way), names, start, patience_ms])
    assert inbox.wait("message") == ["missed"]
    ruled.post(one, "live")
    assert inbox.wait("message", 2) == ["missed", "live"]
    if patience_ms == PATIENT_MS:  # which never comes back by itself, but tells its page
        start = ruled.last()
        socket_way.cut()
        assert inbox.wait("please reload") == [1006]
        ruled.post(two, *range(20))
        socket_way.mend()
        page.reload()
        page.evaluate(RECEIVE, [*addresses(socket_way, poll_way), names, start, patience_ms])
        assert inbox.wait("message", 20) == list(range(20))
    else:
        poll_way.cut()
        inbox.wait_until(lambda: 0 in inbox.of("poll"), "a poll that fails")
        ruled.post(two, *range(20))
        poll_way.mend()
        assert inbox.wait("message", 22) == ["missed", "live", *range(20)]


@VNOJ
def test_vnojs_with_its_line(
    page: Page, inbox: PageInbox, ruled: Daemon, socket_way: Proxy, poll_way: Proxy, *, has_websocket: bool
) -> None:
    one, two = granted(new_channel()), granted(new_channel())
    open_dispatcher(page, socket_way, poll_way, ruled.last(), has_websocket=has_websocket)
    page.evaluate(FIND, line_of_the_guide())
    ruled.post(bare(one), "missed")
    page.evaluate(ON, [one])
    assert inbox.wait(one) == ["missed"]
    page.evaluate(ON, [two])
    ruled.post(bare(two), "live")
    assert inbox.wait(two) == ["live"]
    way = socket_way if has_websocket else poll_way
    way.cut()
    inbox.wait_until(lambda: 1006 in inbox.of("wsclose") or 0 in inbox.of("poll"), "a link that is lost")
    ruled.post(bare(one), *range(20))
    way.mend()
    assert inbox.wait(one, 21) == ["missed", *range(20)]
    ruled.post(bare(two), "live again")
    assert inbox.wait(two, 2) == ["live", "live again"]
    assert inbox.of("stray") == []


def test_vnojs_without_its_line_find_no_callback(
    page: Page, inbox: PageInbox, ruled: Daemon, socket_way: Proxy, poll_way: Proxy
) -> None:
    name = granted(new_channel())
    open_dispatcher(page, socket_way, poll_way, ruled.last())
    page.evaluate(ON, [name])
    ruled.post(bare(name), "for nobody")
    assert inbox.wait("stray") == ["for nobody"]
    assert inbox.of(name) == []


# --- With none that is good -------------------------------------------------------------------------------------------

BAD: dict[str, Callable[[str], str]] = {
    "none": str,
    "of another channel": lambda channel: channel + granted("sub_other").removeprefix("sub_other"),
    "of another key": lambda channel: grant(channel, 42, key="not the daemon's"),
    "one letter off": lambda channel: granted(channel)[:-2] + ("AA" if granted(channel)[-2] != "A" else "BA"),
    "expired": lambda channel: grant(channel, 42, key=KEY, issued_at=time.time() - 13 * 3600),
}
with_each_bad_grant = pytest.mark.parametrize("spoil", BAD.values(), ids=BAD)


@with_each_bad_grant
def test_lqdojs_without(page: Page, inbox: PageInbox, ruled: Daemon, spoil: Callable[[str], str]) -> None:
    channel, start = new_channel(), ruled.last()
    ruled.post(channel, "missed")
    page.evaluate(RECEIVE_LQDOJ_REFUSED, [ruled.url, [spoil(channel)], start])
    assert inbox.wait("refused") == ["not-allowed"]
    ruled.post(channel, "live")
    page.evaluate("receiver.updateChannels(receiver.channels)")  # its answer comes after what was sent before
    assert inbox.wait("refused", 2) == ["not-allowed"] * 2
    assert inbox.of("onmessage") == []


@with_each_bad_grant
def test_dmojs_sockets_without(
    page: Page, inbox: PageInbox, ruled: Daemon, socket_way: Proxy, poll_way: Proxy, spoil: Callable[[str], str]
) -> None:
    """It takes the words of a refusal for a message. They are a text, so pages find no type in it."""
    channel, start = new_channel(), ruled.last()
    ruled.post(channel, "missed")
    page.evaluate(RECEIVE, [*addresses(socket_way, poll_way), [spoil(channel)], start, PATIENT_MS])
    (words,) = inbox.wait("message")
    assert "grant" in words
    ruled.post(channel, "live")
    page.evaluate("receiver.socket.send(JSON.stringify({ command: 'set-filter', filter: receiver.channels }))")
    assert inbox.wait("message", 2) == [words] * 2


@with_each_bad_grant
def test_dmojs_polls_without(page: Page, inbox: PageInbox, ruled: Daemon, spoil: Callable[[str], str]) -> None:
    channel, start = new_channel(), ruled.last()
    ruled.post(channel, "missed")
    page.evaluate("window.WebSocket = undefined")
    page.evaluate(RECEIVE, ["", poller_of(ruled), [spoil(channel)], start, PATIENT_MS])
    assert inbox.wait("poll") == [403]
    ruled.post(channel, "live")
    assert inbox.wait("poll", 2) == [403] * 2
    assert inbox.of("message") == []


@with_each_bad_grant
def test_vnojs_sockets_without(
    page: Page, inbox: PageInbox, ruled: Daemon, socket_way: Proxy, poll_way: Proxy, spoil: Callable[[str], str]
) -> None:
    channel, start = new_channel(), ruled.last()
    ruled.post(channel, "missed")
    open_dispatcher(page, socket_way, poll_way, start)
    page.evaluate("dispatcher.find = () => undefined")
    page.evaluate(ON, [spoil(channel)])
    (words,) = inbox.wait("stray")
    ruled.post(channel, "live")
    page.evaluate("dispatcher.ask()")
    assert inbox.wait("stray", 2) == [words] * 2


# --- VNOJ's dispatcher ------------------------------------------------------------------------------------------------

FIND = "(found) => { dispatcher.find = new Function('event_name', `return ${found}`); }"


def open_dispatcher(page: Page, socket_way: Proxy, poll_way: Proxy, start: int, *, has_websocket: bool = True) -> None:
    if not has_websocket:
        page.evaluate("window.WebSocket = undefined")
    page.evaluate(DISPATCH, [*addresses(socket_way, poll_way), start])


def line_of_the_guide() -> str:
    """Return how the guide has VNOJ's dispatcher find the callbacks of an event."""
    (found,) = re.findall(
        r"^\+ *var event = (.*);$", "\n".join(snippets("docs/how-to/private-channels.md", "diff")), re.MULTILINE
    )
    return str(found)


def bare(name: str) -> str:
    return name.partition("!")[0]
