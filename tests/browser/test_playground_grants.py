"""Can a person follow a channel that needs a grant, on the page of the development mode?"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from oyez.client import grant
from tests.api import call
from tests.browser.accessibility import complaints
from tests.browser.playground import DOORS, SUB_DEMO, Visit, door_of, listener, messages, press, state, use
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.nginx import FORWARDED, UPGRADE, Nginx, location, pass_to

pytestmark = pytest.mark.slow

RULES = {
    "channels": [{"match": "tickets", "listen": "grant"}, {"match": "secret", "listen": "nobody"}],
    "history.replay_without_start": 0,
}


@pytest.fixture
def daemon(start_daemon: StartDaemon) -> Daemon:
    return start_daemon("--dev", settings=RULES)


def ask_for(page: Page, names: str) -> None:
    listener(page, SUB_DEMO).get_by_role("textbox").fill(names)
    press(page, SUB_DEMO, "Follow")


@pytest.mark.parametrize("door", DOORS)
def test_a_refusal_is_told_and_the_page_gets_a_grant(visit: Visit, daemon: Daemon, door: str) -> None:
    page = visit(daemon)
    use(page, SUB_DEMO, door)
    ask_for(page, "sub_demo, tickets")
    problem = listener(page, SUB_DEMO).get_by_role("alert")
    expect(problem).to_have_text(
        "Refused: This channel needs a grant (not-allowed): tickets. Still following sub_demo."
    )
    expect(listener(page, SUB_DEMO).locator(".grant")).to_contain_text("oyez grant tickets")
    press(page, SUB_DEMO, "Get a grant")
    expect(listener(page, SUB_DEMO).get_by_role("textbox")).to_have_value(
        re.compile(r"^sub_demo, tickets!\.\w+\.[\w-]{22}$")
    )
    expect(problem).to_be_hidden()
    expect(state(page, SUB_DEMO)).to_have_text("live")
    daemon.post("tickets", "for who has a grant")
    daemon.post("sub_demo", "for all")
    expect(messages(page, SUB_DEMO)).to_have_text(['"for all"', '"for who has a grant"'])


@pytest.mark.parametrize("door", ["event.js", "event stream"])
def test_a_name_with_a_grant_can_be_pasted(visit: Visit, daemon: Daemon, door: str) -> None:
    page = visit(daemon)
    door_of(page, SUB_DEMO).select_option(door)
    ask_for(page, grant("tickets", 42, key="of another daemon"))
    expect(listener(page, SUB_DEMO).get_by_role("alert")).to_contain_text("not-allowed")
    ask_for(page, grant("tickets", 42, key=daemon.key))
    expect(state(page, SUB_DEMO)).to_have_text("live")
    expect(listener(page, SUB_DEMO).get_by_role("alert")).to_be_hidden()
    daemon.post("tickets", 1)
    expect(messages(page, SUB_DEMO)).to_have_text(["1"])


@pytest.mark.parametrize("door", ["Socket.IO", "raw WebSocket", "event stream"])
def test_the_end_of_a_grant_is_told_and_the_page_gets_another(visit: Visit, daemon: Daemon, door: str) -> None:
    page = visit(daemon)
    use(page, SUB_DEMO, door)
    ask_for(page, f"sub_demo, {grant('tickets', 42, key=daemon.key)}")
    expect(state(page, SUB_DEMO)).to_have_text("live")
    daemon.post("tickets", "for who has a grant")
    expect(messages(page, SUB_DEMO)).to_have_text(['"for who has a grant"'])
    assert call(daemon, "POST", "revoke", {"subject": "42"}).status == 200
    told = "The grant for tickets was revoked: nothing more of it comes."
    expect(listener(page, SUB_DEMO).locator("li").first).to_have_text(told)
    expect(listener(page, SUB_DEMO).get_by_role("alert")).to_have_text(told)
    expect(state(page, SUB_DEMO)).to_have_text("live")
    daemon.post("sub_demo", "for all")
    press(page, SUB_DEMO, "Get a grant")
    expect(listener(page, SUB_DEMO).get_by_role("alert")).to_be_hidden()
    expect(state(page, SUB_DEMO)).to_have_text("live")
    daemon.post("tickets", "anew")
    expect(messages(page, SUB_DEMO)).to_have_text(['"anew"', '"for all"', '"for who has a grant"'])


def test_what_nobody_may_follow_has_no_grant(visit: Visit, daemon: Daemon) -> None:
    page = visit(daemon)
    ask_for(page, "secret")
    expect(listener(page, SUB_DEMO).get_by_role("alert")).to_contain_text("Nobody may listen")
    expect(listener(page, SUB_DEMO).get_by_role("button", name="Get a grant")).to_be_hidden()


def test_from_elsewhere_a_grant_needs_the_key(visit: Visit, daemon: Daemon, tmp_path: Path) -> None:
    with Nginx(tmp_path, location("/", pass_to(daemon.port), UPGRADE, FORWARDED)) as nginx:
        page = visit(nginx)
        ask_for(page, "tickets")
        press(page, SUB_DEMO, "Get a grant")
        problem = listener(page, SUB_DEMO).get_by_role("alert")
        expect(problem).to_contain_text("Enter the key")
        page.get_by_label("Key").fill(daemon.key)
        press(page, SUB_DEMO, "Get a grant")
        expect(state(page, SUB_DEMO)).to_have_text("live")
        expect(problem).to_be_hidden()
        page.close()


def test_everybody_can_use_it(visit: Visit, daemon: Daemon) -> None:
    page = visit(daemon)
    ask_for(page, "tickets")
    expect(listener(page, SUB_DEMO).get_by_role("button", name="Get a grant")).to_be_visible()
    assert complaints(page) == []
