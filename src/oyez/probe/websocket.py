"""A WebSocket that is opened in a bounded time, and the answer of whoever did not open one.

Knows the handshake and text frames. Must not know what is said.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI
from websockets.http11 import Response
from websockets.sync.client import ClientConnection, connect

from oyez.probe.answer import Answer
from oyez.probe.dialer import STEP_S, TimeLimit, dial, explained, silent
from oyez.probe.exchange import USER_AGENT
from oyez.probe.failures import Closed, Kind, NotOpened, Trouble
from oyez.probe.place import Place

_MAX_FRAME_BYTES = 2**20
_NO_CLOSE_FRAME = 1006  # RFC 6455 §7.1.5


class WebSocket:
    """An open WebSocket; each wait ends in time, see `allow`."""

    def __init__(self, connection: ClientConnection, place: Place, limit: TimeLimit) -> None:
        self._connection = connection
        self._place = place
        self._limit = limit

    def allow(self, seconds: float) -> None:
        """Let what is waited for take so long from now on."""
        self._limit = TimeLimit.of(seconds)

    @property
    def own_end(self) -> str:
        """This end of the connection, ``192.0.2.1:40312``; empty for a Unix socket."""
        name = self._connection.local_address
        if not isinstance(name, tuple):
            return ""
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"

    def send(self, text: str) -> None:
        """Send a text frame. Raises Closed."""
        try:
            self._connection.send(text)
        except ConnectionClosed as error:
            raise self._closed(error) from error

    def receive(self) -> str:
        """Wait for the next text frame, and pass over those of bytes. Raises Closed, Trouble."""
        while True:
            try:
                frame = self._connection.recv(self._limit.left_s)
            except TimeoutError as error:
                raise silent(self._place, self._limit) from error
            except ConnectionClosed as error:
                raise self._closed(error) from error
            if isinstance(frame, str):
                return frame

    def _closed(self, error: ConnectionClosed) -> Closed:
        code = error.rcvd.code if error.rcvd else _NO_CLOSE_FRAME
        return Closed(f"the WebSocket to {self._place.authority} was closed: {error}", code)


@contextmanager
def opened(
    place: Place, target: str, *, limit_s: float = STEP_S, max_frame_bytes: int = _MAX_FRAME_BYTES
) -> Iterator[WebSocket]:
    """Open a WebSocket, and close it in the end.

    The time is for all that is done with it, unless `WebSocket.allow` sets another one.

    Raises Trouble and NotOpened.
    """
    limit = TimeLimit.of(limit_s)
    with explained(place, limit):
        link = dial(place, limit)
        try:
            connection = _shake_hands(link, place, target, limit, max_frame_bytes)
        except BaseException:
            link.close()
            raise
    with connection:
        yield WebSocket(connection, place, limit)


def _shake_hands(
    link: socket.socket, place: Place, target: str, limit: TimeLimit, max_frame_bytes: int
) -> ClientConnection:
    try:
        return connect(
            f"ws://localhost{target}" if place.socket_path else place.url(target, scheme="ws"),
            sock=link,
            ssl=ssl.create_default_context() if place.secure else None,
            user_agent_header=USER_AGENT,
            open_timeout=max(limit.left_s, 0.001),
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=1,
            max_size=max_frame_bytes,
        )
    except InvalidStatus as error:
        raise NotOpened(_answer(error.response)) from error
    except (InvalidURI, ValueError) as error:  # it follows redirects: to no WebSocket, or over another connection
        if isinstance(error.__context__, InvalidStatus):
            raise NotOpened(_answer(error.__context__.response)) from error
        raise
    except InvalidMessage as error:
        if not limit.left_s or isinstance(error.__cause__, TimeoutError):
            raise silent(place, limit) from error
        reason = error.__cause__ or error
        raise Trouble(Kind.BROKEN, f"{place.authority} does not answer in HTTP: {reason}") from error
    except InvalidHandshake as error:
        raise Trouble(Kind.BROKEN, f"{place.authority} makes no WebSocket of it: {error}") from error


def _answer(response: Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    return Answer(response.status_code, headers, bytes(response.body or b"").decode("utf-8", "replace"))
