"""The site whose pages the browsers show, and socket.io-client in one of them, as a `Client` of the scenarios."""

import re
from collections.abc import Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Self

from playwright.sync_api import Error, Page

import oyez
from tests.browser.window import Window
from tests.clients.javascript import IMPATIENCE, NODE, TRANSPORTS
from tests.inbox import PATIENCE_S, Heard, Inbox

BUNDLE = NODE / "node_modules" / "socket.io-client-4.7" / "dist" / "socket.io.min.js"  # the version that sites load
SITE = Path(__file__).parent / "site"
STATIC = Path(oyez.__file__).parent / "django" / "static"  # as Django's static files would serve it


# What Firefox calls an error of the page, when a link is lost or refused. Chromium does not.
OF_A_LINK = re.compile("can’t establish a connection|was interrupted")


def note_errors(page: Page) -> list[str]:
    """Note what the page raises from now on."""
    errors: list[str] = []

    def note(error: Error) -> None:
        if not OF_A_LINK.search(error.message):
            errors.append(str(error))

    page.on("pageerror", note)
    return errors


class Site:
    """A web site: the tests' pages, or those of another folder, and the scripts that pages of sites load."""

    def __init__(self, folder: Path = SITE) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SiteRequest, directory=str(self._folder)))
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)


class SiteRequest(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        if path == f"/{BUNDLE.name}":
            return str(BUNDLE)
        return f"{STATIC}{path}" if path.startswith("/oyez/") else super().translate_path(path)

    def log_message(self, *_: object) -> None:  # the tests' output is for the tests
        pass


class PageInbox(Inbox):
    """What a page heard; the page keeps the log, as it alone knows the order."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page

    def heard(self) -> list[Heard]:
        return [Heard(*entry) for entry in self._page.evaluate("heard")]

    def _await_more(self, seen: int, at_most_s: float) -> None:
        self._page.evaluate("([seen, ms]) => more(seen, ms)", [seen, at_most_s * 1000])


class PageClient:
    """A page with a socket over one choice of transports."""

    keeps_order = True

    def __init__(self, window: Window, site: Site, transports: str) -> None:
        self._window = window
        self._site = site
        self._options = IMPATIENCE | {"transports": TRANSPORTS[transports]}
        self.transport = TRANSPORTS[transports][-1]

    def open(
        self, url: str, *, role: str = "client", token: str = "", channels: Sequence[str] = (), start: int = 0
    ) -> "PageSession":
        page = self._window.context.new_page()
        page.goto(f"{self._site.url}/page.html")
        options = self._options | {"auth": {"role": role, "token": token}}
        page.evaluate("parameters => openSession(...parameters)", [url, options, list(channels), start])
        return PageSession(page)


class PageSession:
    """The one socket of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.inbox = PageInbox(page)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()
