"""The browsers, and the site whose pages they show.

Every test runs in Chromium; those that are marked `firefox` run in Firefox as well.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.browser.browsers import BROWSERS
from tests.browser.pages import PageInbox, Site, note_errors
from tests.browser.playground import SUB_DEMO, THREE, TWO, Visit, state
from tests.browser.receiver import OpenPage, ReceiverPage
from tests.browser.window import Window
from tests.conftest import MANY_CLIENTS
from tests.daemon import Daemon
from tests.integration.dialects import POLL_LISTENER
from tests.nginx import Nginx

# Histories that are soon too short, polls and heartbeats that a test can wait for.
SHORT = {"history.size": 20, "http.long_poll_timeout_s": 1.0, "http.stream_heartbeat_s": 1.0}


# Of one daemon that many tests share, a page is not to show what was before it.
NO_REPLAY = {"history.replay_without_start": 0}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "browser" in metafunc.fixturenames:
        others = [pytest.param(name, marks=pytest.mark.slow) for name in BROWSERS if name != "chromium"]
        names = ["chromium", *(others if metafunc.definition.get_closest_marker("firefox") else [])]
        metafunc.parametrize("browser", names, indirect=True, scope="package")


# A folder's, not the session's: while Playwright runs, no other test could start an event loop in this thread.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(request: pytest.FixtureRequest, playwright: Playwright) -> Iterator[Browser]:
    open_browser = BROWSERS[getattr(request, "param", "chromium")]  # other folders use this fixture too, for Chromium
    with open_browser(playwright) as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def short_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with the ports of a DMOJ site, for all tests of a module."""
    with Daemon(tmp_path_factory.mktemp("daemon"), settings=SHORT | MANY_CLIENTS | POLL_LISTENER) as daemon:
        yield daemon


@pytest.fixture(scope="package")
def shared_window(browser: Browser) -> Window:
    return Window(browser)


@pytest.fixture
def window(shared_window: Window) -> Iterator[Window]:
    """One person's window, which other tests had before."""
    yield shared_window
    shared_window.tidy()


@pytest.fixture
def context(window: Window) -> BrowserContext:
    """What pages share, to be changed as the test likes."""
    window.will_change()
    return window.context


@pytest.fixture
def page_name() -> str:
    """Which of the site's pages `page` shows; for modules to define anew."""
    return "elsewhere.html"


@pytest.fixture
def page(window: Window, site: Site, page_name: str) -> Iterator[Page]:
    """A page of the site, which must not raise an error."""
    page = window.context.new_page()
    errors = note_errors(page)
    page.goto(f"{site.url}/{page_name}")
    yield page
    page.close()
    expect_none(errors)


@pytest.fixture
def inbox(page: Page) -> PageInbox:
    return PageInbox(page)


@pytest.fixture
def open_page(window: Window, site: Site) -> OpenPage:
    def open_page(*, clock: bool = False, **options: str) -> ReceiverPage:
        if clock:
            window.will_change()
        return ReceiverPage(window.context, site, clock=clock, **options)

    return open_page


@pytest.fixture(scope="module")
def shared_dev_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon"), "--dev", settings=NO_REPLAY) as daemon:
        yield daemon


@pytest.fixture
def dev_daemon(shared_dev_daemon: Daemon) -> Daemon:
    """A daemon with other tests' events, which a page does not begin with."""
    assert shared_dev_daemon.process.poll() is None, shared_dev_daemon.stderr
    return shared_dev_daemon


@pytest.fixture
def visit(window: Window) -> Iterator[Visit]:
    """Opens a daemon's page, to be closed with the test; it must not have raised an error."""
    with ExitStack() as visited:

        def visit(daemon: Daemon | Nginx) -> Page:
            page = visited.enter_context(window.context.new_page())
            errors = note_errors(page)
            page.goto(daemon.url)
            for number in (SUB_DEMO, TWO, THREE):
                expect(state(page, number)).to_have_text("live")
            visited.callback(lambda: expect_none(errors))
            return page

        yield visit


def expect_none(errors: list[str]) -> None:
    assert errors == []
