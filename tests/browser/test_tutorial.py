"""Does the tutorial work as it is written? Its lines are followed, and Chromium looks at the page."""

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.accessibility import complaints
from tests.browser.reader import Reader
from tests.inbox import PATIENCE_S

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "live-verdicts-in-five-minutes.md"
SLOW_MS = 2000 * PATIENCE_S


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(TUTORIAL, tmp_path)
    try:
        yield reader
    finally:
        reader.put_away()


@pytest.mark.slow
def test_tutorial_leads_to_live_verdicts_that_survive_the_daemon(reader: Reader, browser: Browser) -> None:
    reader.follow(until="python manage.py grade")
    page = browser.new_page()
    verdict, state, passed = (page.locator(name) for name in ("#verdict", "#state", "#passed"))

    page.goto(f"{reader.site}/submission/1/")
    expect(state).to_have_text("live", timeout=SLOW_MS)
    expect(verdict).to_have_text("Running")
    seen: set[str] = set()
    page.expose_function("note", lambda text: seen.update([text]))
    page.evaluate("new MutationObserver(() => note(document.querySelector('#passed').textContent))"
                  ".observe(document.body, {childList: true})")  # fmt: skip
    reader.follow(until="python manage.py grade 2")
    expect(verdict).to_have_text("Accepted", timeout=SLOW_MS)
    assert len(seen) > 1, "the page went step by step"

    page.goto(f"{reader.site}/submission/2/")
    expect(state).to_have_text("live", timeout=SLOW_MS)
    (grade,) = reader.blocks.pop(0).code.splitlines()
    judge = reader.grade(grade)
    expect(passed).to_have_text(re.compile("[2-9]"), timeout=SLOW_MS)
    reader.press_ctrl_c("oyez serve --dev")
    expect(state).to_have_text(re.compile("reconnecting|stale"), timeout=SLOW_MS)
    (start,) = reader.blocks.pop(0).code.splitlines()
    assert reader.blocks == []
    reader.type(start)
    assert (
        "the daemon cannot be asked or posted to; no event is lost so far"
        in judge.communicate(timeout=2 * PATIENCE_S)[0]
    )
    assert judge.returncode == 0
    expect(verdict).to_have_text("Accepted", timeout=SLOW_MS)
    expect(passed).to_have_text("10")
    expect(state).to_have_text("live", timeout=SLOW_MS)
    assert complaints(page) == []

    reader.press_ctrl_c(start)  # once more, and the judge ends first
    assert "events are not posted (" in reader.grade(grade).communicate(timeout=2 * PATIENCE_S)[0]
    expect(state).to_have_text("stale", timeout=SLOW_MS)
    page.evaluate("document.querySelector('#verdict').textContent = 'old'")
    reader.type(start)
    expect(verdict).to_have_text("Accepted", timeout=SLOW_MS)
    page.close()
    with urllib.request.urlopen(f"{reader.site}/static/oyez/event.js") as script:
        assert script.status == 200  # from Django's own static files
