"""The browsers in which the tests show their pages: Debian's Chromium and Firefox, as a person has them.

Knows how they are started; no pages. Firefox is driven by WebDriver BiDi, the standard: it is the one that people
install, not one that was built for tests.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Playwright

# Nothing but the tests' pages: no look at the vendor's hosts.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
PLAIN = ["--disable-gpu", "--disable-quic"]


# All pages of one host in one process, which costs what a page costs otherwise: half a second of CPU.
ONE_PROCESS = "--process-per-site"


@contextmanager
def open_chromium(playwright: Playwright, *more: str) -> Iterator[Browser]:
    with playwright.chromium.launch(
        executable_path="/usr/bin/chromium",
        args=[*QUIET, *PLAIN, *more, *(["--no-sandbox"] if os.geteuid() == 0 else [])],
        ignore_default_args=["--disable-back-forward-cache"],  # what keeps a left page alive for "back"
    ) as browser:
        yield browser


@contextmanager
def open_firefox(playwright: Playwright) -> Iterator[Browser]:
    """Start Firefox with a home of its own: it keeps a cache there beside its profile."""
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as home,
        playwright.firefox.launch(
            channel="moz-firefox",  # Mozilla's own, hence by BiDi
            executable_path="/usr/bin/firefox-esr",
            env={**os.environ, "HOME": home},
        ) as browser,
    ):
        yield browser


BROWSERS: dict[str, Callable[[Playwright], AbstractContextManager[Browser]]] = {
    "chromium": lambda playwright: open_chromium(playwright, ONE_PROCESS),
    "firefox": open_firefox,
}
