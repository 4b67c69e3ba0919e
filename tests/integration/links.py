"""Listeners and senders made of nothing but a WebSocket, for tests that look at every byte."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.daemon import KEY
from tests.inbox import PATIENCE_S
from tests.raw import Polling, WebSocket, request

TARGET = "/socket.io/?EIO=4&transport=websocket"
SUCCESS = '42["status",{"status":"success"}]'
RECOVERED = '42["status",{"status":"success","recovered":true}]'
NOT_RECOVERED = '42["status",{"status":"success","recovered":false}]'


class Link(WebSocket):
    """A Socket.IO link in the default namespace, or one that was refused: `connected` has the answer."""

    def __init__(self, port: int, auth: object = None, *, receive_buffer: int | None = None, **headers: str) -> None:
        super().__init__(port, TARGET, receive_buffer=receive_buffer, **headers)
        assert self.status == 101
        self.handshake = str(self.receive())
        assert self.handshake.startswith("0{")
        self.connect(auth)

    def connect(self, auth: object = None) -> None:
        self.send("40" + ("" if auth is None else json.dumps(auth)))
        self.connected = str(self.receive())

    def receive(self, *, within_s: float = PATIENCE_S) -> str | bytes:
        """Give the next packet; the daemon's pings are answered, or a link would not outlive a slow test."""
        while (packet := super().receive(within_s=within_s)) == "2":
            self.send("3")
        return packet

    def emit(self, event: str, *args: object, ack: int | str = "") -> None:
        self.send(f"42{ack}{json.dumps([event, *args])}")

    def event(self) -> tuple[str, Any]:
        """Give the next event's name and argument."""
        packet = str(self.receive())
        assert packet.startswith("42["), packet
        name, argument = json.loads(packet[2:])
        return name, argument

    def messages(self, count: int) -> list[Any]:
        """Give so many events of a channel; any other packet fails."""
        events = [self.event() for _ in range(count)]
        assert {name for name, _ in events} <= {"message"}, events
        return [argument for _, argument in events]

    def check_nothing_more(self) -> None:
        """Require that the next thing to come is the answer to a question."""
        self.emit("last-msg")
        assert self.event()[0] == "last-response"

    def check_alive(self) -> None:
        """Require an answer to a WebSocket ping, and nothing before it."""
        self.raw(b"\x89\x80\0\0\0\0")
        assert self.receive_frame() == (10, b"")


def listen(port: int, *channels: str, start: object = None, receive_buffer: int | None = None) -> Link:
    """Open a listener; with channels, its filter is set and the answers to that are still to be read."""
    link = Link(port, receive_buffer=receive_buffer)
    assert link.connected.startswith('40{"sid":'), link.connected
    if start is not None:
        link.emit("start-msg", {"start": start})
        assert link.receive() == SUCCESS
    if channels:
        link.emit("set-filter", {"filter": channels})
    return link


class Sender(Link):
    """A link that may post."""

    def __init__(self, port: int, key: str = KEY) -> None:
        super().__init__(port, {"role": "sender", "token": key})
        assert self.connected.startswith('40{"sid":'), self.connected

    def post(self, channel: str, *messages: object) -> list[dict[str, Any]]:
        """Post without waiting in between, then read all answers; gives the events as listeners should get them."""
        events = [{"channel": channel, "message": message} for message in messages]
        for begin in range(0, len(events), 64):
            piece = events[begin : begin + 64]
            self.send(*(f"42{n}{json.dumps(['post', event])}" for n, event in enumerate(piece)))
            for n, event in enumerate(piece):
                answer = str(self.receive())
                assert answer.startswith(f'43{n}[{{"status":"success","id":'), answer
                event["id"] = json.loads(answer[answer.index("[") :])[0]["id"]
        return [{"id": event["id"], **event} for event in events]

    def last(self) -> int:
        self.emit("last-msg")
        name, argument = self.event()
        assert name == "last-response"
        return int(argument["id"])


class Poller(Polling):
    """A Socket.IO link over polling."""

    def __init__(self, port: int, auth: object = None, **headers: str) -> None:
        super().__init__(port, **headers)
        self.post("40" + ("" if auth is None else json.dumps(auth)))
        self.connected, *self.first = self.packets()


def eventually(holds: Callable[[], bool], what: str, *, within_s: float = PATIENCE_S) -> None:
    """Ask again and again: for what nobody announces, such as memory or a connection that was noticed to be gone."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"no {what} within {within_s} s"
        time.sleep(0.02)


def rss_mb(pid: int) -> float:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096 / 2**20


def cpu_s(pid: int) -> float:
    """Return the processor time of a process's first thread, which is that of a daemon's event loop.

    What an answer costs in it does not depend on how busy the machine is.
    """
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


def metrics(port: int) -> dict[str, float]:
    lines = request(port, "GET", "/metrics").body.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}
