"""The window in which tests open their pages, one test after the other.

Knows what a test may leave behind. Must not know what pages show.
"""

from playwright.sync_api import Browser, BrowserContext, Page

# A page of the host that all pages are of stays open: with `browsers.ONE_PROCESS`, its process is that of the next one.
_KEPT = "http://127.0.0.1:9/kept"


class Window:
    """One person's window: its pages share connections, cache and locks.

    A new one costs the browser half a second of CPU, more than all else that a test asks of it. So the next test has it
    too, without pages and cookies, unless this one has changed more: its clock, its network, what it routes.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._context: BrowserContext | None = None
        self._keeper: Page | None = None
        self._is_changed = False

    @property
    def context(self) -> BrowserContext:
        if self._context is None:
            self._context = self._browser.new_context()
            if self._browser.browser_type.name == "chromium":
                self._keep_a_page(self._context)
        return self._context

    def _keep_a_page(self, context: BrowserContext) -> None:
        self._keeper = context.new_page()
        self._keeper.route(_KEPT, lambda route: route.fulfill(body="", content_type="text/html"))
        self._keeper.goto(_KEPT)

    def will_change(self) -> None:
        """Keep this window from the next test."""
        self._is_changed = True

    def tidy(self) -> None:
        """Close the pages, or the window."""
        if self._context is None:
            return
        if self._is_changed:
            self._context.close()
            self._context, self._is_changed = None, False
            return
        for page in self._context.pages:
            if page is not self._keeper:
                page.close()
        self._context.clear_cookies()
