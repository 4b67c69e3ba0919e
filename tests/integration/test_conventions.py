"""Are conventions of others honoured, or refused in words?"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import IO

import pytest

from tests.clients.javascript import NODE
from tests.daemon import Daemon
from tests.eventsource import Stream
from tests.inbox import PATIENCE_S, Inbox
from tests.integration.dialects import poll
from tests.proxy import Proxy
from tests.raw import Polling, WebSocket, request
from tests.scenarios import new_channel

# --- positions --------------------------------------------------------------------------------------------------------


@contextmanager
def polyfill(url: str) -> Iterator[Inbox]:
    """Run event-source-polyfill; each event is put into the inbox."""
    command = ["node", str(NODE / "polyfill.js"), url]
    inbox = Inbox()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        reader = Thread(target=put_lines, args=(process.stdout, inbox), daemon=True)
        reader.start()
        try:
            yield inbox
        finally:
            process.kill()
            reader.join(PATIENCE_S)


def put_lines(lines: IO[str], inbox: Inbox) -> None:
    for line in lines:
        inbox.put("event", json.loads(line))


@pytest.mark.parametrize("start", ["", "&last={}"], ids=["from nowhere", "from a position in its URL"])
def test_an_event_source_of_a_script_gets_what_it_missed_and_nothing_twice(
    daemon: Daemon, proxy: Proxy, start: str
) -> None:
    channel = new_channel()
    posted = daemon.post(channel, "before")
    url = f"http://127.0.0.1:{proxy.port}/sse?channel={channel}{start.format(posted[0]['id'] - 1)}"
    with polyfill(url) as inbox:
        inbox.wait("event", 1)
        proxy.cut()
        posted += daemon.post(channel, "missed", "too")
        proxy.mend()
        inbox.wait("event", 3)
        posted += daemon.post(channel, "after")
        assert inbox.wait("event", 4) == posted


@pytest.mark.parametrize("name", ["lastEventId", "last_event_id", "Last-Event-ID"])
def test_a_position_is_known_by_other_names_at_every_door(daemon: Daemon, name: str) -> None:
    channel = new_channel()
    first, second = daemon.post(channel, 1, 2)
    answer = request(daemon.port, "GET", f"/channels/{channel}?last=1&{name}={first['id']}")
    assert json.loads(answer.body) == second
    with Stream(daemon.port, f"/sse?channel={channel}&{name}={first['id']}") as stream:
        assert json.loads(stream.record().data) == {"status": "success", "recovered": True}
        assert json.loads(stream.record().data) == second


def test_the_header_names_a_position_to_a_long_poll_too(daemon: Daemon) -> None:
    channel = new_channel()
    first, second = daemon.post(channel, 1, 2)
    answer = poll(daemon.port, channel, last=1, Last_Event_ID=str(first["id"]))
    assert json.loads(answer.body) == second


def test_empty_names_among_channels_are_passed_over(daemon: Daemon) -> None:
    channel = new_channel()
    posted = daemon.post(channel, 1)
    for path in (f"{channel}|", f"|{channel}||{channel}", f"{channel}%7C"):
        assert json.loads(request(daemon.port, "GET", f"/channels/{path}").body) == posted[0]
    with Stream(daemon.port, f"/sse?channel=&channels={channel}|") as stream:
        stream.record()
        assert json.loads(stream.record().data) == posted[0]


# --- scripts instead of data ------------------------------------------------------------------------------------------


def test_jsonp_is_refused_in_words_at_every_door(daemon: Daemon) -> None:
    targets = ["/socket.io/?EIO=4&transport=polling&j=0", "/socket.io/?EIO=4&transport=polling&t=x&j=12",
               "/channels/a?callback=jQuery1_2&_=3", "/sse?channel=a&callback=f"]  # fmt: skip
    for target in targets:
        answer = request(daemon.port, "GET", target)
        assert answer.status == 400, target
        assert "JSONP" in answer.body, target


def test_jsonp_on_a_session_leaves_it_alone(daemon: Daemon) -> None:
    session = Polling(daemon.port)
    assert request(daemon.port, "POST", f"{session.target}&j=0", "d=40").status == 400
    assert not session.is_gone


# --- queries without end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_long_query_is_read_and_a_longer_one_is_told_so(daemon: Daemon, transport: str) -> None:
    def ask(octets: int) -> tuple[int, str]:
        target = f"/socket.io/?EIO=4&transport={transport}&x="
        target += "x" * (octets - len(target.partition("?")[2]))
        if transport == "polling":
            return request(daemon.port, "GET", target).error
        with WebSocket(daemon.port, target) as link:
            return link.status, "" if link.status == 101 else link.rest().decode()

    assert ask(8000)[0] == (200 if transport == "polling" else 101)
    status, words = ask(8001)
    assert status == 414
    assert "too long" in words


@pytest.mark.parametrize("target", ["/channels/a?", "/sse?channel=a&"])
def test_too_many_parameters_are_told(daemon: Daemon, target: str) -> None:
    answer = request(daemon.port, "GET", target + "&".join(["x=1"] * 200))
    assert answer.status == 400
    assert "too long" in answer.body
