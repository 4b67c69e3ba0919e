"""Does the page of the development mode show a person what the daemon does?"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.accessibility import complaints
from tests.browser.pages import note_errors
from tests.browser.playground import (
    DOORS,
    SUB_DEMO,
    THREE,
    TWO,
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
from tests.integration.links import eventually, metrics
from tests.nginx import FORWARDED, UPGRADE, Nginx, location, pass_to

# Of one daemon that many tests share, a page is not to show what was before it.
NO_REPLAY = {"history.replay_without_start": 0}

# How much of a field can be seen only by scrolling.
HIDDEN = "field => [field.scrollWidth - field.clientWidth, field.scrollHeight - field.clientHeight]"

Visit = Callable[[Daemon | Nginx], Page]

HELD_BACK_S = 20.0  # by Firefox

through_each_door = pytest.mark.parametrize("door", DOORS)


@pytest.fixture(scope="module")
def shared_dev_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon"), "--dev", settings=NO_REPLAY) as daemon:
        yield daemon


@pytest.fixture
def dev_daemon(shared_dev_daemon: Daemon) -> Daemon:
    """A daemon with other tests' events, which a page does not begin with."""
    assert shared_dev_daemon.process.poll() is None, shared_dev_daemon.stderr
    return shared_dev_daemon


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens a daemon's page, to be closed with the test; it must not have raised an error."""
    with ExitStack() as visited:

        def visit(daemon: Daemon | Nginx) -> Page:
            page = visited.enter_context(browser.new_page())
            errors = note_errors(page)
            page.goto(daemon.url)
            for number in (SUB_DEMO, TWO, THREE):
                expect(state(page, number)).to_have_text("live")
            visited.callback(lambda: expect_none(errors))
            return page

        yield visit


@pytest.fixture
def page(visit: Visit, dev_daemon: Daemon) -> Page:
    return visit(dev_daemon)


def expect_none(errors: list[str]) -> None:
    assert errors == []


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
    expect(messages(page, 6)).to_have_text(["1"])


@pytest.mark.parametrize(
    ("door", "told"),
    [
        ("Socket.IO", "waiting for room"),
        ("raw WebSocket", "reconnecting in"),  # a browser does not tell why a handshake failed
        ("event stream", "waiting for room"),
        ("long poll", "reconnecting in"),
    ],
)
def test_a_full_house_is_told(visit: Visit, start_daemon: StartDaemon, door: str, told: str) -> None:
    page = visit(start_daemon("--dev", settings={"limits.max_connections": 3}))
    page.get_by_role("button", name="Add a listener").click()
    door_of(page, 3).select_option(door)
    expect(state(page, 3)).to_contain_text(told)


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
