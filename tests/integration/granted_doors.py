"""A listener at each door whose link lives when a channel is taken from it, told in the door's own words."""

import json
from typing import Any, Protocol, Self
from urllib.parse import quote

from tests.daemon import Daemon
from tests.eventsource import Stream
from tests.integration.dialects import RawListener
from tests.integration.links import Link, Poller, listen

TOLD_WITHIN_S = 3.0  # a second is promised; the rest is for a busy machine


class Door(Protocol):
    """One link of a listener that has its filter, and was told so."""

    def word(self) -> Any:
        """Give what it is told of a channel that was taken from it: ``{"channel":"a","reason":"expired"}``."""
        ...

    def event(self) -> Any:
        """Give the next event of a channel; anything else fails."""
        ...


class BySocketio:
    def __init__(self, daemon: Daemon, *names: str) -> None:
        self.link: Link = listen(daemon.port, *names, start=daemon.last())
        assert self.link.event()[0] == "status"

    def word(self) -> Any:
        name, argument = self.link.event()
        assert name == "revoked"
        return argument

    def event(self) -> Any:
        return self.link.messages(1)[0]


class ByPolling:
    def __init__(self, daemon: Daemon, *names: str) -> None:
        self.poller = Poller(daemon.port)
        self.poller.post("42" + json.dumps(["start-msg", {"start": daemon.last()}]))
        self.poller.post("42" + json.dumps(["set-filter", {"filter": names}]))
        self.packets: list[Any] = []
        assert [self.packet()[0] for _ in range(2)] == ["status", "status"]

    def packet(self) -> Any:
        while not self.packets:
            self.packets = [json.loads(packet[2:]) for packet in self.poller.packets() if packet.startswith("42")]
        return self.packets.pop(0)

    def word(self) -> Any:
        name, argument = self.packet()
        assert name == "revoked"
        return argument

    def event(self) -> Any:
        name, argument = self.packet()
        assert name == "message"
        return argument


class ByRaw:
    """Of a client that asks for notices."""

    def __init__(self, daemon: Daemon, *names: str) -> None:
        self.listener = RawListener(daemon.port, *names, start=daemon.last(), notify=True)
        assert self.listener.value()["status"] == "success"

    def word(self) -> Any:
        told = self.listener.value()
        assert told.pop("status") == "revoked"
        return told

    def event(self) -> Any:
        return self.listener.events(1)[0]


class ByStream:
    def __init__(self, daemon: Daemon, *names: str) -> None:
        query = "&".join(f"channel={quote(name)}" for name in names)
        self.stream = Stream(daemon.port, f"/sse?{query}&last={daemon.last()}")
        assert self.stream.record().event == "status"

    def word(self) -> Any:
        record = self.stream.record()
        assert record.event == "revoked"
        return record.json

    def event(self) -> Any:
        record = self.stream.record()
        assert record.event == "message"
        return record.json


class BySilentRaw:
    """Of a client of old, which would take a notice for an event."""

    def __init__(self, daemon: Daemon, *names: str) -> None:
        self.listener = RawListener(daemon.port, *names, start=daemon.last())
        self.listener.check_nothing_more()

    def event(self) -> Any:
        return self.listener.events(1)[0]


DOORS = (BySocketio, ByPolling, ByRaw, ByStream)


class Doors:
    """A listener at each of them, all with the same names."""

    def __init__(self, daemon: Daemon, *names: str) -> None:
        self.daemon = daemon
        self.told: list[Door] = [door(daemon, *names) for door in DOORS]
        self.silent = BySilentRaw(daemon, *names)

    def require_words(self, *words: tuple[str, str]) -> Self:
        """Require that each is told that these channels were taken from it, and why."""
        for door in self.told:
            told = sorted((word["channel"], word["reason"]) for word in (door.word() for _ in words))
            assert told == sorted(words)
        return self

    def require_nothing_of(self, gone: str, but: str) -> Self:
        """Require that of two channels to which something is posted each still follows the second alone."""
        self.daemon.post(gone, "nobody's business")
        (expected,) = self.daemon.post(but, "for all")
        assert [door.event() for door in self.told] == [expected] * len(self.told)
        assert self.silent.event() == expected
        return self
