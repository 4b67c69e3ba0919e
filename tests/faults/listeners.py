"""A listener of the harness's own: it comes back for ever, names what it has, and tells its record all that it hears.

Knows how a listener lives. How each door is spoken to is in `doors`; what is right is the checker's to say.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from random import Random

import aiohttp

from tests.faults.checker import Record

# What the daemon is told to do, and how long a listener waits for a sign of life before it takes the link for dead.
PING_INTERVAL_S = 3.0
PING_TIMEOUT_S = 6.0
SILENCE_S = PING_INTERVAL_S + PING_TIMEOUT_S + 3.0

LINK = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_S, sock_read=SILENCE_S)
WEBSOCKET = aiohttp.ClientWSTimeout(ws_receive=SILENCE_S, ws_close=0.5)


class Lost(Exception):  # noqa: N818 - what happened, not whose fault it is
    """The link is of no more use."""


ENDS = (aiohttp.ClientError, OSError, TimeoutError, Lost)
"""What a bad network or a daemon that ends may do to a link."""


class Listener(ABC):
    """One that follows channels, over and over.

    Args:
        record: told what is heard; knows the position.
        url: where to connect; it may change.
        session: to connect with.
        random: of its delays.

    Attributes:
        is_back: its channels are followed now, as far as it knows.
        links: how many it had so far.
    """

    def __init__(self, record: Record, url: Callable[[], str], session: aiohttp.ClientSession, random: Random) -> None:
        self.record = record
        self.is_back = False
        self.links = 0
        self.random = random
        self.session = session
        self._url = url
        self._following: asyncio.Task[None] | None = None
        self._living: asyncio.Task[None] | None = None
        self._reading = asyncio.Event()
        self._reading.set()

    @property
    def url(self) -> str:
        return self._url()

    def begin(self) -> None:
        self._living = asyncio.create_task(self._live())

    async def end(self) -> None:
        """Go away for good."""
        if self._living is not None:
            self._living.cancel()
            await asyncio.wait([self._living])
        self.is_back = False

    def stall(self) -> None:
        """Read no more, though the link stays open."""
        self._reading.clear()

    def read_on(self) -> None:
        self._reading.set()

    def drop_link(self) -> None:
        """End the link in whatever it is doing, and come back."""
        if self._following is not None:
            self._following.cancel()

    async def _live(self) -> None:
        while True:
            self._following = asyncio.ensure_future(self._follow_once())
            try:
                await asyncio.wait([self._following])
            except asyncio.CancelledError:
                self._following.cancel()
                await asyncio.wait([self._following])
                raise
            self.is_back = False
            await asyncio.sleep(self.random.uniform(0.05, 0.4))

    async def _follow_once(self) -> None:
        try:
            self.links += 1
            await self.follow()
        except ENDS:
            pass
        except Exception as error:
            self.record.accuse("answers", f"cannot be understood by {type(self).__name__}: {error!r}")

    async def may_read(self) -> None:
        if not self._reading.is_set():
            await self._reading.wait()

    @abstractmethod
    async def follow(self) -> None:
        """Connect, name channels and position, and tell what comes until the link ends."""


async def receive_text(socket: aiohttp.ClientWebSocketResponse) -> str:
    """Give the next message of a WebSocket.

    Raises:
        Lost: there is none any more.
    """
    message = await socket.receive()
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise Lost(str(message.type))
    return str(message.data)
