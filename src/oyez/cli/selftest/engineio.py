"""What Engine.IO refuses, on each transport in its own way, and the way of a session from polling to a WebSocket.

It must not know Socket.IO, but for how to join, follow and post.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from oyez.cli.probe.exchange import asked
from oyez.cli.probe.failures import Closed, NotOpened, WrongPacket
from oyez.cli.probe.place import Place
from oyez.cli.probe.socketio import Polling, Session, probed, target
from oyez.cli.probe.sockets import STEP_S
from oyez.cli.probe.web_socket import WebSocket, opened
from oyez.cli.selftest import expect
from oyez.cli.selftest.checks import ALWAYS, A, Check, Scene, Step, event_of, gets, needs
from oyez.cli.selftest.expect import Mismatch, NotOffered
from oyez.cli.selftest.links import Talk, receive
from oyez.cli.selftest.socketio import open_session
from oyez.cli.selftest.visit import Visit

_BEYOND = 100
_MOST_BYTES = 2**24  # a limit above this is not tried
_TOO_BIG = 1009  # RFC 6455 §7.4.1
_NOOP = "6"
_JOINED = needs("listener-joins")
_PROBED = needs("probe-answered")
_PROBED_TO_POST = needs("probe-answered", posts=True)


def _opens_none(version: str = "4", **query: str) -> Step:
    """Require 400, or a WebSocket that is closed without a word: so does the library of the Node daemons."""

    def open_in_vain(scene: Scene) -> None:
        place = scene.visit.main
        try:
            with opened(place, target(place, "websocket", version=version, **query)) as link:
                raise Mismatch("status 400", f"a WebSocket that says {receive(link)}")
        except NotOpened as error:
            expect.status(error.answer, 400)
        except Closed:
            pass

    return open_in_vain


def _is_refused(query: str, code: int, message: str, **options: object) -> Step:
    def where(visit: Visit) -> tuple[Place, str]:
        return visit.main, f"{visit.base}/socket.io/"

    return gets(where, query, 400, {"code": code, "message": message}, **options)


def _join_and_overdo(scene: Scene) -> tuple[Session, str]:
    talk: Talk = scene.party("stranger")
    talk.join()
    assert talk.session.handshake is not None  # `talking` has seen to it
    limit = talk.session.handshake.maxPayload
    if limit > _MOST_BYTES:
        raise NotOffered(f"a limit below {_MOST_BYTES} bytes")
    return talk.session, f'42["no-such-event","{"x" * (limit + _BEYOND)}"]'


def _close_on_oversize(scene: Scene) -> None:
    session, packet = _join_and_overdo(scene)
    session.transport.send(packet)
    session.transport.until = time.monotonic() + STEP_S
    try:
        while True:
            session.receive()
    except Closed as error:
        expect.that(error.code == _TOO_BIG, f"the WebSocket closed with {_TOO_BIG}", f"closed with {error.code}")


def _refuse_oversize(scene: Scene) -> None:
    session, packet = _join_and_overdo(scene)
    answer = _polling(session).post(packet)
    expect.that(answer.status == 413, "status 413", f"status {answer.status}")


def _polling(session: Session) -> Polling:
    assert isinstance(session.transport, Polling)
    return session.transport


def _forbid_storing(scene: Scene) -> None:
    came = _polling(scene.party("stranger").session).opening.headers.get("cache-control", "")
    expect.that("no-store" in came, "Cache-Control: no-store", came or "no such header")


def _offer(scene: Scene) -> None:
    upgrades = _polling(scene.party("stranger").session).handshake.upgrades
    expect.that("websocket" in upgrades, '"upgrades":["websocket"]', upgrades)


@contextmanager
def _probe(session: Session) -> Iterator[WebSocket]:
    """Open the WebSocket that a polling session may move to, which has to answer the probe."""
    try:
        with probed(_polling(session)) as link:
            yield link
    except WrongPacket as error:
        raise Mismatch(error.expected, error.came) from error


def _answer_probe(scene: Scene) -> None:
    with _probe(scene.party("stranger").session):
        pass


def _release_poll(scene: Scene) -> None:
    talk: Talk = scene.party("stranger")
    talk.join()
    polling = _polling(talk.session)
    with asked(polling.place, polling.target) as pending, _probe(talk.session) as link:
        expect.equal(pending.answer().body, _NOOP)
        talk.session.move(link)
        expect.equal(talk.rest(), [])


def _post_after_move(scene: Scene) -> None:
    talk: Talk = scene.party("stranger")
    with _probe(talk.session) as link:
        talk.session.move(link)
        talk.join({"role": "sender", "token": scene.visit.key}, expected="an answer that lets the sender in")
        expect.told_id(talk.call("post", **event_of(scene.fill(A), 1)))


def _move_listener(scene: Scene) -> None:
    listener: Talk = scene.party("listener")
    listener.follow([scene.fill(A)])
    scene.post(event_of(A, "before"))
    with _probe(listener.session) as link:
        scene.post(event_of(A, "in between"))
        listener.session.move(link)
        scene.post(event_of(A, "after"))
        came = [listener.take_event() for _ in scene.events]
        expect.equal(came + listener.rest(), scene.events)


# fmt: off
ON_WEBSOCKET = (
    Check("refuses-old-version", "A handshake of Engine.IO 3 opens no session.", ALWAYS, _opens_none(version="3")),
    Check("refuses-unknown-session", "For a session that there is not, none opens.", ALWAYS,
          _opens_none(sid="nosuchsession")),
    Check("refuses-oversize", "A listener's message over the limit closes the WebSocket with 1009.", _JOINED,
          _close_on_oversize),
)

ON_POLLING = (
    Check("refuses-old-version", "A handshake of Engine.IO 3 is refused with 400 and code 5.", ALWAYS,
          _is_refused("?EIO=3&transport=polling", 5, "Unsupported protocol version")),
    Check("refuses-unknown-session", "A poll of a session that there is not is refused with 400 and code 1.", ALWAYS,
          _is_refused("?EIO=4&transport=polling&sid=nosuchsession", 1, "Session ID unknown")),
    Check("refuses-unknown-transport", "A transport that there is not is refused with 400 and code 0.", ALWAYS,
          _is_refused("?EIO=4&transport=pigeon", 0, "Transport unknown")),
    Check("refuses-bad-method", "A handshake that is no GET is refused with 400 and code 2.", ALWAYS,
          _is_refused("?EIO=4&transport=polling", 2, "Bad handshake method", method="POST", body="40")),
    Check("not-stored", "Answers are marked as not to be stored.", ALWAYS, _forbid_storing),
    Check("refuses-oversize", "A listener's body over the limit is refused with 413.", _JOINED, _refuse_oversize),
)

UPGRADE = (
    Check("opens", "A polling session offers the WebSocket.", ALWAYS, open_session, _offer),
    Check("probe-answered", "On the WebSocket the probe is answered.", ALWAYS, _answer_probe),
    Check("poll-released", "A poll that waits is ended with a noop, so that the session can move.", _PROBED,
          _release_poll),
    Check("sender-moves", "A sender that joins after the move can post, as the sites' poster does.", _PROBED_TO_POST,
          _post_after_move),
    Check("listener-moves", "A listener that moves loses nothing and gets nothing twice.", _PROBED_TO_POST,
          _move_listener),
)
# fmt: on
