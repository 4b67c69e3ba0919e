"""Do the lines that the playground shows for pasting work where they are pasted, for any name of a channel?"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import Site
from tests.browser.playground import DOORS, SUB_DEMO, follow, listener, messages, post, press, use
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S, Inbox

pytestmark = pytest.mark.slow

PLACES = ["page", "curl", "Python"]
CHANNELS = ["sub_demo", """it's "50%" <b>&</script>\\ $HOME `id` ☃ 🎈 #1?"""]

Lines = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def dev_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon"), "--dev") as daemon:
        yield daemon


@pytest.fixture(scope="module")
def lines(browser: Browser, dev_daemon: Daemon) -> Lines:
    """What a listener shows, once the first event has come, through each door for each place."""
    page = browser.new_page()
    page.goto(dev_daemon.url)
    follow(page, SUB_DEMO, ", ".join(CHANNELS))
    dev_daemon.post("sub_demo", "hear")
    expect(messages(page, SUB_DEMO)).to_have_text('"hear"')
    listener(page, SUB_DEMO).get_by_text("Lines to paste").click()
    found = {(door, place): shown(page, door, place) for door in DOORS for place in PLACES}
    page.close()
    return found


def shown(page: Page, door: str, place: str) -> str:
    use(page, SUB_DEMO, door)
    press(page, SUB_DEMO, place)
    return listener(page, SUB_DEMO).locator("pre").text_content() or ""


class InProcess:
    """Lines that run in a shell or in Python, until the test is done with them."""

    def __init__(self, *command: str) -> None:
        self.told = Inbox()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = Thread(target=self._read)
        self._reader.start()

    def await_word(self, word: str) -> None:
        self.told.wait_until(lambda: any(word in line for line in self.told.of("line")), word)

    def close(self) -> None:
        self._process.kill()
        self._reader.join(PATIENCE_S)
        self._process.wait(PATIENCE_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.told.put("line", line)


class InPage:
    """Lines that are a page of a site, whose console is listened to."""

    def __init__(self, browser: Browser, folder: Path, lines: str) -> None:
        (folder / "pasted.html").write_text(
            f"<!doctype html><meta charset=utf-8><title>Pasted</title>\n{lines}", "utf-8"
        )
        self._site = Site(folder).__enter__()
        self._page = browser.new_page()
        self._page.add_init_script("window.told = []; console.log = (...words) => told.push(words.join(' '))")
        self._page.goto(f"{self._site.url}/pasted.html")

    def await_word(self, word: str) -> None:
        within_ms = 1000 * PATIENCE_S
        self._page.wait_for_function("word => told.some((line) => line.includes(word))", arg=word, timeout=within_ms)

    def close(self) -> None:
        self._page.close()
        self._site.__exit__()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("door", DOORS)
def test_lines_listen_as_they_stand(
    lines: Lines, dev_daemon: Daemon, browser: Browser, tmp_path: Path, door: str, place: str
) -> None:
    first, second = (f"{word} by {door} for {place}" for word in ("hear", "oyez"))
    run: dict[str, Callable[[str], InPage | InProcess]] = {
        "page": lambda text: InPage(browser, tmp_path, text),
        "curl": lambda text: InProcess("bash", "-c", text),
        "Python": lambda text: InProcess(sys.executable, "-u", "-c", text),
    }
    dev_daemon.post(CHANNELS[1], first)
    with closing(run[place](lines[door, place])) as pasted:
        if (door, place) == ("long poll", "curl"):  # it ends with the first that came after the lines were shown
            pasted.await_word('"channel":')
        else:
            pasted.await_word(first)
            dev_daemon.post(CHANNELS[0], second)
            pasted.await_word(second)


@pytest.mark.parametrize("place", PLACES)
def test_lines_are_copied(browser: Browser, dev_daemon: Daemon, place: str) -> None:
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(dev_daemon.url)
        listener(page, SUB_DEMO).get_by_text("Lines to paste").click()
        press(page, SUB_DEMO, place)
        press(page, SUB_DEMO, "Copy")
        expect(listener(page, SUB_DEMO).get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == listener(page, SUB_DEMO).locator("pre").text_content()


def test_lines_are_copied_where_a_page_has_no_clipboard(browser: Browser, dev_daemon: Daemon) -> None:
    """As at http://192.168.1.5:15100/, from a phone."""
    with browser.new_context(permissions=["clipboard-read"]) as context:
        page = context.new_page()
        page.add_init_script("delete Navigator.prototype.clipboard")
        page.goto(dev_daemon.url)
        listener(page, SUB_DEMO).get_by_text("Lines to paste").click()
        press(page, SUB_DEMO, "Copy")
        expect(listener(page, SUB_DEMO).get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("getSelection().toString()").startswith("<script")


def test_lines_go_with_the_door_the_channels_and_what_came(browser: Browser, start_daemon: StartDaemon) -> None:
    daemon = start_daemon("--dev", settings={"socketio.path": "/io/", "websocket.paths": ["/live"]})
    page = browser.new_page()
    page.goto(daemon.url)
    listener(page, SUB_DEMO).get_by_text("Lines to paste").click()
    pre = listener(page, SUB_DEMO).locator("pre")
    for door, place, words in (
        ("event.js", "page", f'("ws://127.0.0.1:{daemon.port}/io/event/", "{daemon.url}/io/channels/", ["sub_demo"]'),
        ("Socket.IO", "page", '{ path: "/io/" }'),
        ("Socket.IO", "Python", 'socketio_path="/io/"'),
        ("Socket.IO", "curl", f"'{daemon.url}/io/sse?channel=sub_demo'"),
        ("raw WebSocket", "page", f'"ws://127.0.0.1:{daemon.port}/live"'),
        ("long poll", "curl", f"{daemon.url}/channels/sub_demo?last="),
    ):
        use(page, SUB_DEMO, door)
        press(page, SUB_DEMO, place)
        expect(pre).to_contain_text(words)
    post(page, "sub_demo", "1")
    expect(messages(page, SUB_DEMO)).to_have_text("1")
    event_id = (listener(page, SUB_DEMO).locator(".id").text_content() or "").removeprefix("id ")
    expect(pre).to_contain_text(f"?last={event_id}'")
    follow(page, SUB_DEMO, "news, sub_demo")
    expect(pre).to_contain_text("/channels/news%7Csub_demo?")
    follow(page, SUB_DEMO, "..")
    expect(pre).to_contain_text("/channels/..%7C?")
    page.close()
