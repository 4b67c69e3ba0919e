"""Chromium, for pages as judge sites have them."""

from tests.browser.conftest import browser, playwright

__all__ = ["browser", "playwright"]
