"""A page with event.js, and what its receiver has told.

Knows the page of the site; not what a test expects.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from playwright.sync_api import BrowserContext, Error, Page

from tests.browser.pages import PageInbox, Site
from tests.inbox import PATIENCE_S

WAYS = {
    "WebSocket": "openSocket",
    "shared stream": "openShare",  # of a leader, who is the page itself if it is alone
    "event stream": "openStream",
    "long poll": "openPoll",
}

THE_WAY = "receiver._feed.ways[receiver._feed.way][0].name"

# Retries without the wait; what is random in them is tested by the size of the numbers alone.
HASTY = "Math.random = () => 0.02;"
NO_WEBSOCKET = """
    window.RealWebSocket = WebSocket;
    window.WebSocket = class { constructor() { setTimeout(() => this.onclose?.({ code: 1006 })); } close() {} };
"""
NO_STREAM = """{
    const { fetch } = window;
    window.fetch = (url, ...rest) => (/sse[?]/.test(url) ? Promise.reject(new Error("blocked")) : fetch(url, ...rest));
}"""
BLOCKED = {
    "WebSocket": "",
    "shared stream": NO_WEBSOCKET,
    "event stream": NO_WEBSOCKET,
    "long poll": NO_WEBSOCKET + NO_STREAM,
}
UNSHARED = ("event stream", "long poll")


class ReceiverPage:
    """One page with one receiver, named ``receiver`` there."""

    def __init__(
        self,
        context: BrowserContext,
        site: Site,
        *,
        way: str = "WebSocket",
        path: str = "event.html",
        clock: bool = False,
    ) -> None:
        self.page: Page = context.new_page()
        if clock:
            self.page.clock.install()
        self.page.add_init_script(HASTY + BLOCKED[way])
        self.page.goto(f"{site.url}/{path}")
        self.inbox = PageInbox(self.page)
        self._losses = 0
        self._options = {"share": False} if way in UNSHARED else {}

    def receive(self, *before: object, **options: object) -> None:
        """Make the receiver: the arguments before its callback, and its options."""
        self.page.evaluate("([before, options]) => receive(before, options)", [before, self._options | options])

    def follow(self, url: str, channels: Sequence[str], last: object, **options: object) -> None:
        """Make the receiver and wait until it is live."""
        self.receive(url, channels, last, **options)
        self.live()

    def live(self) -> None:
        """Wait until the newest thing that it told of its state is that it is live."""
        self.inbox.wait_until(lambda: self.inbox.of("state")[-1:] == ["live"], "live state")

    def lost(self) -> None:
        """Wait until it tells of one more loss of its link; it may be back already."""
        self._losses += 1
        self.inbox.wait_until(lambda: self.inbox.of("state").count("reconnecting") >= self._losses, "loss of the link")

    def events(self, count: int) -> list[Any]:
        return self.inbox.wait("event", count)

    def run(self, script: str, argument: object = None) -> Any:
        return self.page.evaluate(script, argument)

    def until(self, condition: str) -> None:
        """Wait until something holds in the page of which it tells nothing."""
        self.page.wait_for_function(condition, timeout=PATIENCE_S * 1000, polling=20)

    @property
    def way(self) -> Any:
        """The transport that is in use, by the name of its function."""
        return self.run(THE_WAY)

    def jump(self, seconds: float) -> None:
        """Put the page's clock forward; what is due is done once."""
        self.page.clock.fast_forward(int(seconds * 1000))

    def freeze(self) -> None:
        self._set_life("frozen")

    def thaw(self) -> None:
        self._set_life("active")

    def _set_life(self, state: str) -> None:
        session = self.page.context.new_cdp_session(self.page)
        session.send("Page.setWebLifecycleState", {"state": state})
        session.detach()

    def crash(self) -> None:
        """End the page's process; of Chromium."""
        with suppress(Error):
            self.page.goto("chrome://crash")

    def hide(self) -> None:
        """Do as a browser does whose person looks at another tab."""
        self._look("hidden")

    def show(self) -> None:
        self._look("visible")

    def _look(self, state: str) -> None:
        self.run(
            """(state) => {
                Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
                document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
            }""",
            state,
        )


OpenPage = Callable[..., ReceiverPage]
