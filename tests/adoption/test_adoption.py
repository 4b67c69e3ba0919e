"""Do sites of the LQDOJ and the DMOJ kind work unchanged, page by page, and through the daemon's death?

Real are the daemon with its SQLite store, nginx with the sites' own locations, socket.io-client, and Chromium.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.adoption.site import CHANNELS, Dialect, JudgeSite, Poster
from tests.browser.pages import BUNDLE
from tests.clients.raw_poster import RawSitePoster
from tests.clients.site_poster import SitePoster
from tests.conftest import MANY_CLIENTS
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.nginx import Nginx, dmoj, location, lqdoj, pass_to
from tests.ports import free_port
from tests.proxy import Proxy

FEW = ["verdict", "chat", "ticket"]  # a browser has six connections for a site, and each poll or stream takes one


@dataclass
class World:
    """A judge as it is put up somewhere: nginx in front of the site and of the daemon; `wires` lead to the daemon."""

    daemon: Daemon
    site: JudgeSite
    nginx: Nginx
    wires: list[Proxy]
    posters: dict[str, Poster]


class Pages(Protocol):
    """Opens pages, by the names that they have in `CHANNELS`."""

    def __call__(self, dialect: str, *names: str) -> dict[str, Page]: ...


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("adoption")
    post, poll = free_port(), free_port()  # as in a site's settings: the same after a restart
    settings = MANY_CLIENTS | {
        "post_listener.host": "127.0.0.1",
        "post_listener.port": post,
        "poll_listener.host": "127.0.0.1",
        "poll_listener.port": poll,
    }
    with ExitStack() as stack:
        broker = f"sqlite://{folder}/events.sqlite3"
        daemon = stack.enter_context(Daemon(folder, "--broker", broker, settings=settings))
        posters: dict[str, Poster] = {
            "lqdoj": SitePoster(daemon.url, daemon.key),
            "dmoj": RawSitePoster(f"ws://127.0.0.1:{post}/"),
        }
        for poster in posters.values():
            stack.callback(poster.close)
        site = stack.enter_context(JudgeSite(posters["lqdoj"]))
        wires = [stack.enter_context(Proxy(port)) for port in (daemon.port, poll)]
        main_port, poll_port = (wire.port for wire in wires)
        locations = lqdoj(main_port) + dmoj(main_port, poll_port) + location("/", pass_to(site.port))
        nginx = stack.enter_context(Nginx(folder, locations))
        site.dialects = dialects(nginx)
        yield World(daemon, site, nginx, wires, posters)


def dialects(nginx: Nginx) -> dict[str, Dialect]:
    base = nginx.url.replace("http:", "ws:")
    socket_io, raw = {"url": nginx.url}, {"websocket": f"{base}/event/", "poller": "/channels/"}
    blocked = raw | {"websocket": f"{base}/blocked/"}  # a way in which no WebSocket opens
    return {
        "lqdoj": Dialect("lqdoj", (BUNDLE.name, "page.js", "judge.js"), socket_io),
        "dmoj": Dialect("dmoj", ("page.js", "raw.js", "judge.js"), raw),
        "dmoj-poll": Dialect("dmoj", ("page.js", "raw.js", "judge.js"), blocked),
        "dmoj-new": Dialect("dmoj5", ("event.js", "judge.js"), raw),  # Oyez's script in place of the site's own
    }


@pytest.fixture
def site(world: World) -> JudgeSite:
    """The site, with nothing in it yet, and with a daemon, whatever the test before has done to it."""
    if world.daemon.process.poll() is not None:
        world.daemon.start()
    for wire in world.wires:
        wire.mend()
    world.site.cases.clear()
    world.site.verdict = "running"
    for kept in (world.site.scores, world.site.chat, world.site.tickets, world.site.answers):
        kept.clear()
    for poster in world.posters.values():
        poster.last()  # the first call after a restart is lost on LQDOJ's
    return world.site


@pytest.fixture
def pages(world: World, browser: Browser) -> Iterator[Pages]:
    """Opens pages of a dialect's site, whose poster is its own, in tabs of one window."""
    with browser.new_context() as window:

        def open_pages(dialect: str, *names: str) -> dict[str, Page]:
            world.site.poster = world.posters[dialect.partition("-")[0]]
            tabs = {name: window.new_page() for name in names}
            for name, tab in tabs.items():
                tab.goto(f"{world.nginx.url}/{dialect}/{name}")
            return tabs

        yield open_pages


def live_through(site: JudgeSite, round_: str) -> list[int]:
    """Let everything happen that a page may have to show; returns the ids."""
    return [
        site.run_case("AC"),
        site.run_case("WA"),
        site.score(f"Ada {round_}", 40),
        site.say(f"hello {round_};"),
        site.say(f"anybody {round_};"),
        site.open_ticket(f"a question {round_};"),
        site.answer_ticket(f"an answer {round_};"),
    ]


def check_complete(site: JudgeSite, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        expect(page.locator("#view")).to_have_text(site.complete()[name], timeout=2000 * PATIENCE_S)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["lqdoj", "dmoj-poll", "dmoj-new"])
def test_pages_show_what_happens_and_are_complete_after_the_daemon_was_killed(
    world: World, site: JudgeSite, pages: Pages, dialect: str
) -> None:
    shown = pages(dialect, *(CHANNELS if dialect == "lqdoj" else FEW))
    assert min(live_through(site, "live")) > 0
    check_complete(site, shown)
    born = [page.evaluate("performance.timeOrigin") for page in shown.values()]
    for wire in world.wires:
        wire.cut()
    assert min(live_through(site, "unheard")) > 0
    assert site.end_grading("WA") > 0
    world.daemon.kill()
    world.daemon.start()
    for wire in world.wires:
        wire.mend()
    check_complete(site, shown)  # out of the store: nothing was posted since
    site.poster.last()  # here the site's poster finds out, at the cost of one call, that its connection is gone
    assert min(live_through(site, "after")) > 0
    check_complete(site, shown)
    assert [page.evaluate("performance.timeOrigin") for page in shown.values()] == born  # none was reloaded


def test_dmojs_pages_show_what_happens_are_told_of_an_end_and_complete_when_they_are_reloaded(
    world: World, site: JudgeSite, pages: Pages
) -> None:
    shown = pages("dmoj", *CHANNELS)
    assert min(live_through(site, "live")) > 0
    check_complete(site, shown)
    world.daemon.kill()
    for page in shown.values():
        expect(page.locator("body")).to_have_attribute("data-closed", "yes")
    world.daemon.start()
    site.poster.last()
    assert site.run_case("WA") > 0
    verdict = {"verdict": shown["verdict"]}
    verdict["verdict"].reload()
    check_complete(site, verdict)
    assert site.end_grading("WA") > 0
    check_complete(site, verdict)


def test_page_that_got_no_position_stays_as_it_was_rendered(world: World, site: JudgeSite, pages: Pages) -> None:
    world.daemon.kill()
    site.cases.append("AC")
    page = pages("lqdoj", "verdict")["verdict"]
    world.daemon.start()
    assert page.evaluate("page.last") == 0
    expect(page.locator("#view")).to_have_text("AC running")
