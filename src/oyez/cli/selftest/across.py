"""From every door that takes posts to every door that gives events: one event, with one id.

It must not know what else the doors promise.
"""

from oyez.cli.selftest.checks import POSTS, A, B, Check, Scene, Step
from oyez.cli.selftest.clients import LISTENERS, DoorFollower, Meet, posters_of
from oyez.cli.selftest.expect import Mismatch, NotOffered
from oyez.cli.selftest.findings import Door
from oyez.errors import OyezError


def _find_listeners(scene: Scene) -> dict[Door, Meet]:
    def works(meet: Meet) -> bool:
        try:
            with meet(scene.visit, "listener") as listener:
                listener.follow([scene.fill(A)], start)
                return isinstance(listener.take_event(), dict)
        except (OyezError, Mismatch, NotOffered):
            return False

    start = scene.poster.last()
    scene.post({"channel": A})
    return {door: meet for door, meet in LISTENERS.items() if works(meet)}


def _listeners(scene: Scene) -> dict[Door, Meet]:
    """Find the doors at which this run can listen."""
    return scene.visit.once("listeners", lambda: _find_listeners(scene))


def _open(scene: Scene) -> None:
    if len(_listeners(scene)) < 2:
        raise NotOffered("more than one door")


def _arrives_from(door: Door) -> Step:
    """Post at one door, and require that the event arrives at all of them."""

    def post(scene: Scene) -> None:
        if door not in posters_of(scene.visit):
            raise NotOffered(f"posts at the door {door}")
        poster = scene.open(posters_of(scene.visit)[door](scene.visit))
        start, channel = poster.last(), scene.fill(B)
        listeners = {at: scene.open(meet(scene.visit, "listener")) for at, meet in _listeners(scene).items()}
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
