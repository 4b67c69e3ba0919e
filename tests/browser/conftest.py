"""The browsers, and the site whose pages they show.

Every test runs in Chromium; those that are marked `firefox` run in Firefox as well.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.browsers import BROWSERS
from tests.browser.pages import Site
from tests.browser.receiver import OpenPage, ReceiverPage
from tests.conftest import MANY_CLIENTS
from tests.daemon import Daemon
from tests.integration.dialects import POLL_LISTENER

# Histories that are soon too short, polls and heartbeats that a test can wait for.
SHORT = {"history.size": 20, "http.long_poll_timeout_s": 1.0, "http.stream_heartbeat_s": 1.0}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "browser" in metafunc.fixturenames:
        names = list(BROWSERS) if metafunc.definition.get_closest_marker("firefox") else ["chromium"]
        metafunc.parametrize("browser", names, indirect=True, scope="module")


# A module's, not the session's: while Playwright runs, no other test could start an event loop in this thread.
@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    open_browser = BROWSERS[getattr(request, "param", "chromium")]  # other folders use this fixture too, for Chromium
    with sync_playwright() as playwright, open_browser(playwright) as browser:
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


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """What pages share: those of one context are of one person."""
    with browser.new_context() as context:
        yield context


@pytest.fixture
def open_page(context: BrowserContext, site: Site) -> OpenPage:
    return lambda **options: ReceiverPage(context, site, **options)
