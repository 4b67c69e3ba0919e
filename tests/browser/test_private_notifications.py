"""Does the guide to private notifications work as it is written, and does nobody else hear of them?"""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import complaints
from tests.browser.reader import Reader
from tests.inbox import PATIENCE_S

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "private-notifications.md"
SLOW_MS = 2000 * PATIENCE_S


def log_in(browser: Browser, site: str, name: str) -> Page:
    page = browser.new_context().new_page()
    page.goto(site)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(name)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading")).to_have_text(f"Notices for {name}", timeout=SLOW_MS)
    expect(page.get_by_role("status")).to_have_text("live", timeout=SLOW_MS)
    return page


@pytest.mark.slow
def test_a_notice_comes_to_its_user_and_to_nobody_else(tmp_path: Path, browser: Browser) -> None:
    reader = Reader(GUIDE, tmp_path)
    try:
        reader.follow(until='python manage.py shell -c "from notices.models')
        ann, bob = (log_in(browser, reader.site, name) for name in ("ann", "bob"))
        reader.follow()
        expect(ann.locator("#notices li")).to_have_text(["Your paper is accepted"], timeout=SLOW_MS)
        assert bob.locator("#notices li").count() == 0
        assert complaints(ann) == []
        channels = [page.locator("[data-oyez]").get_attribute("data-channels") for page in (ann, bob)]
        assert channels[0] != channels[1]
        bob.context.close()
        ann.context.close()
    finally:
        reader.put_away()
