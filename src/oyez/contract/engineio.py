"""What Engine.IO refuses, on each transport in its own way, and the way of a session from polling to a WebSocket.

It must not know Socket.IO, but for how to join, follow and post.
"""

from oyez.contract import expect
from oyez.contract.checks import ALWAYS, A, Check, Step, Trial, event_of, follows, gets, hears_only, needs, posts
from oyez.contract.expect import Mismatch, NotOffered
from oyez.contract.links import SocketIOLink, receive
from oyez.contract.run import Run
from oyez.contract.socketio import calls, open_session
from oyez.probe.exchange import asked
from oyez.probe.failures import Closed, NotOpened, WrongPacket
from oyez.probe.place import Place
from oyez.probe.socketio import Polling, Session, probed, target
from oyez.probe.websocket import opened

_BEYOND = 100
_MOST_BYTES = 2**24  # a limit above this is not tried
_TOO_BIG = 1009  # RFC 6455 §7.4.1
_NOOP = "6"
_JOINED = needs("listener-joins")
_PROBED = needs("probe-answered")
_PROBED_TO_POST = needs("probe-answered", posts=True)


def _opens_none(version: str = "4", **query: str) -> Step:
    """Require 400, or a WebSocket that is closed without a word: so does the library of the Node daemons."""

    def open_in_vain(trial: Trial) -> None:
        place = trial.run.main
        try:
            with opened(place, target(place, "websocket", version=version, **query)) as link:
                raise Mismatch("status 400", f"a WebSocket that says {receive(link)}")
        except NotOpened as error:
            expect.status(error.answer, 400)
        except Closed:
            pass

    return open_in_vain


def _is_refused(query: str, code: int, message: str, **options: object) -> Step:
    def where(run: Run) -> tuple[Place, str]:
        return run.main, f"{run.base}/socket.io/"

    return gets(where, query, 400, {"code": code, "message": message}, **options)


def _join_and_overdo(trial: Trial) -> tuple[Session, str]:
    link: SocketIOLink = trial.client("stranger")
    link.join()
    assert link.session.handshake is not None  # `socketio_opened` has seen to it
    limit = link.session.handshake.maxPayload
    if limit > _MOST_BYTES:
        raise NotOffered(f"a limit below {_MOST_BYTES} bytes")
    return link.session, f'42["no-such-event","{"x" * (limit + _BEYOND)}"]'


def _close_on_oversize(trial: Trial) -> None:
    session, packet = _join_and_overdo(trial)
    session.transport.send(packet)
    try:
        while True:
            session.receive()
    except Closed as error:
        expect.that(error.code == _TOO_BIG, f"the WebSocket closed with {_TOO_BIG}", f"closed with {error.code}")


def _refuse_oversize(trial: Trial) -> None:
    session, packet = _join_and_overdo(trial)
    answer = _polling(session).post(packet)
    expect.that(answer.status == 413, "status 413", f"status {answer.status}")


def _polling(session: Session) -> Polling:
    assert isinstance(session.transport, Polling)
    return session.transport


def _forbid_storing(trial: Trial) -> None:
    came = _polling(trial.client("stranger").session).opening.headers.get("cache-control", "")
    expect.that("no-store" in came, "Cache-Control: no-store", came or "no such header")


def _offer(trial: Trial) -> None:
    upgrades = _polling(trial.client("stranger").session).handshake.upgrades
    expect.that("websocket" in upgrades, '"upgrades":["websocket"]', upgrades)


def _probes(who: str) -> Step:
    """Open the WebSocket that a polling session may move to, which has to answer the probe."""

    def probe(trial: Trial) -> None:
        try:
            trial.found["probed"] = trial.open(probed(_polling(trial.client(who).session)))
        except WrongPacket as error:
            raise Mismatch(error.expected, error.came) from error

    return probe


def _moves(who: str) -> Step:
    """Move a session to the WebSocket that has answered the probe."""
    return lambda trial: trial.client(who).session.move(trial.found["probed"])


def _wait_for_poll(trial: Trial) -> None:
    polling = _polling(trial.client().session)
    trial.found["pending"] = trial.open(asked(polling.place, polling.target))


def _has_noop(trial: Trial) -> None:
    expect.equal(trial.found["pending"].answer().body, _NOOP)


def _join_as_sender(trial: Trial) -> None:
    auth = {"role": "sender", "token": trial.run.key}
    trial.client("stranger").join(auth, expected="an answer that lets the sender in")


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
    Check("probe-answered", "On the WebSocket the probe is answered.", ALWAYS, _probes("stranger")),
    Check("poll-released", "A poll that waits is ended with a noop, so that the session can move.", _PROBED,
          _wait_for_poll, _probes("listener"), _has_noop, _moves("listener"), hears_only()),
    Check("sender-moves", "A sender that joins after the move can post, as the sites' poster does.", _PROBED_TO_POST,
          _probes("stranger"), _moves("stranger"), _join_as_sender, calls("stranger", "post", **event_of(A, 1))),
    Check("listener-moves", "A listener that moves loses nothing and gets nothing twice.", _PROBED_TO_POST,
          follows(A), posts(A, "before"), _probes("listener"), posts(A, "in between"), _moves("listener"),
          posts(A, "after"), hears_only(0, 1, 2)),
)
# fmt: on
