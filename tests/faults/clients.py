"""The real clients among the listeners: socket.io-client in Node.js and python-socketio, as sites use them.

Knows how to open them and how to hear what they are told. Coming back and naming a position is theirs to do.
"""

import asyncio
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any, Self

import aiohttp
from aiohttp.connector import Connection

from tests.clients.javascript import Driver, JavaScriptClient, JavaScriptSession
from tests.clients.python import TRANSPORTS, AsyncSession, Follower
from tests.faults.checker import Record
from tests.inbox import Inbox

JAVASCRIPT = (("4.0", "websocket"), ("4.7", "polling"), ("4.8", "upgrade"))
PYTHON = ("websocket", "polling", "upgrade")


class Tap(Inbox):
    """An inbox that keeps nothing: what comes is passed on in the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.listener: ClientListener | None = None
        self._loop = asyncio.get_running_loop()

    def put(self, name: str, data: Any = None) -> None:
        self._loop.call_soon_threadsafe(self._pass_on, name, data)

    def _pass_on(self, name: str, data: Any) -> None:
        if self.listener is not None:
            self.listener.hear(name, data)


class ClientListener:
    """A real client, seen as any other listener is."""

    def __init__(self, record: Record, session: JavaScriptSession | AsyncSession, tap: Tap) -> None:
        self.record = record
        self.is_back = False
        self.links = 0
        self._session = session
        self._statuses = 0
        tap.listener = self

    def hear(self, name: str, data: Any) -> None:
        if name == "message":
            self.record.message(data)
        elif name == "gap":
            self.record.gap(data)
        elif name == "connect":
            self.links += 1
            self._statuses = 0
        elif name == "status":
            self._statuses += 1
            self.is_back = self._statuses >= 2
        elif name == "disconnect":
            self.is_back = False

    async def end(self) -> None:
        await asyncio.to_thread(self._session.__exit__)


class _TappingDriver(Driver):
    def new_inbox(self) -> tuple[int, Inbox]:
        number, _ = super().new_inbox()
        self._inboxes[number] = Tap()
        return number, self._inboxes[number]


def start_node(stack: AsyncExitStack) -> Driver:
    return stack.enter_context(_TappingDriver())


def open_javascript(driver: Driver, version: str, transports: str, url: str, record: Record) -> ClientListener:
    client = JavaScriptClient(driver, version, transports)
    session = client.open(url, channels=record.channels, start=record.position)
    assert isinstance(session.inbox, Tap)
    return ClientListener(record, session, session.inbox)


class _WholeAnswer(aiohttp.ClientResponse):
    """An answer whose body is there before anybody has the answer."""

    async def start(self, connection: Connection) -> Self:
        await super().start(connection)
        if self.status == HTTPStatus.OK:
            await self.read()
        return self


def _whole_answers() -> aiohttp.ClientSession:
    """Make the HTTP session of an asyncio client that outlives a polled answer that is cut.

    python-engineio reads an answer's body outside its `try`: when the link breaks just then, its reading task dies, no
    handler is told, and it never comes back. So the body is read where it expects a link to break.
    """
    return aiohttp.ClientSession(response_class=_WholeAnswer)


async def open_python(transports: str, url: str, record: Record) -> ClientListener:
    session, tap = AsyncSession(Follower(record.channels, record.position), http_session=_whole_answers), Tap()
    session.inbox = tap
    listener = ClientListener(record, session, tap)
    await asyncio.to_thread(session.connect, url, {"role": "client", "token": ""}, TRANSPORTS[transports])
    return listener
