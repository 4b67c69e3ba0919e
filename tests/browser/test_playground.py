"""Does the page of the development mode show a person what the daemon does?"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.browser.chromium import launch
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S

expect.set_options(timeout=PATIENCE_S * 1000)

SUB_DEMO, SUBMISSIONS, BOTH = 0, 1, 2  # the listeners that the page begins with


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture
def dev_daemon(start_daemon: StartDaemon) -> Daemon:
    return start_daemon("--dev")


@pytest.fixture
def page(browser: Browser, dev_daemon: Daemon) -> Iterator[Page]:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(dev_daemon.url)
    for listener in (SUB_DEMO, SUBMISSIONS, BOTH):
        expect(state(page, listener)).to_have_text("live")
    yield page
    page.close()
    assert errors == []


def listener(page: Page, number: int) -> Locator:
    return page.get_by_role("article").nth(number)


def state(page: Page, number: int) -> Locator:
    return listener(page, number).locator(".state")


def messages(page: Page, number: int) -> Locator:
    """The messages that a listener shows, newest first."""
    return listener(page, number).locator("li code")


def post(page: Page, channel: str, message: str) -> None:
    page.get_by_label("Channel", exact=True).fill(channel)
    page.get_by_label("Message (JSON)").fill(message)
    page.get_by_role("button", name="Post", exact=True).click()


def test_an_event_arrives_in_the_listeners_of_its_channel_only(page: Page) -> None:
    post(page, "submissions", '{"type": "update-submission"}')
    post(page, "sub_demo", '"for the first"')
    post(page, "contest_demo", "[1, 2]")
    expect(messages(page, BOTH)).to_have_text(["[1, 2]", '"for the first"', '{"type": "update-submission"}'])
    expect(messages(page, SUB_DEMO)).to_have_text(['"for the first"'])
    expect(messages(page, SUBMISSIONS)).to_have_text(['{"type": "update-submission"}'])
    expect(listener(page, SUB_DEMO).locator(".took")).to_contain_text(" ms")
    expect(listener(page, BOTH).locator(".counts")).to_have_text("3 events · 0 gaps")


def test_a_back_ends_event_arrives_with_its_id(page: Page, dev_daemon: Daemon) -> None:
    (event,) = dev_daemon.post("sub_demo", {"type": "grading-end"})
    expect(messages(page, SUB_DEMO)).to_have_text(['{"type": "grading-end"}'])
    expect(listener(page, SUB_DEMO).locator(".id")).to_have_text(f"id {event['id']}")


def test_examples_are_posted(page: Page) -> None:
    for name, number in (("test-case", SUB_DEMO), ("update-submission", SUBMISSIONS), ("ranking-update", BOTH)):
        page.get_by_role("button", name=name).click()
        expect(messages(page, number).first).to_contain_text(f'"type": "{name}"')


def test_a_cut_link_catches_up_without_loss_or_double(page: Page) -> None:
    post(page, "sub_demo", "0")
    expect(messages(page, BOTH)).to_have_text(["0"])
    listener(page, BOTH).get_by_role("button", name="Cut link").click()
    expect(state(page, BOTH)).to_have_text("cut by you")
    for number in range(1, 4):
        post(page, ("sub_demo", "submissions")[number % 2], str(number))
        expect(page.get_by_role("status").filter(has_text="Posted")).to_be_visible()
    expect(messages(page, SUB_DEMO)).to_have_text(["2", "0"])
    expect(messages(page, BOTH)).to_have_text(["0"])
    listener(page, BOTH).get_by_role("button", name="Mend link").click()
    expect(messages(page, BOTH)).to_have_text(["3", "2", "1", "0"])
    expect(state(page, BOTH)).to_have_text("live")
    expect(listener(page, BOTH).locator(".took.late")).to_have_count(3)
    expect(listener(page, BOTH).locator(".counts")).to_have_text("4 events · 0 gaps")


def test_a_restart_is_survived_and_its_gap_is_shown(page: Page, dev_daemon: Daemon) -> None:
    dev_daemon.post("sub_demo", "before")
    expect(messages(page, SUB_DEMO)).to_have_text(['"before"'])
    dev_daemon.stop()
    expect(state(page, SUB_DEMO)).to_contain_text("connecting")
    dev_daemon.start()
    expect(state(page, SUB_DEMO)).to_have_text("live")
    expect(listener(page, SUB_DEMO).locator(".gap")).to_contain_text("Gap in sub_demo")
    dev_daemon.post("sub_demo", "after")
    expect(messages(page, SUB_DEMO)).to_have_text(['"after"', '"before"'])


def test_a_filter_can_be_changed(page: Page, dev_daemon: Daemon) -> None:
    added = listener(page, 3)
    page.get_by_role("button", name="Add a listener").click()
    expect(added.locator(".state")).to_have_text("live")
    added.get_by_role("textbox").fill("news, , news")
    added.get_by_role("button", name="Follow").click()
    dev_daemon.post("news", "heard")
    expect(added.locator("li code")).to_have_text(['"heard"'])
    added.get_by_role("textbox").fill("")
    added.get_by_role("button", name="Follow").click()
    expect(added.get_by_role("alert")).to_have_text("Invalid filter")
    added.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("article")).to_have_count(3)


def test_markup_stays_text(page: Page) -> None:
    markup = '<img src=x onerror="document.title = 1"><b>bold</b>'
    listener(page, SUB_DEMO).get_by_role("textbox").fill(markup)
    listener(page, SUB_DEMO).get_by_role("button", name="Follow").click()
    post(page, markup, '{"type": "<img src=x onerror=\'document.title = 1\'>"}')
    shown = messages(page, SUB_DEMO)
    expect(shown).to_have_text(['{"type": "<img src=x onerror=\'document.title = 1\'>"}'])
    expect(listener(page, SUB_DEMO).locator(".channel")).to_have_text(markup)
    expect(page.locator("img, b")).to_have_count(0)
    expect(page).to_have_title("Oyez playground")


@pytest.mark.parametrize(
    ("channel", "message", "complaint"),
    [
        ("sub_demo", "{'type': 1}", "This is not JSON"),
        ("sub_demo", "hello", 'A text needs "quotes"'),
        ("sub_demo", "", "Write a message"),
        ("", "1", "Name a channel"),
        ("x" * 101, "1", "invalid-channel"),
    ],
)
def test_what_cannot_be_posted_is_explained(page: Page, channel: str, message: str, complaint: str) -> None:
    post(page, channel, message)
    expect(page.locator("#outcome")).to_contain_text(complaint)
    expect(messages(page, BOTH)).to_have_count(0)


def test_rows_are_bounded(page: Page, dev_daemon: Daemon) -> None:
    page.get_by_role("button", name="Post 50 times").click()
    expect(listener(page, SUB_DEMO).locator(".counts")).to_have_text("50 events · 0 gaps")
    dev_daemon.post("sub_demo", *range(150))
    expect(listener(page, SUB_DEMO).locator(".counts")).to_have_text("200 events · 0 gaps")
    expect(messages(page, SUB_DEMO)).to_have_text([str(number) for number in reversed(range(50, 150))])
