"""Does the page of the development mode show a person what the daemon does?"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.playground import (
    DOORS,
    SUB_DEMO,
    THREE,
    TWO,
    Visit,
    counts,
    door_of,
    follow,
    listener,
    messages,
    post,
    press,
    state,
    use,
)
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.links import SUCCESS, eventually, listen, metrics
from tests.nginx import FORWARDED, UPGRADE, Nginx, location, pass_to

pytestmark = pytest.mark.slow

through_each_door = pytest.mark.parametrize("door", DOORS)


@pytest.fixture
def page(visit: Visit, dev_daemon: Daemon) -> Page:
    return visit(dev_daemon)


@pytest.mark.firefox
def test_from_elsewhere_the_page_asks_for_the_key(visit: Visit, dev_daemon: Daemon, tmp_path: Path) -> None:
    with Nginx(tmp_path, location("/", pass_to(dev_daemon.port), UPGRADE, FORWARDED)) as nginx:
        page = visit(nginx)
        key, outcome = page.get_by_label("Key"), page.locator("#outcome")
        post(page, "sub_demo", '"too early"')
        expect(outcome).to_have_text(re.compile("Enter the key"))
        expect(key).to_be_focused()
        key.fill("wrong")
        post(page, "sub_demo", '"refused"')
        expect(outcome).to_have_text(re.compile("missing or wrong"))
        key.fill(dev_daemon.key)
        post(page, "sub_demo", '"taken"')
        expect(messages(page, SUB_DEMO).first).to_have_text('"taken"')
        page.close()


def test_on_this_machine_the_page_knows_the_key(page: Page) -> None:
    expect(page.get_by_label("Key")).to_be_hidden()


@pytest.mark.firefox
def test_one_event_arrives_through_every_door(page: Page) -> None:
    for number in range(3, len(DOORS)):
        page.get_by_role("button", name="Add a listener").click()
        expect(state(page, number)).to_have_text("live")
    post(page, "sub_demo", '{"type": "test-case"}')
    for number, door in enumerate(DOORS):
        expect(door_of(page, number)).to_have_value(door)
        expect(messages(page, number)).to_have_text(['{"type": "test-case"}'])
        expect(listener(page, number).locator(".took")).to_have_text(re.compile(r"^\d+\.\d m?s$"))


@pytest.mark.firefox
def test_a_page_begins_with_what_history_has(visit: Visit, start_daemon: StartDaemon) -> None:
    """Whoever posts first and looks at the page then sees what was posted."""
    daemon = start_daemon("--dev")
    daemon.post("sub_demo", "first", "second")
    page = visit(daemon)
    for number, door in enumerate(DOORS):
        if number > THREE:
            page.get_by_role("button", name="Add a listener").click()
        expect(door_of(page, number)).to_have_value(door)
        expect(messages(page, number)).to_have_text(['"second"', '"first"'])
        expect(listener(page, number).locator(".took")).to_have_text(["replayed", "replayed"])
        expect(state(page, number)).to_have_text("live")
    daemon.post("sub_demo", "third")
    for number in range(len(DOORS)):
        expect(messages(page, number)).to_have_text(['"third"', '"second"', '"first"'])
        expect(listener(page, number).locator(".took.late")).to_have_count(2)


@pytest.mark.parametrize("door", ["long poll"])
def test_an_event_arrives_in_the_listeners_of_its_channel_only(page: Page, door: str) -> None:
    use(page, THREE, door)
    post(page, "submissions", '{"type": "update-submission"}')
    post(page, "sub_demo", '"for the first"')
    post(page, "contest_demo", "[1, 2]")
    expect(messages(page, THREE)).to_have_text(["[1, 2]", '"for the first"', '{"type": "update-submission"}'])
    expect(messages(page, SUB_DEMO)).to_have_text(['"for the first"'])
    expect(messages(page, TWO)).to_have_text(['"for the first"', '{"type": "update-submission"}'])
    expect(counts(page, THREE)).to_have_text("3 events · 0 gaps")


@pytest.mark.parametrize("door", ["event stream"])
def test_a_back_ends_event_arrives_with_its_id(page: Page, dev_daemon: Daemon, door: str) -> None:
    use(page, SUB_DEMO, door)
    (event,) = dev_daemon.post("sub_demo", {"type": "grading-end"})
    expect(messages(page, SUB_DEMO)).to_have_text(['{"type": "grading-end"}'])
    expect(listener(page, SUB_DEMO).locator(".id")).to_have_text(f"id {event['id']}")


def test_examples_are_posted(page: Page) -> None:
    for name, number in (("test-case", SUB_DEMO), ("update-submission", TWO), ("ranking-update", THREE)):
        page.get_by_role("button", name=name).click()
        expect(messages(page, number).first).to_contain_text(f'"type": "{name}"')


@pytest.mark.firefox
@through_each_door
def test_a_cut_link_catches_up_without_loss_or_double(page: Page, door: str) -> None:
    use(page, THREE, door)
    post(page, "sub_demo", "0")
    expect(messages(page, THREE)).to_have_text(["0"])
    press(page, THREE, "Cut link")
    expect(state(page, THREE)).to_have_text("cut by you")
    for number in range(1, 4):
        post(page, ("sub_demo", "submissions")[number % 2], str(number))
        expect(page.get_by_role("status").filter(has_text="Posted")).to_be_visible()
    expect(messages(page, TWO)).to_have_text(["3", "2", "1", "0"])
    expect(messages(page, THREE)).to_have_text(["0"])
    press(page, THREE, "Mend link")
    expect(messages(page, THREE)).to_have_text(["3", "2", "1", "0"])
    expect(state(page, THREE)).to_have_text("live")
    expect(listener(page, THREE).locator(".took.late")).to_have_count(3)
    expect(counts(page, THREE)).to_have_text("4 events · 0 gaps")


@through_each_door
def test_a_restart_is_survived_and_its_gap_is_shown_once(visit: Visit, start_daemon: StartDaemon, door: str) -> None:
    daemon = start_daemon("--dev")
    page = visit(daemon)
    use(page, SUB_DEMO, door)
    daemon.post("sub_demo", "before")
    expect(messages(page, SUB_DEMO)).to_have_text(['"before"'])
    daemon.stop()
    expect(state(page, SUB_DEMO)).to_contain_text("connecting")
    daemon.start()
    expect(state(page, SUB_DEMO)).to_have_text("live")
    gap = listener(page, SUB_DEMO).locator(".gap")
    expect(gap).to_contain_text("Gap in sub_demo")
    press(page, SUB_DEMO, "Cut link")
    press(page, SUB_DEMO, "Mend link")
    expect(state(page, SUB_DEMO)).to_have_text("live")
    daemon.post("sub_demo", "after")
    expect(messages(page, SUB_DEMO)).to_have_text(['"after"', '"before"'])
    expect(gap).to_have_count(1)


@pytest.mark.parametrize("door", ["raw WebSocket", "event stream"])
def test_a_crash_is_noticed(visit: Visit, start_daemon: StartDaemon, door: str) -> None:
    daemon = start_daemon("--dev")
    page = visit(daemon)
    use(page, SUB_DEMO, door)
    daemon.kill()
    expect(state(page, SUB_DEMO)).to_contain_text("connecting")
    daemon.start()
    expect(state(page, SUB_DEMO)).to_have_text("live")
    daemon.post("sub_demo", "after")
    expect(messages(page, SUB_DEMO)).to_have_text(['"after"'])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Socket.IO", "event stream"),
        ("event stream", "long poll"),
        ("long poll", "raw WebSocket"),
        ("raw WebSocket", "Socket.IO"),
    ],
)
def test_a_change_of_door_keeps_the_position(page: Page, dev_daemon: Daemon, before: str, after: str) -> None:
    use(page, SUB_DEMO, before)
    dev_daemon.post("sub_demo", 1, 2)
    expect(messages(page, SUB_DEMO)).to_have_text(["2", "1"])
    use(page, SUB_DEMO, after)
    dev_daemon.post("sub_demo", 3)
    expect(messages(page, SUB_DEMO)).to_have_text(["3", "2", "1"])
    press(page, SUB_DEMO, "Cut link")
    dev_daemon.post("sub_demo", 4)
    door_of(page, SUB_DEMO).select_option(before)
    expect(state(page, SUB_DEMO)).to_have_text("cut by you")
    press(page, SUB_DEMO, "Mend link")
    expect(messages(page, SUB_DEMO)).to_have_text(["4", "3", "2", "1"])
    expect(listener(page, SUB_DEMO).locator(".took.late")).to_have_count(1)
    expect(counts(page, SUB_DEMO)).to_have_text("4 events · 0 gaps")


@through_each_door
def test_a_filter_can_be_changed(page: Page, dev_daemon: Daemon, door: str) -> None:
    page.get_by_role("button", name="Add a listener").click()
    added = listener(page, 3)
    use(page, 3, door)
    dev_daemon.post("sub_demo", "first")
    expect(messages(page, 3)).to_have_text(['"first"'])
    follow(page, 3, "news, , two words & more, news")
    dev_daemon.post("news", "heard")
    dev_daemon.post("sub_demo", "not heard")
    dev_daemon.post("two words & more", "heard too")
    expect(messages(page, 3)).to_have_text(['"heard too"', '"heard"', '"first"'])
    press(page, 3, "Remove")
    expect(added).to_have_count(0)


@through_each_door
def test_channels_may_have_names_that_mean_something_in_an_address(page: Page, dev_daemon: Daemon, door: str) -> None:
    use(page, SUB_DEMO, door)
    for name in (".", "..", "a/b?c=d&e#f%7C", "'"):
        follow(page, SUB_DEMO, name)
        dev_daemon.post(name, name)
        expect(messages(page, SUB_DEMO).first).to_have_text(f'"{name}"')


@pytest.mark.parametrize("door", ["Socket.IO", "event stream"])
def test_channels_that_are_refused_leave_those_before(page: Page, dev_daemon: Daemon, door: str) -> None:
    use(page, SUB_DEMO, door)
    follow(page, SUB_DEMO, "")
    expect(listener(page, SUB_DEMO).get_by_role("alert")).to_contain_text("Refused")
    expect(listener(page, SUB_DEMO).get_by_role("alert")).to_contain_text("Still following sub_demo.")
    expect(state(page, SUB_DEMO)).to_have_text("live")
    dev_daemon.post("sub_demo", "heard")
    expect(messages(page, SUB_DEMO)).to_have_text(['"heard"'])
    follow(page, SUB_DEMO, "news")
    expect(listener(page, SUB_DEMO).get_by_role("alert")).to_be_hidden()


def test_posts_keep_a_connection_free(page: Page) -> None:
    """A browser opens six HTTP connections to one daemon, and a stream holds one."""
    for number in range(8):
        if number > THREE:
            page.get_by_role("button", name="Add a listener").click()
        door_of(page, number).select_option("event stream" if number > SUB_DEMO + 1 else "Socket.IO")
    for number in range(2, 6):
        expect(state(page, number)).to_have_text("live")
    for number in (6, 7):
        expect(state(page, number)).to_have_text("not listening")
        expect(listener(page, number).get_by_role("alert")).to_contain_text("six HTTP connections")
    post(page, "sub_demo", "1")
    expect(messages(page, 5)).to_have_text(["1"])
    press(page, 5, "Remove")
    use(page, 6, "long poll")
    post(page, "sub_demo", "2")  # once it listens: this daemon replays nothing to whom it does not know
    expect(messages(page, 6).first).to_have_text("2")


@pytest.mark.parametrize(
    ("door", "told"),
    [
        ("Socket.IO", "waiting for room"),
        ("raw WebSocket", "reconnecting in"),  # a browser does not tell why a handshake failed
        ("event stream", "waiting for room"),
        ("long poll", "reconnecting in"),
    ],
)
def test_a_full_server_is_told(visit: Visit, start_daemon: StartDaemon, door: str, told: str) -> None:
    daemon = start_daemon("--dev", settings={"limits.max_connections": 8})  # room for the looks of the page's beginning
    page = visit(daemon)
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 3, "the page's listeners alone")
    others = [listen(daemon.port, "x") for _ in range(5)]
    assert {other.receive() for other in others} == {SUCCESS}
    page.get_by_role("button", name="Add a listener").click()
    door_of(page, 3).select_option(door)
    expect(state(page, 3)).to_contain_text(told)
    for other in others:
        other.drop()


def test_configured_paths_are_used(visit: Visit, start_daemon: StartDaemon) -> None:
    page = visit(start_daemon("--dev", settings={"websocket.paths": ["/live/events"], "socketio.path": "/io/"}))
    post(page, "sub_demo", "1")
    for number in (SUB_DEMO, TWO, THREE):
        expect(messages(page, number)).to_have_text(["1"])


def test_a_door_that_is_closed_is_not_offered(visit: Visit, start_daemon: StartDaemon) -> None:
    page = visit(start_daemon("--dev", settings={"websocket.paths": []}))
    offered = [door for door in DOORS if door != "raw WebSocket"]
    page.get_by_role("button", name="Add a listener").click()
    expect(state(page, 3)).to_have_text("live")
    post(page, "sub_demo", "1")
    for number, door in enumerate(offered):
        expect(door_of(page, number)).to_have_value(door)
        expect(messages(page, number)).to_have_text(["1"])
    expect(door_of(page, SUB_DEMO).get_by_role("option")).to_have_text(offered)
