"""Who is let in, and as what.

It must not know what is said afterwards.
"""

from contextlib import suppress

from oyez.cli.selftest.expectations import Mismatch, NotOffered, as_object, require, require_equal
from oyez.cli.selftest.frames import Closed
from oyez.cli.selftest.links import Link, Packet
from oyez.cli.selftest.socketio.guest import SocketIOGuest
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.transports import Refused
from oyez.errors import OyezError
from oyez.wire.socketio import PacketType

JOINING: Table[SocketIOGuest] = Table()


@JOINING.check("opens", "A session opens, and tells its id and its timers.")
def _open(guest: SocketIOGuest) -> None:
    guest.knock()


@JOINING.check("listener-joins", "Whoever claims no role, or another than sender, joins as a listener.")
def _join_as_listener(guest: SocketIOGuest) -> None:
    for auth in (None, {}, {"role": "client"}, {"role": "guest", "token": guest.visit.wrong_key}):
        with guest.link() as link:
            _expect_joined(link.connect(auth))
            link.emit("last-msg")
            link.hear("last-response")


@JOINING.check("sender-joins", "A sender with the key joins.", posts=True)
def _join_as_sender(guest: SocketIOGuest) -> None:
    with guest.link() as link:
        _expect_joined(link.connect({"role": "sender", "token": guest.visit.key}))


@JOINING.check("refuses-wrong-key", "A sender with a wrong key is refused, in the contract's words.")
def _refuse_wrong_key(guest: SocketIOGuest) -> None:
    with guest.link() as link:
        try:
            answer = link.connect({"role": "sender", "token": guest.visit.wrong_key})
        except Mismatch as error:
            if isinstance(error.__cause__, Closed | Refused):
                raise NotOffered("words of a refusal: the session ended, as after too many wrong keys") from error
            raise
        require_equal(_refusal(answer), {"message": "Authentication failed"})
        with suppress(Mismatch, OyezError):
            if guest.visit.key:  # nothing is checked: Oyez takes a wrong key back when the right one follows
                link.connect({"role": "sender", "token": guest.visit.key})


@JOINING.check("refuses-other-namespaces", "No other namespace can be joined.")
def _refuse_namespace(guest: SocketIOGuest) -> None:
    with guest.link() as link:
        answer = link.connect(namespace="/oyez-selftest")
        require_equal(_refusal(answer), {"message": "Invalid namespace"})
        require_equal(answer.namespace, "/oyez-selftest")
        _expect_joinable(link)


def _expect_joined(answer: Packet) -> None:
    expected = '40{"sid":…}'
    require(answer.kind is PacketType.CONNECT, expected, answer.text)
    session_id = as_object(answer.payload, expected).get("sid")
    require(isinstance(session_id, str) and session_id != "", expected, answer.text)


def _expect_joinable(link: Link) -> None:
    """A refusal ends nothing: the namespace of the contract is still open."""
    _expect_joined(link.connect())


def _refusal(answer: Packet) -> object:
    require(answer.kind is PacketType.CONNECT_ERROR, "a refusal (44…)", answer.text)
    return answer.payload
