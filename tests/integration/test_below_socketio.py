"""Are all doors for listeners below Socket.IO's path too, so that one block of a proxy serves them all?"""

import json

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.eventsource import Stream
from tests.integration.dialects import RawListener
from tests.raw import request
from tests.scenarios import new_channel


@pytest.mark.parametrize("path", ["/socket.io/event", "/socket.io/event/"])
def test_a_raw_websocket(daemon: Daemon, path: str) -> None:
    channel = new_channel()
    with RawListener(daemon.port, channel, path=path) as listener:
        listener.check_nothing_more()
        expected = daemon.post(channel, 1)
        assert listener.events(1) == expected


def test_an_event_stream(daemon: Daemon) -> None:
    channel = new_channel()
    with Stream(daemon.port, f"/socket.io/sse?channel={channel}&last={daemon.last()}") as stream:
        expected = daemon.post(channel, 1)
        records = [stream.record(), stream.record()]
        assert [record.json for record in records if record.event == "message"] == expected
    assert request(daemon.port, "POST", "/socket.io/sse").status == 405


def test_a_long_poll(daemon: Daemon) -> None:
    channel = new_channel()
    start = daemon.last()
    (expected,) = daemon.post(channel, 1)
    answer = request(daemon.port, "GET", f"/socket.io/channels/{channel}?last={start}")
    assert json.loads(answer.body) == expected


def test_socketio_elsewhere_takes_them_along(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"socketio.path": "/live/"})
    channel = new_channel()
    with RawListener(daemon.port, channel, path="/live/event/") as listener:
        listener.check_nothing_more()
    assert request(daemon.port, "GET", "/live/channels/%").status == 400
    assert request(daemon.port, "GET", "/socket.io/channels/a").status == 404
