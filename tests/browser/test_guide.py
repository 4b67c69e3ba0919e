"""Do the scripts that a page may paste work as they are printed?"""

import pytest
from playwright.sync_api import Page

from tests.daemon import Daemon
from tests.integration.links import eventually, metrics
from tests.pages import snippets

GUIDE = "docs/how-to/listen-without-a-library.md"
STREAMS, CLIENT = "docs/reference/event-streams.md", "docs/reference/javascript.md"
CALL = '\nlisten(["sub_demo"], NEWEST, (event) => console.log(event.channel, event.id, event.message));'


SCRIPTS = {
    "EventSource": snippets(GUIDE, "html")[0].replace("<script>", "").replace("</script>", ""),
    "fetch": snippets(GUIDE, "js")[0] + CALL,
    "WebSocket": snippets(GUIDE, "js")[1],
    "stream": snippets(STREAMS, "js")[0],
}


@pytest.fixture
def quiet_daemon(module_daemon: Daemon) -> Daemon:
    """A daemon that the page of the test before has left."""
    eventually(lambda: metrics(module_daemon.port)["oyez_listeners"] == 0, "end of the listener before")
    return module_daemon


@pytest.mark.parametrize("kind", SCRIPTS)
def test_the_script_hears_what_is_posted(kind: str, page: Page, quiet_daemon: Daemon) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    script = SCRIPTS[kind].replace("127.0.0.1:15100", f"127.0.0.1:{quiet_daemon.port}")
    page.add_script_tag(content=script.replace("NEWEST", str(quiet_daemon.last())))
    eventually(lambda: page.evaluate("1") and metrics(quiet_daemon.port)["oyez_listeners"] == 1, "listener")
    for channel in ("sub_demo", "news"):
        quiet_daemon.post(channel, "hear ye")
    eventually(lambda: page.evaluate("1") and any("hear ye" in line for line in said), "event in the page")


@pytest.mark.parametrize("kind", [0, 1], ids=["constructor", "tag"])
def test_the_elements_of_the_client_hear_what_is_posted(kind: int, page: Page, quiet_daemon: Daemon) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    elements = snippets(CLIENT, "html")[kind].replace("https://judge.example", quiet_daemon.url)
    elements = elements.replace('src="/static/oyez/', f'src="{quiet_daemon.url}/').replace(
        "1795391142426", str(quiet_daemon.last())
    )
    page.set_content(f"<!doctype html><title>A page</title>{elements}")
    eventually(lambda: page.evaluate("1") and metrics(quiet_daemon.port)["oyez_listeners"] == 1, "listener")
    quiet_daemon.post("sub_123", "hear ye")
    eventually(lambda: page.evaluate("1") and any("hear ye" in line for line in said), "event in the page")
