"""The project's own client in a real browser: channels that need a grant, by every way."""

from collections.abc import Iterator

import pytest

from oyez.client import grant
from tests.browser.conftest import SHORT
from tests.browser.receiver import WAYS, OpenPage
from tests.conftest import MANY_CLIENTS
from tests.daemon import KEY, Daemon
from tests.proxy import Proxy
from tests.scenarios import new_channel

RULES = {"channels": [{"match": "sub_*", "listen": "grant"}]}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("ruled"), settings={**SHORT, **MANY_CLIENTS, **RULES}) as daemon:
        yield daemon


@pytest.fixture
def daemon(ruled: Daemon) -> Daemon:
    return ruled


@pytest.mark.parametrize("way", WAYS)
def test_a_page_with_grants_gets_all_of_its_channels_once_and_is_told_of_gaps(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, way: str
) -> None:
    one, two = new_channel(), new_channel()
    page = open_page(way=way)
    page.follow(proxy.url, [grant(name, 42, key=KEY) for name in (one, two)], daemon.last())
    expected = daemon.post(one, 1) + daemon.post(two, 2)
    assert page.events(2) == expected
    proxy.cut()
    page.lost()
    expected += daemon.post(two, 3) + daemon.post(one, 4)
    proxy.mend()
    assert page.events(4) == expected
    proxy.cut()
    page.lost()
    daemon.post(one, *range(30))
    proxy.mend()
    assert page.inbox.wait("gap") == [[one]]


def test_two_grants_for_one_channel_are_one_channel(open_page: OpenPage, daemon: Daemon, proxy: Proxy) -> None:
    channel = new_channel()
    page = open_page()
    page.follow(proxy.url, [grant(channel, user, key=KEY) for user in (42, 43)], daemon.last())
    expected = daemon.post(channel, 1)
    assert page.events(1) == expected
    newer = grant(channel, 44, key=KEY)
    page.run("channels => receiver.updateChannels(channels)", [newer])
    expected += daemon.post(channel, 2)
    assert page.events(2) == expected


def test_a_page_without_a_grant_is_told_on_the_console(open_page: OpenPage, daemon: Daemon) -> None:
    channel = new_channel()
    page = open_page()
    page.run("void (console.error = (...words) => hear('console', words[1]))")
    page.receive(daemon.url, [channel], 0)
    assert page.inbox.wait("console") == ["This channel needs a grant"]
    assert page.run("receiver.state") != "live"
