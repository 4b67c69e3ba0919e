"""Pages that listen without a library, in real browsers: DMOJ's receiver, VNOJ's dispatcher, and EventSource."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.pages import PageInbox
from tests.conftest import MANY_CLIENTS, StartDaemon
from tests.daemon import Daemon
from tests.integration.dialects import POLL_LISTENER, POST_LISTENER, RawListener, RawPoster, poll_port, post_port
from tests.proxy import Proxy
from tests.scenarios import new_channel

RECEIVE = """([websocket, poller, channels, last, patience]) => {
    window.receiver = new WebSocketOrPoll(websocket, poller, channels, last, (m) => hear("message", m), patience);
    // As the lists of submissions of DMOJ and VNOJ have it: only what is not the page's own leaving is shown.
    receiver.onwsclose = ({ code }) => hear(code === 1001 ? "left the page" : "please reload", code);
}"""
DISPATCH = """([websocket, poller, last]) => {
    window.dispatcher = Object.assign(new Dispatcher(websocket, poller, last), { auto_reconnect: true });
}"""
ON = "(channels) => { for (const c of channels) dispatcher.on(c, (message) => hear(c, message)); }"

PATIENT_MS, HASTY_MS = 10_000, 300


@pytest.fixture(scope="module")
def dmoj(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with the three ports that a DMOJ site's settings name, whose polls end soon."""
    settings = POST_LISTENER | POLL_LISTENER | {"http.long_poll_timeout_s": 0.3} | MANY_CLIENTS
    with Daemon(tmp_path_factory.mktemp("dmoj"), settings=settings) as daemon:
        yield daemon


@pytest.fixture
def poster(dmoj: Daemon) -> Iterator[RawPoster]:
    with RawPoster(post_port(dmoj), key=None, path="/") as poster:
        yield poster


@pytest.fixture
def page_name() -> str:
    return "raw.html"


def websocket_of(daemon: Daemon) -> str:
    return f"ws://127.0.0.1:{daemon.port}/event/"


def poller_of(daemon: Daemon) -> str:
    return f"http://127.0.0.1:{poll_port(daemon)}/channels/"


# --- DMOJ -------------------------------------------------------------------------------------------------------------


def test_dmojs_receiver_gets_what_it_missed_and_what_comes(
    page: Page, inbox: PageInbox, dmoj: Daemon, poster: RawPoster
) -> None:
    one, two = new_channel(), new_channel()
    start = poster.last()
    poster.post(one, "missed", {"type": "missed too"})
    page.evaluate(RECEIVE, [websocket_of(dmoj), poller_of(dmoj), [one, two], start, PATIENT_MS])
    assert inbox.wait("message", 2) == ["missed", {"type": "missed too"}]
    poster.post(two, *range(100))
    assert inbox.wait("message", 102)[2:] == list(range(100))
    assert {heard.name for heard in inbox.heard()} <= {"message", "pageshow", "visibility"}  # no poll, and no end


@pytest.mark.firefox
def test_dmojs_receiver_polls_when_its_websocket_does_not_open(
    page: Page, inbox: PageInbox, dmoj: Daemon, poster: RawPoster
) -> None:
    channels = [new_channel() for _ in range(3)]  # "|" between them: Chromium escapes it
    start = poster.last()
    poster.post(channels[2], "missed")
    with Proxy(dmoj.port) as proxy:
        proxy.pause()
        dead_end = proxy.url.replace("http:", "ws:") + "/event/"
        page.evaluate(RECEIVE, [dead_end, poller_of(dmoj), channels, start, HASTY_MS])
        assert inbox.wait("message") == ["missed"]
        for n in range(40):
            poster.post(channels[n % 3], n)
        assert inbox.wait("message", 41)[1:] == list(range(40))
        inbox.wait_until(lambda: 504 in inbox.of("poll"), "a poll that ends with nothing")
        poster.post(channels[0], "after that")
        assert inbox.wait("message", 42)[-1] == "after that"
        assert set(inbox.of("poll")) == {200, 504}


def test_dmojs_receiver_is_told_when_the_daemon_stops(page: Page, inbox: PageInbox, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    page.evaluate(RECEIVE, [websocket_of(daemon), "", ["x"], daemon.last(), PATIENT_MS])
    daemon.post("x", 1)
    assert inbox.wait("message") == [1]
    daemon.stop()
    assert inbox.wait("please reload") == [1012]


# --- VNOJ -------------------------------------------------------------------------------------------------------------


@pytest.mark.firefox
def test_vnojs_dispatcher_loses_nothing_while_its_filter_grows_and_its_link_is_cut(
    page: Page, inbox: PageInbox, dmoj: Daemon, poster: RawPoster
) -> None:
    one, two, three = (new_channel() for _ in range(3))
    start = poster.last()
    poster.post(two, "before anybody asked")
    with Proxy(dmoj.port) as proxy:
        page.evaluate(DISPATCH, [proxy.url.replace("http:", "ws:") + "/", poller_of(dmoj), start])
        page.evaluate(ON, [one])
        poster.post(one, "first")
        assert inbox.wait(one) == ["first"]
        page.evaluate(ON, [two])
        assert inbox.wait(two) == ["before anybody asked"]
        page.evaluate(ON, [three])
        poster.post(three, *range(20))
        assert inbox.wait(three, 20) == list(range(20))
        proxy.cut()
        assert inbox.wait("wsclose") == [1006]
        poster.post(one, *range(50))
        poster.post(two, "missed")
        proxy.mend()
        assert inbox.wait(one, 51) == ["first", *range(50)]
        poster.post(two, "live again")
        assert inbox.wait(two, 3) == ["before anybody asked", "missed", "live again"]
        assert len(inbox.of(three)) == 20
        assert inbox.of("stray") == []


# --- EventSource ------------------------------------------------------------------------------------------------------


def events(inbox: PageInbox, count: int) -> list[Any]:
    return inbox.wait("message", count)


@pytest.mark.firefox
def test_eventsource_gets_all_when_its_link_was_cut_and_word_of_what_is_gone(
    page: Page, inbox: PageInbox, dmoj: Daemon, poster: RawPoster
) -> None:
    busy, quiet = new_channel(), new_channel()
    with Proxy(dmoj.port) as proxy:
        page.evaluate("openStream", f"{proxy.url}/sse?channel={busy}&channels={quiet}")
        assert inbox.wait("status") == [{"status": "success"}]
        proxy.cut()  # before the first event: the status has given a position
        assert inbox.wait("error") == [0]
        expected = poster.post(busy, "missed\r\n\u2028", None) + poster.post(quiet, {"a": [1, "é ☃"]})
        proxy.mend()
        assert events(inbox, 3) == expected
        expected += poster.post(busy, *range(50))
        assert events(inbox, 53) == expected
        proxy.cut()
        inbox.wait("error", 2)
        expected += poster.post(busy, *range(300))[-256:]
        proxy.mend()
        assert events(inbox, 53 + 256) == expected
    statuses, (gap,) = inbox.of("status"), inbox.of("gap")
    assert statuses[-1] == {"status": "success", "recovered": False}
    assert {"status": "success", "recovered": True} in statuses
    assert gap == {"channel": busy, "from": expected[52]["id"], "oldest": expected[53]["id"]}
    assert set(inbox.of("error")) == {0}  # it comes back by itself each time


def test_eventsource_takes_json_with_line_breaks(page: Page, inbox: PageInbox, dmoj: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    event_id = poster.post_text(channel, '{\n "a":\r\n 1,\r"b": "x\\ny"}')
    page.evaluate("openStream", f"{dmoj.url}/sse?channel={channel}")
    assert events(inbox, 1) == [{"id": event_id, "channel": channel, "message": {"a": 1, "b": "x\ny"}}]


def test_eventsource_comes_back_after_a_restart_and_is_told_of_the_gap(
    page: Page, inbox: PageInbox, own_daemon: Daemon
) -> None:
    page.evaluate("openStream", f"{own_daemon.url}/sse?channel=x")
    inbox.wait("open")
    expected = own_daemon.post("x", "before")
    assert events(inbox, 1) == expected
    own_daemon.restart()
    (gap,) = inbox.wait("gap")
    assert (gap["channel"], gap["from"]) == ("x", expected[0]["id"])
    assert inbox.of("status")[-1] == {"status": "success", "recovered": False}
    expected += own_daemon.post("x", "after")
    assert events(inbox, 2) == expected


@pytest.mark.firefox
def test_eventsource_that_finds_no_room_is_told_so_and_will_come_again(
    page: Page, inbox: PageInbox, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(settings={"limits.max_connections": 1})
    with RawListener(daemon.port, "x"):
        page.evaluate("openStream", f"{daemon.url}/sse?channel=x")
        (status,) = inbox.wait("status")
        assert status["code"] == "server-capacity"
        assert inbox.wait("error") == [0]  # connecting, not closed
