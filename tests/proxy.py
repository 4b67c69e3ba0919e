"""A TCP proxy of the tests' own: the bad network between a client and the daemon.

It moves bytes and breaks links on request; what the bytes mean it does not know.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from threading import Thread
from types import TracebackType
from typing import Self, cast

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Listens on a port of its own and forwards to `target`, which may be changed at any time.

    Attributes:
        bytewise: True forwards every byte in a segment of its own.
        replaced: what the target says, and what arrives in its place, of the same length; nothing if None.
        answers_to_lose: so often from now on, what the target says next is lost, and the link with it; every other time
            only its last byte.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.bytewise = False
        self.replaced: tuple[bytes, bytes] | None = None
        self.answers_to_lose = 0
        self.is_cut = False
        self.is_paused = False
        self.ends: set[End] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = self._loop.create_server(lambda: End(self), "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(5)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def cut(self) -> None:
        """Reset every link, and every new one until `mend`."""
        self.is_cut = True
        self._each(End.reset)

    def mend(self) -> None:
        self.is_cut = False

    def pause(self) -> None:
        """Fall silent: links stay open and new ones are taken, but no byte passes until `resume`."""
        self.is_paused = True
        self._each(End.pause)

    def resume(self) -> None:
        self.is_paused = False
        self._each(End.resume)

    def reset_some(self, chosen: Callable[[], bool]) -> None:
        """Reset some of the links that there are; ``chosen`` is asked for each."""
        self._each(lambda end: end.with_peer(End.reset) if not end.is_far and chosen() else None)

    def hush_some(self, chosen: Callable[[], bool]) -> None:
        """Let some of the links that there are fall silent until `resume`; new ones work."""
        self._each(lambda end: end.with_peer(End.pause) if not end.is_far and chosen() else None)

    def _each(self, act: Callable[["End"], None]) -> None:
        async def run() -> None:
            for end in list(self.ends):
                act(end)
            await asyncio.sleep(0)  # what was under way in the loop has its turn

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)


class End(asyncio.Protocol):
    """One end of a link: what is read here is written to the peer. The far one leads to the target."""

    transport: asyncio.Transport

    def __init__(self, proxy: Proxy, peer: "End | None" = None) -> None:
        self.proxy = proxy
        self.peer = peer
        self.is_far = peer is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.proxy.ends.add(self)
        if self.proxy.is_cut:
            self.reset()
        elif self.peer is None:
            self.transport.pause_reading()
            self._joining = asyncio.ensure_future(self._join())
        elif self.proxy.is_paused:
            self.transport.pause_reading()

    async def _join(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, self.peer = await loop.create_connection(lambda: End(self.proxy, self), "127.0.0.1", self.proxy.target)
        except OSError:
            self.reset()
            return
        if self.transport.is_closing():
            self.peer.transport.close()
        elif not self.proxy.is_paused:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        assert self.peer is not None
        if self.is_far and self.proxy.answers_to_lose > 0:
            self.proxy.answers_to_lose -= 1
            if self.proxy.answers_to_lose % 2:
                self.peer.transport.write(data[:-1])
                self.with_peer(lambda end: end.transport.close())
            else:
                self.with_peer(End.reset)
            return
        if self.is_far and self.proxy.replaced is not None:
            data = data.replace(*self.proxy.replaced)
        pieces = (data[i : i + 1] for i in range(len(data))) if self.proxy.bytewise else [data]
        for piece in pieces:
            if self.peer.transport.is_closing():
                return
            self.peer.transport.write(piece)

    def connection_lost(self, error: Exception | None) -> None:
        self.proxy.ends.discard(self)
        if self.peer is not None:
            self.peer.transport.close()

    def with_peer(self, act: Callable[["End"], None]) -> None:
        act(self)
        if self.peer is not None:
            act(self.peer)

    def pause(self) -> None:
        self.transport.pause_reading()

    def resume(self) -> None:
        if self.peer is not None:  # else it goes on by itself, once it has one
            self.transport.resume_reading()

    def reset(self) -> None:
        if not self.transport.is_closing():
            link = cast("socket.socket", self.transport.get_extra_info("socket"))
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()
