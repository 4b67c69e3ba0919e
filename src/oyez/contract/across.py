"""From every door that takes posts to every door that delivers events: one event, with one id.

It must not know what else the doors promise.
"""

from oyez.contract.checks import POSTS, A, B, Check, Step, Trial
from oyez.contract.clients import LISTENERS, Connect, DoorFollower, posters_of
from oyez.contract.expect import Mismatch, NotOffered
from oyez.contract.findings import Door
from oyez.errors import OyezError


def _find_listeners(trial: Trial) -> dict[Door, Connect]:
    def works(connect: Connect) -> bool:
        try:
            with connect(trial.run, "listener") as listener:
                listener.follow([trial.fill(A)], start)
                return isinstance(listener.take_event(), dict)
        except (OyezError, Mismatch, NotOffered):
            return False

    start = trial.poster.last()
    trial.post({"channel": A})
    return {door: connect for door, connect in LISTENERS.items() if works(connect)}


def _listeners(trial: Trial) -> dict[Door, Connect]:
    """Find the doors at which this run can listen."""
    return trial.run.once("listeners", lambda: _find_listeners(trial))


def _open(trial: Trial) -> None:
    if len(_listeners(trial)) < 2:
        raise NotOffered("more than one door")


def _arrives_from(door: Door) -> Step:
    """Post at one door, and require that the event arrives at all of them."""

    def post(trial: Trial) -> None:
        if door not in posters_of(trial.run):
            raise NotOffered(f"posts at the door {door}")
        poster = trial.open(posters_of(trial.run)[door](trial.run))
        start, channel = poster.last(), trial.fill(B)
        listeners = {at: trial.open(connect(trial.run, "listener")) for at, connect in _listeners(trial).items()}
        for listener in listeners.values():
            listener.follow([channel], start)
        event: dict[str, object] = {"channel": channel, "message": {"from": door}}
        event = {"id": poster.post(event), **event}
        came = {at: _take(listener) for at, listener in listeners.items()}
        missing = {at: what for at, what in came.items() if what != event}
        if missing:
            raise Mismatch(dict.fromkeys(missing, event), missing)

    return post


def _take(listener: DoorFollower) -> object:
    try:
        return listener.take_event()
    except (OyezError, Mismatch) as error:
        return str(error)


# fmt: off
ACROSS = (
    Check("opens", "Events can be posted, and heard at more than one door.", POSTS, _open),
    Check("from-api", "What is posted by HTTP arrives everywhere, with one id.", POSTS, _arrives_from(Door.API)),
    Check("from-socketio", "What a Socket.IO sender posts arrives everywhere, with one id.", POSTS,
          _arrives_from(Door.SOCKETIO)),
    Check("from-polling", "What a Socket.IO sender posts over polling arrives everywhere, with one id.", POSTS,
          _arrives_from(Door.POLLING)),
    Check("from-post", "What a raw poster posts arrives everywhere, with one id.", POSTS, _arrives_from(Door.POST)),
)
# fmt: on
