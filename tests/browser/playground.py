"""What a person sees and does on the page of the development mode.

`python -m tests.browser.playground` takes its picture for the documents.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser.browsers import open_chromium
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.nginx import Nginx

Visit = Callable[[Daemon | Nginx], Page]
"""Opens the page of a daemon, or of a proxy before one."""

expect.set_options(timeout=PATIENCE_S * 1000)

SUB_DEMO, TWO, THREE = 0, 1, 2  # the listeners that the page begins with, by their channels
DOORS = ["event.js", "Socket.IO", "raw WebSocket", "event stream", "long poll"]


def listener(page: Page, number: int) -> Locator:
    return page.get_by_role("article").nth(number)


def state(page: Page, number: int) -> Locator:
    return listener(page, number).locator(".state")


def messages(page: Page, number: int) -> Locator:
    """The messages that a listener shows, newest first."""
    return listener(page, number).locator("li code")


def counts(page: Page, number: int) -> Locator:
    return listener(page, number).locator(".counts")


def door_of(page: Page, number: int) -> Locator:
    return listener(page, number).get_by_label("Door")


def use(page: Page, number: int, door: str) -> None:
    door_of(page, number).select_option(door)
    expect(state(page, number)).to_have_text("live")


def follow(page: Page, number: int, channels: str) -> None:
    listener(page, number).get_by_role("textbox").fill(channels)
    listener(page, number).get_by_role("button", name="Follow").click()
    expect(state(page, number)).to_have_text("live")


def press(page: Page, number: int, button: str) -> None:
    listener(page, number).get_by_role("button", name=button).click()


def post(page: Page, channel: str, message: str) -> None:
    page.get_by_label("Channel", exact=True).fill(channel)
    page.get_by_label("Message (JSON)").fill(message)
    page.get_by_role("button", name="Post", exact=True).click()


def take_picture() -> None:
    """Picture what came before the page was opened, what was posted on it, and what a link that was cut had missed."""
    image = Path(__file__).parents[2] / "docs" / "images" / "playground.png"
    with (
        tempfile.TemporaryDirectory() as folder,
        Daemon(Path(folder), "--dev") as daemon,
        sync_playwright() as playwright,
        open_chromium(playwright) as browser,
    ):
        daemon.post("sub_demo", {"type": "grading-begin"})
        page = browser.new_page(viewport={"width": 1280, "height": 980})
        page.goto(daemon.url)
        expect(state(page, THREE)).to_have_text("live")
        press(page, THREE, "Cut link")
        for example in ("test-case", "grading-end", "update-submission"):
            page.get_by_role("button", name=example).click()
            expect(messages(page, TWO).first).to_contain_text(example)
        press(page, THREE, "Mend link")
        expect(messages(page, THREE).first).to_contain_text("update-submission")
        listener(page, SUB_DEMO).get_by_text("Lines to paste").click()
        press(page, SUB_DEMO, "curl")
        page.screenshot(path=image)


if __name__ == "__main__":
    take_picture()
