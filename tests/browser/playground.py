"""What a person sees and does on the page of the development mode."""

from playwright.sync_api import Locator, Page, expect

from tests.inbox import PATIENCE_S

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
