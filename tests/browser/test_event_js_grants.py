"""The project's own client in a real browser: channels that need a grant, by every way."""

import json
from collections.abc import Iterator

import pytest

from oyez.client import Poster, grant
from tests.browser.conftest import SHORT
from tests.browser.receiver import WAYS, OpenPage
from tests.conftest import MANY_CLIENTS
from tests.daemon import KEY, Daemon
from tests.proxy import Proxy
from tests.scenarios import new_channel

WRITE_ELEMENT = """(data) => new Promise((ready) => {
    const script = document.createElement("script");
    Object.assign(script.dataset, data);
    script.src = data.url + "/event.js";
    script.onload = () => ready();
    document.head.append(script);
})"""
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


@pytest.mark.parametrize("way", WAYS)
def test_renewed_names_go_on_where_the_old_ones_are(
    open_page: OpenPage, daemon: Daemon, proxy: Proxy, way: str
) -> None:
    one, two = new_channel(), new_channel()
    page = open_page(way=way)
    page.follow(proxy.url, [grant(name, 42, key=KEY) for name in (one, two)], daemon.last())
    expected = daemon.post(one, 1) + daemon.post(two, 2)
    assert page.events(2) == expected
    fresh = [grant(name, 43, key=KEY) for name in (one, two)]
    page.run("fresh => receiver.renew(() => fresh.toReversed(), 0)", fresh)
    page.until("receiver.channels.every((name) => name.includes('!43.'))")
    assert page.run("receiver.channels") == fresh
    expected += daemon.post(one, 3) + daemon.post(two, 4)
    page.until("receiver._feed.isLive()")
    expected += daemon.post(one, 5)
    assert page.events(5) == expected
    proxy.cut()
    page.lost()
    expected += daemon.post(two, 6)
    proxy.mend()
    assert page.events(6) == expected


@pytest.mark.parametrize("way", WAYS)
def test_a_channel_whose_grant_has_ended_is_left_and_loses_nothing(
    open_page: OpenPage, daemon: Daemon, way: str
) -> None:
    one, two = new_channel(), new_channel()
    page = open_page(way=way)
    page.follow(daemon.url, [grant(name, 42, key=KEY) for name in (one, two)], daemon.last())
    page.run("receiver.renew(() => new Promise((resolve) => { window.answer = resolve; hear('renew'); }))")
    expected = daemon.post(one, 1) + daemon.post(two, 2)
    assert page.events(2) == expected
    with Poster(daemon.url, KEY) as poster:
        poster.revoke(subject=42, channel=one)
    page.inbox.wait("renew")
    page.until("receiver.channels.length === 1 && receiver._feed.isLive()")
    missed = daemon.post(one, 3)
    expected += daemon.post(two, 4)
    assert page.events(3) == expected
    page.run("name => answer([name])", renewed := grant(one, 43, key=KEY))
    expected += missed
    assert page.events(4) == expected
    page.until("receiver._feed.isLive()")
    assert page.run("receiver.channels")[1] == renewed
    expected += daemon.post(two, 5) + daemon.post(one, 6)
    assert page.events(6) == expected


@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_has_lost_its_only_channel_is_not_live_until_it_has_a_new_grant(
    open_page: OpenPage, daemon: Daemon, way: str
) -> None:
    channel, user = new_channel(), new_channel()
    pages = [open_page(way=way), open_page(way=way)]
    start = daemon.last()
    for page in pages:
        page.follow(daemon.url, [grant(channel, user, key=KEY)], start)
        page.run("receiver.renew(() => new Promise((resolve) => { window.answer = resolve; hear('renew'); }))")
    with Poster(daemon.url, KEY) as poster:
        poster.revoke(subject=user)
    for page in pages:
        page.inbox.wait("renew")
        assert (page.run("receiver.state"), page.run("receiver.channels")) != ("live", [])
    expected = daemon.post(channel, 1)
    for number, page in enumerate(pages):
        page.run("name => answer([name])", grant(channel, number, key=KEY))
        page.live()
        assert page.events(1) == expected


def test_names_come_from_an_address_too_and_a_failure_is_told_and_repeated(open_page: OpenPage, daemon: Daemon) -> None:
    channel = new_channel()
    page = open_page(clock=True)
    page.follow(daemon.url, [grant(channel, 42, key=KEY)], daemon.last())
    page.run("void (console.error = (...words) => hear('console', String(words.at(-1))))")
    page.run("receiver.renew('names.json', 3600)")
    page.jump(3610)
    assert page.inbox.wait("console") == ["Error: names.json answers 404"]
    renewed = grant(channel, 43, key=KEY)
    page.page.route("**/names.json", lambda route: route.fulfill(json=[renewed]))
    page.jump(70)
    page.until(f"receiver.channels[0] === '{renewed}'")
    page.jump(70)
    assert len(page.inbox.of("console")) == 1


def test_an_element_says_where_new_names_come_from_and_when_to_ask(open_page: OpenPage, daemon: Daemon) -> None:
    channel = new_channel()
    page = open_page(clock=True)
    renewed = grant(channel, 43, key=KEY)
    page.page.route("**/names.json", lambda route: route.fulfill(json=[renewed]))
    element = {"url": daemon.url, "channels": json.dumps([grant(channel, 42, key=KEY)]), "last": daemon.last()}
    page.run(WRITE_ELEMENT, {**element, "renew": "names.json", "renewAfter": 1800})
    page.until("EventReceiver.page?.state === 'live'")
    page.jump(1790)
    page.until("EventReceiver.page.state === 'live'")
    assert "!42." in page.run("EventReceiver.page.channels[0]")
    page.jump(20)
    page.until(f"EventReceiver.page.channels[0] === '{renewed}'")
