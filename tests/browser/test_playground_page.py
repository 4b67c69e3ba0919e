"""Does the playground's page stay whole and usable, whatever is posted and whoever looks at it?"""

import re

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.accessibility import complaints
from tests.browser.playground import (
    SUB_DEMO,
    THREE,
    TWO,
    Visit,
    counts,
    follow,
    listener,
    messages,
    post,
    press,
    use,
)
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.links import eventually, metrics

# How much of a field can be seen only by scrolling.
HIDDEN = "field => [field.scrollWidth - field.clientWidth, field.scrollHeight - field.clientHeight]"

HELD_BACK_S = 20.0  # by Firefox


@pytest.fixture
def page(visit: Visit, dev_daemon: Daemon) -> Page:
    return visit(dev_daemon)


@pytest.mark.parametrize("door", ["long poll"])
def test_markup_stays_text(page: Page, door: str) -> None:
    markup = '<img src=x onerror="document.title = 1"><b>bold</b>'
    use(page, SUB_DEMO, door)
    follow(page, SUB_DEMO, markup)
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
    expect(messages(page, THREE)).to_have_count(0)


@pytest.mark.parametrize("door", ["raw WebSocket", "long poll"])
def test_a_burst_arrives_whole(page: Page, door: str) -> None:
    use(page, THREE, door)
    page.get_by_role("button", name="Post 50 times").click()
    expect(counts(page, THREE)).to_have_text("50 events · 0 gaps")


@pytest.mark.firefox
def test_the_posts_of_a_burst_do_not_wait_for_each_other_in_the_browser(page: Page) -> None:
    """What waits for a free connection would show the wait as if it were the daemon's."""
    under_way = most = 0

    def count(request: Request, change: int) -> None:
        nonlocal under_way, most
        if request.url.endswith("/api/publish"):
            under_way += change
            most = max(most, under_way)

    page.on("request", lambda request: count(request, 1))
    page.on("requestfinished", lambda request: count(request, -1))
    page.get_by_role("button", name="Post 50 times").click()
    expect(page.locator("#outcome")).to_contain_text("Posted 50 events")
    assert most == 1
    expect(listener(page, THREE).locator(".took")).to_have_text([re.compile(r"^\d+\.\d m?s$")] * 50)


@pytest.mark.firefox
def test_names_are_shown_whole(page: Page) -> None:
    names = [f"{letter * 40}-{letter * 40}" for letter in "abc"]
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for number, channel in enumerate(names):
            follow(page, THREE, ", ".join(names[: number + 1]))
            post(page, channel, "1")
        expect(listener(page, THREE).locator(".channel").first).to_have_text(names[-1])
        for shown in (page.get_by_label("Channel", exact=True), listener(page, THREE).get_by_role("textbox")):
            assert shown.evaluate(HIDDEN) == [0, 0]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for each in listener(page, THREE).locator(".channel").all():
            assert (
                each.evaluate("e => e.getBoundingClientRect().right - e.closest('ol').getBoundingClientRect().right")
                <= 0
            )


def test_everybody_can_use_the_page(page: Page) -> None:
    follow(page, THREE, "x" * 101)  # which is refused, and told
    post(page, "sub_demo", '{"type": "test-case"}')
    for each in page.get_by_text("Lines to paste").all():
        each.click()
    expect(counts(page, TWO)).to_have_text("1 event · 0 gaps")
    press(page, TWO, "Cut link")
    assert complaints(page) == []


@pytest.mark.firefox
@pytest.mark.parametrize("door", ["event stream", "long poll"])
def test_tabs_do_not_wait_for_each_others_requests(visit: Visit, start_daemon: StartDaemon, door: str) -> None:
    """A browser that takes the second request for a repetition of the first holds it back: the daemon sees one."""
    daemon = start_daemon("--dev")
    tabs = [visit(daemon), visit(daemon)]
    for tab in tabs:
        use(tab, SUB_DEMO, door)
    all_here = len(tabs) * len((SUB_DEMO, TWO, THREE))
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] == all_here, "listeners", within_s=HELD_BACK_S / 2)
    (event,) = daemon.post("sub_demo", "heard")
    for tab in tabs:
        expect(listener(tab, SUB_DEMO).locator(".id")).to_have_text(f"id {event['id']}")


def test_rows_are_bounded(page: Page, dev_daemon: Daemon) -> None:
    dev_daemon.post("sub_demo", *range(200))
    expect(counts(page, SUB_DEMO)).to_have_text("200 events · 0 gaps")
    expect(messages(page, SUB_DEMO)).to_have_text([str(number) for number in reversed(range(100, 200))])
