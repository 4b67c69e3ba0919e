"""The ways in for listeners, each behind the same few words: what a listener hears is told alike by all of them.

A listener names the id that it has, gets what is newer, and is told of what it cannot have. How its dialect says that
is known here and in the tests of that dialect, and nowhere else.
"""

import json
from abc import abstractmethod
from collections import deque
from typing import Any

from tests.eventsource import Stream
from tests.integration.dialects import KeptConnection, RawListener, poll_target
from tests.integration.links import Poller, listen
from tests.raw import Dropped

Item = tuple[str, Any]
"""What is heard: ``("message", event)`` or ``("gap", {"channel", "from", "oldest"})``."""


class DoorListener(Dropped):
    """One listener.

    Attributes:
        position: the id that it names when it comes back, once what was taken is all that it keeps.
    """

    def __init__(self, port: int, channels: tuple[str, ...], start: int | None, receive_buffer: int | None) -> None:
        self.port = port
        self.position = start
        self.receive_buffer = receive_buffer
        self._reached = start
        self._heard: deque[tuple[Item, int | None]] = deque()
        self._told = 0
        self._begin(channels)

    def take(self, count: int) -> list[Item]:
        """Give the next things that are heard."""
        while len(self._heard) < count:
            self._listen()
        taken = [self._heard.popleft() for _ in range(count)]
        self.position = taken[-1][1]
        return [item for item, _ in taken]

    def events(self, count: int) -> list[Any]:
        """Give the next events; a gap among them fails."""
        taken = self.take(count)
        assert {name for name, _ in taken} <= {"message"}, taken
        return [event for _, event in taken]

    def read_to(self, last_id: int) -> list[Item]:
        """Give all that is heard up to an event."""
        taken = self.take(1)
        while taken[-1][1].get("id") != last_id:
            taken += self.take(1)
        return taken

    def _hear(self, name: str, data: Any, reached: int | None = None) -> None:
        """Note what came; ``reached``: the position that came with it, if it is not the event's id."""
        self._reached = reached or data.get("id") or self._reached
        if name == "status":
            assert data["status"] == "success", data
            self._told += 1
            self.position = self._reached
        else:
            self._heard.append(((name, data), self._reached))

    def _await_status(self) -> None:
        told = self._told
        while self._told == told:
            self._listen()

    @abstractmethod
    def _begin(self, channels: tuple[str, ...]) -> None:
        """Follow channels for the first time."""

    @abstractmethod
    def follow(self, *channels: str) -> None:
        """Follow other channels from now on."""

    @abstractmethod
    def _listen(self) -> None:
        """Wait for something to be heard."""


class SocketIOListener(DoorListener):
    """Socket.IO on a WebSocket."""

    def _begin(self, channels: tuple[str, ...]) -> None:
        self.link = listen(self.port, start=self.position, receive_buffer=self.receive_buffer)
        self.follow(*channels)

    def follow(self, *channels: str) -> None:
        self.link.emit("set-filter", {"filter": channels})
        self._await_status()

    def _listen(self) -> None:
        self._hear(*self.link.event())

    def drop(self) -> None:
        self.link.drop()


class PollingListener(DoorListener):
    """Socket.IO on Engine.IO's polling."""

    def _begin(self, channels: tuple[str, ...]) -> None:
        self.poller = Poller(self.port)
        if self.position is not None:
            self.poller.post("42" + json.dumps(["start-msg", {"start": self.position}]))
            self._await_status()
        self.follow(*channels)

    def follow(self, *channels: str) -> None:
        self.poller.post("42" + json.dumps(["set-filter", {"filter": channels}]))
        self._await_status()

    def _listen(self) -> None:
        for packet in self.poller.packets():
            if packet == "2":
                self.poller.post("3")
            else:
                assert packet.startswith("42["), packet
                self._hear(*json.loads(packet[2:]))

    def drop(self) -> None:
        """A session over polling has no socket that could be closed: it ends when it is forgotten."""


class RawWebSocketListener(DoorListener):
    """The raw WebSocket, with word of success and of gaps."""

    def _begin(self, channels: tuple[str, ...]) -> None:
        self.link = RawListener(self.port, start=self.position, receive_buffer=self.receive_buffer)
        self.follow(*channels)

    def follow(self, *channels: str) -> None:
        self.link.follow(*channels, notify=True)
        self._await_status()

    def _listen(self) -> None:
        data = self.link.value()
        if data.get("status") == "gap":
            del data["status"]
            self._hear("gap", data)
        else:
            self._hear("status" if "status" in data else "message", data)

    def drop(self) -> None:
        self.link.drop()


class LongPollListener(DoorListener):
    """The long poll: a request waits all the time."""

    def _begin(self, channels: tuple[str, ...]) -> None:
        self._channels = channels
        self._http = KeptConnection(self.port, receive_buffer=self.receive_buffer)
        self._ask()

    def follow(self, *channels: str) -> None:
        self.drop()
        self._begin(channels)

    def _ask(self) -> None:
        self._http.ask("GET", poll_target(self._channels, last=self._reached, notify=True))

    def _listen(self) -> None:
        answer = self._http.answer()
        if answer.status != 504:
            assert answer.status == 200, answer
            data = json.loads(answer.body)
            for gap in data.get("gaps") or json.loads(answer.headers.get("oyez-gap", "[]")):
                self._hear("gap", gap, data["id"] if "gaps" in data else None)
            if "gaps" not in data:
                self._hear("message", data)
        self._ask()

    def drop(self) -> None:
        self._http.drop()


class StreamListener(DoorListener):
    """The event stream."""

    def _begin(self, channels: tuple[str, ...]) -> None:
        named = {} if self._reached is None else {"Last_Event_ID": str(self._reached)}
        target = poll_target(channels).replace("/channels/", "/sse?channels=")
        self.stream = Stream(self.port, target, receive_buffer=self.receive_buffer, **named)
        assert self.stream.status == 200
        self._await_status()

    def follow(self, *channels: str) -> None:
        self.drop()
        self._begin(channels)

    def _listen(self) -> None:
        record = self.stream.record()
        self._hear(record.event, record.json, int(record.last_id))

    def drop(self) -> None:
        self.stream.drop()


Door = type[DoorListener]

DOORS: dict[str, Door] = {
    "Socket.IO, WebSocket": SocketIOListener,
    "Socket.IO, polling": PollingListener,
    "raw WebSocket": RawWebSocketListener,
    "long poll": LongPollListener,
    "event stream": StreamListener,
}


def enter(door: Door, port: int, *channels: str, start: int | None = None, stalls: bool = False) -> DoorListener:
    """Open a listener; one that ``stalls`` takes little into its socket while nobody reads from it."""
    return door(port, channels, start, 4096 if stalls else None)
