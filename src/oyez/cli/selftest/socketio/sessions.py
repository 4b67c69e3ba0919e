"""What Engine.IO refuses, on each transport in its own way: old versions, unknown sessions, messages over the limit.

It must not know Socket.IO but for how to join.
"""

from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import ask
from oyez.cli.probe.failures import NotOpened
from oyez.cli.selftest.expectations import Mismatch, NotOffered, parse_object, require, require_equal
from oyez.cli.selftest.frames import Closed, opened
from oyez.cli.selftest.links import Link
from oyez.cli.selftest.socketio.guest import SocketIOGuest
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.transports import PollingTransport, WebSocketTransport, by_polling, target

ON_WEBSOCKET: Table[SocketIOGuest] = Table()
ON_POLLING: Table[SocketIOGuest] = Table()

_BEYOND = 100
_MOST_BYTES = 2**24  # a limit above this is not tried
_TOO_BIG = 1009  # RFC 6455 §7.4.1


@ON_WEBSOCKET.check("refuses-old-version", "A handshake of Engine.IO 3 opens no session.")
def _refuse_version(guest: SocketIOGuest) -> None:
    _expect_no_session(guest, target(guest.visit.main, "websocket", version="3"))


@ON_WEBSOCKET.check("refuses-unknown-session", "For a session that there is not, none opens.")
def _refuse_session(guest: SocketIOGuest) -> None:
    _expect_no_session(guest, target(guest.visit.main, "websocket", sid="nosuchsession"))


@ON_WEBSOCKET.check(
    "refuses-oversize", "A listener's message over the limit closes the WebSocket with 1009.", needs=("listener-joins",)
)
def _close_on_oversize(guest: SocketIOGuest) -> None:
    with guest.transport() as transport:
        assert isinstance(transport, WebSocketTransport)
        Link(transport).connect()
        transport.send(_oversize(transport.handshake.maxPayload))
        code = transport.frames.await_close()
        require(code == _TOO_BIG, f"the WebSocket closed with {_TOO_BIG}", f"closed with {code}")


@ON_POLLING.check("refuses-old-version", "A handshake of Engine.IO 3 is refused with 400 and code 5.")
def _refuse_polling_version(guest: SocketIOGuest) -> None:
    _expect_refusal(_get(guest, version="3"), 5, "Unsupported protocol version")


@ON_POLLING.check("refuses-unknown-session", "A poll of a session that there is not is refused with 400 and code 1.")
def _refuse_polling_session(guest: SocketIOGuest) -> None:
    _expect_refusal(_get(guest, sid="nosuchsession"), 1, "Session ID unknown")


@ON_POLLING.check("refuses-unknown-transport", "A transport that there is not is refused with 400 and code 0.")
def _refuse_transport(guest: SocketIOGuest) -> None:
    _expect_refusal(_get(guest, "pigeon"), 0, "Transport unknown")


@ON_POLLING.check("refuses-bad-method", "A handshake that is no GET is refused with 400 and code 2.")
def _refuse_method(guest: SocketIOGuest) -> None:
    place = guest.visit.main
    _expect_refusal(ask(place, target(place, "polling"), method="POST", body="40"), 2, "Bad handshake method")


@ON_POLLING.check("not-stored", "Answers are marked as not to be stored.")
def _forbid_storing(guest: SocketIOGuest) -> None:
    with by_polling(guest.visit.main) as polling:
        came = polling.opening.headers.get("cache-control", "")
    require("no-store" in came, "Cache-Control: no-store", came or "no such header")


@ON_POLLING.check(
    "refuses-oversize", "A listener's body over the limit is refused with 413.", needs=("listener-joins",)
)
def _refuse_oversize(guest: SocketIOGuest) -> None:
    with guest.transport() as transport:
        assert isinstance(transport, PollingTransport)
        Link(transport).connect()
        answer = transport.post(_oversize(transport.handshake.maxPayload))
        require(answer.status == 413, "status 413", f"status {answer.status}")


def _oversize(limit: int) -> str:
    if limit > _MOST_BYTES:
        raise NotOffered(f"a limit below {_MOST_BYTES} bytes")
    return f'42["no-such-event","{"x" * (limit + _BEYOND)}"]'


def _get(guest: SocketIOGuest, transport: str = "polling", version: str = "4", **query: str) -> Answer:
    place = guest.visit.main
    return ask(place, target(place, transport, version=version, **query))


def _expect_refusal(answer: Answer, code: int, message: str) -> None:
    require(answer.status == 400, "status 400", f"status {answer.status}: {answer.body}")
    require_equal(parse_object(answer.body), {"code": code, "message": message})


def _expect_no_session(guest: SocketIOGuest, path: str) -> None:
    """Expect 400, or a WebSocket that is closed without a word: so does the library of the Node daemons."""
    try:
        with opened(guest.visit.main, path) as frames:
            raise Mismatch("status 400", f"a WebSocket that says {frames.receive()}")
    except NotOpened as error:
        require(error.answer.status == 400, "status 400", f"status {error.answer.status}: {error.answer.body}")
    except Closed:
        pass
