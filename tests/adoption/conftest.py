"""Chromium, for pages as judge sites have them."""

from tests.browser.conftest import browser

__all__ = ["browser"]
