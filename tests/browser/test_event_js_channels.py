"""The project's own client in real browsers: its arguments, and which channels it follows from where on."""

import pytest

from tests.browser.receiver import WAYS, OpenPage
from tests.daemon import Daemon
from tests.integration.dialects import poll_port
from tests.proxy import Proxy
from tests.scenarios import new_channel

over_every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def daemon(short_daemon: Daemon) -> Daemon:
    return short_daemon


@over_every_way
def test_a_channel_that_is_added_begins_where_the_page_began_and_nothing_comes_twice(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, way: str
) -> None:
    one, two, three = (new_channel() for _ in range(3))
    page = open_page(way=way)
    start = daemon.last()
    early = daemon.post(two, "early")
    daemon.post(three, "not wanted")
    late_start = daemon.last()
    late = daemon.post(three, "late")
    page.follow(proxy.url, [one], start)
    expected = daemon.post(one, 1)
    assert page.events(1) == expected
    page.run("channels => receiver.updateChannels(channels)", [one, two])
    expected += early
    assert page.events(2) == expected
    page.run("([channels, start]) => receiver.updateChannels(channels, start)", [[two, three], late_start])
    expected += late
    assert page.events(3) == expected
    daemon.post(one, "not wanted any more")
    expected += daemon.post(three, 3)
    assert page.events(4) == expected
    proxy.cut()
    page.lost()
    expected += daemon.post(two, 4) + daemon.post(three, 5)
    proxy.mend()
    assert page.events(6) == expected


@pytest.mark.parametrize("last", [None, "0"])
def test_a_page_without_a_position_gets_the_newest_few_and_loses_nothing_from_then_on(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, last: object
) -> None:
    channel, quiet = new_channel(), new_channel()
    newest = daemon.post(channel, *range(30))[-20:]
    page = open_page()
    page.follow(proxy.url, [quiet], last)
    page.run("channels => receiver.updateChannels(channels)", [quiet, channel])
    assert page.events(20) == newest
    proxy.cut()
    page.lost()
    expected = newest + daemon.post(quiet, *range(20))
    proxy.mend()
    assert page.events(40) == expected


def test_dmojs_five_arguments_are_understood(open_page: OpenPage, daemon: Daemon) -> None:
    channel = new_channel()
    poller = f"http://127.0.0.1:{poll_port(daemon)}/channels/"
    start = daemon.last()
    expected = daemon.post(channel, 1)
    for way in ("WebSocket", "long poll"):
        page = open_page(way=way)
        page.receive(f"ws://127.0.0.1:{daemon.port}/event/", poller, [channel], start)
        page.live()
        assert page.way == WAYS[way]
        assert page.run("receiver._feed.ways.length") == (3 if way == "WebSocket" else 2)  # one may be shared
        assert page.events(1) == expected


def test_a_filter_that_is_refused_is_told_on_the_console_and_asked_no_more(open_page: OpenPage, daemon: Daemon) -> None:
    channels = [new_channel() for _ in range(10)]
    page = open_page()
    page.run("void (console.error = (...words) => hear('console', words[1]))")
    page.follow(daemon.url, channels, daemon.last())
    page.run("channels => receiver.updateChannels(channels)", [*channels, "one too many"])
    assert page.inbox.wait("console") == ["invalid filter: Maximum 10 subscriptions per connection"]
    expected = daemon.post(channels[9], "goes on")
    assert page.events(1) == expected


@pytest.mark.parametrize("way", ["event stream", "long poll"])
def test_a_refusal_is_told_without_a_websocket_too(open_page: OpenPage, daemon: Daemon, way: str) -> None:
    page = open_page(way=way)
    page.run("void (console.error = (...words) => hear('console', words[1]))")
    page.receive(daemon.url, [new_channel() for _ in range(11)], daemon.last())
    assert page.inbox.wait("console")[0]
    assert page.inbox.of("state") == []
    channel = new_channel()
    page.run("channels => receiver.updateChannels(channels)", [channel])
    page.live()
    expected = daemon.post(channel, 1)
    assert page.events(1) == expected


@over_every_way
def test_channels_are_taken_as_texts_and_what_can_be_none_is_refused(
    open_page: OpenPage, daemon: Daemon, way: str
) -> None:
    page = open_page(way=way)
    page.receive(daemon.url, [2, "2", None], daemon.last())
    page.live()
    expected = daemon.post("2", "two") + daemon.post("null", "nothing")
    assert page.events(2) == expected
    assert page.run("receiver.channels") == ["2", "null"]
    attempt = "(() => { try { receiver.updateChannels(['\\ud800']); } catch (error) { return error.name; } })()"
    assert page.run(attempt) == "URIError"
    expected += daemon.post("2", "goes on")
    assert page.events(3) == expected


@pytest.mark.parametrize("name", [".", "..", "a|b", "a/b?c#d%", "é ☃"])
@over_every_way
def test_a_channel_may_have_any_name(open_page: OpenPage, daemon: Daemon, way: str, name: str) -> None:
    page = open_page(way=way)
    page.receive(daemon.url, [name], daemon.last())
    if way == "long poll" and "|" in name:  # which separates channels there: better not live than live with others
        page.until("receiver._feed.fails > 3")
        assert page.inbox.of("state") == []
    else:
        page.live()
        expected = daemon.post(name, 1)
        assert page.events(1) == expected


def test_an_option_that_there_is_not_is_named_and_changes_nothing(open_page: OpenPage, daemon: Daemon) -> None:
    page = open_page()
    page.run("void (console.error = (...words) => hear('console', words[1]))")
    page.follow(daemon.url, ["x"], daemon.last(), reconnect=True, state="live", words=None)
    assert page.inbox.of("console") == ["reconnect", "state"]
    page.run("receiver.reconnect()")
    page.live()


@pytest.mark.firefox
@pytest.mark.parametrize("act", ["disconnect()", "updateChannels(['another'])"])
def test_a_poll_that_is_given_up_by_its_callback_asks_no_more(open_page: OpenPage, daemon: Daemon, act: str) -> None:
    channel = new_channel()
    page = open_page(way="long poll")
    page.follow(daemon.url, [channel], daemon.last())
    page.run(
        f"""() => {{
            const {{ fetch }} = window;
            window.fetch = (url, ...rest) => (hear("fetch", url), fetch(url, ...rest));
            receiver.onmessage = () => {{ receiver.{act}; hear("done"); }};
        }}"""
    )
    daemon.post(channel, 1)
    page.inbox.wait("done")
    page.page.wait_for_timeout(100)
    heard = page.inbox.heard()
    done = [name for name, _ in heard].index("done")
    assert [url for name, url in heard[done:] if name == "fetch" and f"{channel}?" in url] == []
