"""The doors as listeners of the harness speak to them.

Knows the dialects. What is heard goes to the record, which judges it.
"""

import asyncio
import json
from typing import Any, ClassVar
from urllib.parse import quote

import aiohttp

from tests.eventsource import RecordReader
from tests.faults.listeners import LINK, WEBSOCKET, Listener, Lost, receive_text

SOCKETIO = "/socket.io/?EIO=4&transport="
_SEPARATOR = "\x1e"


class SocketIOWebSocket(Listener):
    """Socket.IO on a WebSocket from the start."""

    _greeted = 0

    async def follow(self) -> None:
        async with self.session.ws_connect(
            self.url + SOCKETIO + "websocket", timeout=WEBSOCKET, max_msg_size=0
        ) as link:
            await receive_text(link)
            for packet in self.greeting():
                await link.send_str(packet)
            await self.listen(link)

    async def listen(self, link: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self.may_read()
            if (reply := self.take(await receive_text(link))) is not None:
                await link.send_str(reply)

    def greeting(self) -> list[str]:
        """Join, name the position, follow: all at once, as the protocol allows."""
        self._greeted = 0
        named = json.dumps(["start-msg", {"start": self.record.position}])
        return ["40", "42" + named, "42" + json.dumps(["set-filter", {"filter": self.record.channels}])]

    def take(self, packet: str) -> str | None:
        """Take a packet; gives the one to reply with, if any."""
        if packet == "2":
            return "3"
        if packet.startswith("42["):
            name, argument = json.loads(packet[2:])
            self._take_event(name, argument)
        elif packet[:1] not in {"6", "0"} and not packet.startswith("40{"):
            raise Lost(packet[:80])
        return None

    def _take_event(self, name: str, argument: Any) -> None:
        if name == "message":
            self.record.message(argument)
        elif name == "gap":
            self.record.gap(argument)
        elif name == "status":
            self._greeted += 1
            self.is_back = self._greeted >= 2
        else:
            raise Lost(f"{name} {argument}")


class SocketIOPolling(SocketIOWebSocket):
    """Socket.IO on polling, and nothing else."""

    _polls = 0

    async def follow(self) -> None:
        target = await self.open()
        while True:
            await self.poll(target)

    async def open(self) -> str:
        """Begin a session; gives its address."""
        target = self.url + SOCKETIO + "polling"
        opened = await self.exchange("GET", target)
        target += f"&sid={json.loads(opened[1:])['sid']}"
        await self.exchange("POST", target, _SEPARATOR.join(self.greeting()))
        return target

    async def poll(self, target: str) -> None:
        await self.may_read()
        self._polls += 1  # each is marked: one that HTTP's side repeats by itself can be told from the next
        for packet in (await self.exchange("GET", f"{target}&t={self._polls}")).split(_SEPARATOR):
            if (reply := self.take(packet)) is not None:
                await self.exchange("POST", target, reply)

    async def exchange(self, method: str, target: str, body: str | None = None) -> str:
        async with self.session.request(method, target, data=body, timeout=LINK) as answer:
            if answer.status != 200:
                raise Lost(str(answer.status))
            return (await answer.read()).decode()


class SocketIOUpgrade(SocketIOPolling):
    """Socket.IO that begins on polling and moves to a WebSocket, which is cut in the middle of that now and then.

    A WebSocket that is lost before the last word of the upgrade leaves the session on polling, where it goes on.
    """

    STAGES: ClassVar = ("connected", "probed", "answered", "upgraded")
    breaks_next = False

    async def follow(self) -> None:
        breaks = self.breaks_next or self.random.random() < 0.2
        self.breaks_next = False
        cut_at = self.random.choice(self.STAGES) if breaks else ""
        target = await self.open()
        await self.poll(target)
        probing = asyncio.ensure_future(self._probe(target.replace("=polling", "=websocket"), cut_at))
        try:
            while not probing.done():
                await self.poll(target)
            link = probing.result()
            if link is None:
                while True:
                    await self.poll(target)
            await link.send_str("5")
            if cut_at == "upgraded":
                await _cut(link)
                raise Lost(cut_at)
            await self.listen(link)
        finally:
            probing.cancel()
            await asyncio.wait([probing])
            if not probing.cancelled() and probing.exception() is None and (opened := probing.result()) is not None:
                await opened.close()

    async def _probe(self, target: str, cut_at: str) -> aiohttp.ClientWebSocketResponse | None:
        """Open the WebSocket and have it answer; None if it was cut."""
        link = await self.session.ws_connect(target, timeout=WEBSOCKET, max_msg_size=0)
        try:
            if cut_at == "connected":
                raise Lost(cut_at)
            await link.send_str("2probe")
            if cut_at == "probed":
                raise Lost(cut_at)
            if await receive_text(link) != "3probe" or cut_at == "answered":
                raise Lost(cut_at)
        except Lost:
            await _cut(link)
            return None
        except BaseException:
            await link.close()
            raise
        return link


async def _cut(link: aiohttp.ClientWebSocketResponse) -> None:
    """End a WebSocket without the word that ends one."""
    connection = link._response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    await link.close()
    link._response.close()


class RawWebSocket(Listener):
    """The raw WebSocket, with word of success and of gaps."""

    async def follow(self) -> None:
        async with self.session.ws_connect(self.url + "/event/", timeout=WEBSOCKET, max_msg_size=0) as link:
            await link.send_str(json.dumps({"command": "start-msg", "start": self.record.position}))
            await link.send_str(json.dumps({"command": "set-filter", "filter": self.record.channels, "notify": True}))
            while True:
                await self.may_read()
                self._take(json.loads(await receive_text(link)))

    def _take(self, value: Any) -> None:
        if "status" not in value:
            self.record.message(value)
        elif value["status"] == "gap":
            self.record.gap(value)
        elif value["status"] == "success":
            self.is_back = True
        else:
            raise Lost(str(value))


class EventStream(Listener):
    """The event stream."""

    async def follow(self) -> None:
        target = self.url + "/sse?" + "&".join(f"channel={quote(channel)}" for channel in self.record.channels)
        named = {"Last-Event-ID": str(self.record.position)}
        async with self.session.get(target, headers=named, timeout=LINK) as answer:
            if answer.status != 200:
                raise Lost(str(answer.status))
            reader = RecordReader(named["Last-Event-ID"])
            while data := await answer.content.readany():
                for record in reader.feed(data):
                    self._take(record.event, record.json)
                reader.story.clear()
                if self.is_back and reader.last_id.isdigit():
                    self.record.reached(int(reader.last_id))  # a sign of life says how far it has come
                await self.may_read()

    def _take(self, event: str, value: Any) -> None:
        if event == "message":
            self.record.message(value)
        elif event == "gap":
            self.record.gap(value)
        elif value["status"] == "success":
            self.is_back = True
        else:
            raise Lost(str(value))


class LongPoll(Listener):
    """The long poll: a request waits nearly all the time. Each answer brings one event."""

    fields = "notify=1"

    async def follow(self) -> None:
        names = "|".join(quote(channel) for channel in self.record.channels)
        while True:
            await self.may_read()
            target = f"{self.url}/channels/{names}?last={self.record.position}&{self.fields}"
            async with self.session.get(target, timeout=LINK) as answer:
                if answer.status not in {200, 504}:
                    raise Lost(str(answer.status))
                body = await answer.json(content_type=None)
                told = answer.headers.get("Oyez-Gap")
            if answer.status == 200:
                self._take(body, json.loads(told) if told else [])
            self.is_back = True

    def _take(self, body: Any, told: Any) -> None:
        for gap in body.get("gaps", told):
            self.record.gap(gap)
        for event in body.get("events", ()):
            self.record.message(event)
        if "gaps" in body:
            self.record.reached(body["id"], force=True)
        else:
            self.record.message(body)


class BatchedLongPoll(LongPoll):
    """The same as event.js asks: an answer brings what is there."""

    fields = "notify=1&max=256"


DOORS: dict[str, type[Listener]] = {
    "Socket.IO, WebSocket": SocketIOWebSocket,
    "Socket.IO, polling": SocketIOPolling,
    "Socket.IO, upgrade": SocketIOUpgrade,
    "raw WebSocket": RawWebSocket,
    "event stream": EventStream,
    "long poll": LongPoll,
}
