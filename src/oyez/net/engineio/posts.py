"""The packets of one POST, carried out one after the other, for as long as their client fetches what that brings.

Knows a session that polls. Must not know HTTP, nor what a packet means.
"""

import asyncio
import logging

from oyez.access.work import weigh_bytes
from oyez.errors import ProtocolError
from oyez.net.engineio.polling import PollingTransport
from oyez.net.engineio.session import EngineSession
from oyez.wire import engineio

logger = logging.getLogger(__name__)

_UNTIL_THERE_IS_ROOM = 0.0


class PostedPackets:
    """What a POST brought. A bad packet ends the session; those before it have had their effect.

    While too much waits for a GET, or was asked for, the rest of them waits too. So a client can ask for as much as it
    likes, but cannot leave it unread, nor have it all at once.

    Args:
        session: which got the POST, open.
        polling: its transport, on which no other POST is carried out.
        body: of the request.
    """

    __slots__ = ("_packets", "_polling", "_session", "_wait_s", "_waiting_packet")

    def __init__(self, session: EngineSession, polling: PollingTransport, body: bytes) -> None:
        self._session = session
        self._polling = polling
        self._packets = engineio.decode_payload(body)
        self._waiting_packet: engineio.EnginePacket | None = None
        self._wait_s: float | None = None
        polling.posting = True

    def go_on(self) -> bool:
        """Carry out what can be, without a wait; return whether that is all."""
        self._wait_s = None
        try:
            self._wait_s = self._carry_out()
        except ProtocolError as error:
            self._session.refuse(str(error))
        except Exception:  # the packets after it are lost; on a WebSocket the connection ends
            logger.exception("a session is closed after an error of ours")
            self._session.close(engineio.NOOP)
        if self._wait_s is None:
            self._polling.posting = False
        return self._wait_s is None

    async def finish(self) -> None:
        """Carry out the rest, with the waits that it needs; `go_on` has begun it."""
        try:
            while self._wait_s is not None:
                if self._wait_s == _UNTIL_THERE_IS_ROOM:
                    await self._polling.wait_for_room()
                else:
                    await self._sleep(self._wait_s)
                self.go_on()
        finally:
            self._polling.posting = False

    def _carry_out(self) -> float | None:
        """Carry out what can be; return what to wait for then, seconds or `_UNTIL_THERE_IS_ROOM`; None: it is done."""
        session = self._session
        while (packet := self._next()) is not None:
            if _has_to_wait(session, self._polling):
                self._waiting_packet = packet
                return _UNTIL_THERE_IS_ROOM
            if not session.is_open:
                return None
            if packet.binary:
                session.receive_binary(packet.data)
            else:
                session.receive_text(packet.data)
            wait_s = session.place.charge(weigh_bytes(len(packet.data)), session.find_peer)
            if wait_s > 0:
                return wait_s
        return None

    def _next(self) -> engineio.EnginePacket | None:
        packet, self._waiting_packet = self._waiting_packet, None
        return packet or next(self._packets, None)

    async def _sleep(self, wait_s: float) -> None:
        """Wait, since the session has asked for too much."""
        self._polling.held = True
        try:
            await asyncio.sleep(wait_s)
        finally:
            self._polling.held = False


def _has_to_wait(session: EngineSession, polling: PollingTransport) -> bool:
    """Return whether the client should fetch what waits before it asks for more.

    While it upgrades it may not poll any more before its POST is answered (Engine.IO 4, "Upgrade").
    """
    return session.is_open and polling.crowded and not session.is_upgrading
