"""Does the example show what it is there to show: live pages, and pages that come through the daemon's death?"""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import complaints
from tests.browser.example import Example, send_in, sign_in
from tests.inbox import PATIENCE_S

SLOW_MS = 3000 * PATIENCE_S
PAGES = (
    "",
    "problem/sum/",
    "submission/1/",
    "submissions/",
    "ranking/",
    "lobby/",
    "tickets/",
    "ticket/1/",
    "daemon/",
    "sign-in/",
)

# How many entries of the navigation are outside of it, to be scrolled to.
HIDDEN_ENTRIES = """[...document.querySelectorAll("nav a")].filter((entry) => {
  const [inner, outer] = [entry, entry.parentElement].map((each) => each.getBoundingClientRect());
  return inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1;
}).length"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab whose browser must find nothing to complain of, but that the daemon is away when it is.

    Pages that came back before WebSockets did ask by long polls for a while, of which the family ends one without an
    event by 504.
    """
    complaints: list[str] = []
    with browser.new_context() as window:
        window.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        window.on("weberror", lambda error: complaints.append(str(error.error)))
        yield window.new_page()
    expected = ("ERR_CONNECTION_REFUSED", "504 (Gateway Timeout)")
    assert [each for each in complaints if not any(words in each for words in expected)] == []


def tab(page: Page, address: str) -> Page:
    """Open one more of the visitor's tabs, and wait until it is live."""
    tab = page.context.new_page()
    tab.goto(address)
    expect(tab.locator("#badge")).to_have_text("live", timeout=SLOW_MS)
    return tab


@pytest.mark.slow
# One test, for the example takes seconds to start.
def test_example_lives_and_comes_through_the_daemons_death(page: Page, tmp_path: Path) -> None:
    with Example(tmp_path, busy=30) as example:
        sign_in(page, example.url, "Noor")
        ticket = ask_the_jury(page, example)
        watch_a_submission_while_the_daemon_is_killed(page, example)
        expect(ticket.locator("#talk")).to_contain_text("Jury", timeout=SLOW_MS)
        check_that_each_page_can_be_read_by_everybody(page, example)
        page.context.close()  # what they say to the end of everything is no complaint
        assert example.stop() == 0
        with pytest.raises(ProcessLookupError):
            os.kill(example.daemon_pids()[-1], 0)
        assert "Traceback" not in example.logs()


def ask_the_jury(page: Page, example: Example) -> Page:
    ticket = tab(page, f"{example.url}/tickets/")
    ticket.get_by_label("What is it about?").fill("May I ask?")
    ticket.get_by_label("Question").fill("Only this.")
    ticket.get_by_role("button", name="Open a ticket").click()
    return ticket


def watch_a_submission_while_the_daemon_is_killed(page: Page, example: Example) -> None:
    ranking, lobby = tab(page, f"{example.url}/ranking/"), tab(page, f"{example.url}/lobby/")
    send_in(page, example.url, "lamps", "too dark # WA")
    cases, badge = page.locator("#cases li:not([data-verdict=wait])"), page.locator("#badge")
    expect(badge).to_have_text("live", timeout=SLOW_MS)
    expect(cases.nth(3)).to_be_visible(timeout=SLOW_MS)

    os.kill(example.daemon_pids()[-1], signal.SIGKILL)
    late = page.context.new_page()
    late.goto(page.url)  # rendered while there is no daemon to ask for a position
    expect(badge).to_have_text(re.compile("reconnecting|out of date"), timeout=SLOW_MS)
    lobby.get_by_label("Say something").fill("Is anybody there?")
    lobby.get_by_role("button", name="Say").click()

    expect(badge).to_have_text("live", timeout=SLOW_MS)
    expect(page.locator("#outcome")).to_contain_text("Wrong answer", timeout=SLOW_MS)
    expect(cases).to_have_count(36)
    expect(late.locator("#outcome")).to_contain_text("Wrong answer", timeout=SLOW_MS)
    expect(lobby.locator("#talk")).to_contain_text("Is anybody there?", timeout=SLOW_MS)
    expect(ranking.locator("#ranking")).to_contain_text("Noor", timeout=SLOW_MS)
    expect(lobby.get_by_role("log").get_by_role("listitem").first).to_be_visible()
    example.said.wait_until(lambda: len(example.daemon_pids()) == 2, "a second daemon")


def check_that_each_page_can_be_read_by_everybody(page: Page, example: Example) -> None:
    for name in PAGES:
        page.goto(f"{example.url}/{name}")
        for width in (320, 390, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            assert page.evaluate(HIDDEN_ENTRIES) == 0, name
        assert complaints(page) == [], name
