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


async def carry_out(session: EngineSession, polling: PollingTransport, body: bytes) -> None:
    """Let the packets of a POST have their effect; a bad one ends the session, and those before it have had theirs.

    While too much waits for a GET, or was asked for, the rest of them waits too. So a client can ask for as much as it
    likes, but cannot leave it unread, nor have it all at once.

    Args:
        session: which got the POST, open.
        polling: its transport, on which no other POST is carried out.
        body: of the request.
    """
    polling.posting = True
    try:
        for packet in engineio.decode_payload(body):
            while _has_to_wait(session, polling):
                await polling.wait_for_room()
            if not session.is_open:
                return
            if packet.binary:
                session.receive_binary(packet.data)
            else:
                session.receive_text(packet.data)
            await _wait_until_paid(session, polling, weigh_bytes(len(packet.data)))
    except ProtocolError as error:
        session.refuse(str(error))
    except Exception:  # the packets after it are lost; on a WebSocket the connection ends
        logger.exception("a session is closed after an error of ours")
        session.close(engineio.NOOP)
    finally:
        polling.posting = False


async def _wait_until_paid(session: EngineSession, polling: PollingTransport, cost: float) -> None:
    """Charge the session for a packet, and wait if it has asked for too much."""
    wait_s = session.place.charge(cost, session.find_peer)
    if wait_s > 0:
        polling.held = True
        try:
            await asyncio.sleep(wait_s)
        finally:
            polling.held = False


def _has_to_wait(session: EngineSession, polling: PollingTransport) -> bool:
    """Return whether the client should fetch what waits before it asks for more.

    While it upgrades it may not poll any more before its POST is answered (Engine.IO 4, "Upgrade").
    """
    return session.is_open and polling.crowded and not session.is_upgrading
