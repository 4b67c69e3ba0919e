"""Which checks each door has, with which clients they are made, and how one is made.

Knows the tables. Must not know what a step does, nor how a result is shown.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from oyez.contract import clients
from oyez.contract.across import ACROSS
from oyez.contract.checks import Check, Trial
from oyez.contract.clients import LISTENERS, Connect, OpenPoster, any_poster, posters_of, socketio_poster
from oyez.contract.engineio import ON_POLLING, ON_WEBSOCKET, UPGRADE
from oyez.contract.expect import Mismatch, NotOffered
from oyez.contract.findings import Door, Result
from oyez.contract.http_doors import API, EVENT_STREAM, LONG_POLL, STATUS
from oyez.contract.run import NO_KEY, Run
from oyez.contract.socketio import socketio_checks
from oyez.contract.websocket import POST, WEBSOCKET
from oyez.errors import OyezError
from oyez.probe.socketio import by_polling
from oyez.probe.status import Status

_NO_POSTER = "no door lets this run post"


def _needs_poster(run: Run) -> str:
    if posters_of(run):
        return ""
    return _NO_POSTER if run.key else NO_KEY


def _needs_key(run: Run) -> str:
    return "" if run.key else NO_KEY


def _needs_key_at_post(run: Run) -> str:
    # Some addresses of raw posters need no key.
    return "" if run.key or Door.POST in posters_of(run) else NO_KEY


class _DoorChecks(NamedTuple):
    """The checks of a door, and the clients that they are made with.

    Attributes:
        connect: opens a listener, or whoever else can speak at the door.
        poster: opens who posts.
        why_no_posts: says why nobody can post in a run; empty if somebody can.
    """

    checks: Sequence[Check]
    connect: Connect
    poster: OpenPoster = any_poster
    why_no_posts: Callable[[Run], str] = _needs_poster


def _over_polling(checks: Sequence[Check]) -> _DoorChecks:
    return _DoorChecks(checks, LISTENERS[Door.POLLING], partial(socketio_poster, dial=by_polling), _needs_key)


DOORS = {
    Door.SOCKETIO: _DoorChecks(socketio_checks(ON_WEBSOCKET), LISTENERS[Door.SOCKETIO], socketio_poster, _needs_key),
    Door.POLLING: _over_polling(socketio_checks(ON_POLLING)),
    Door.UPGRADE: _over_polling(UPGRADE),
    Door.WEBSOCKET: _DoorChecks(WEBSOCKET, LISTENERS[Door.WEBSOCKET]),
    Door.POST: _DoorChecks(POST, LISTENERS[Door.WEBSOCKET], clients.raw_poster, _needs_key_at_post),
    Door.LONG_POLL: _DoorChecks(LONG_POLL, LISTENERS[Door.LONG_POLL]),
    Door.SSE: _DoorChecks(EVENT_STREAM, LISTENERS[Door.SSE]),
    Door.API: _DoorChecks(API, LISTENERS[Door.API], clients.api_poster, _needs_key),
    Door.STATUS: _DoorChecks(STATUS, LISTENERS[Door.API]),
    Door.ACROSS: _DoorChecks(ACROSS, LISTENERS[Door.API]),
}


def check_door(door: Door, run: Run, announce: Callable[[str], None], *, slow: bool) -> Iterator[Result]:
    """Make the checks of one door, one after the other; a door that is not there is one result.

    Args:
        door: which.
        run: knows where the door is.
        announce: is called with the code of the check that comes next.
        slow: make the checks that take long, too.
    """
    held: set[str] = set()
    # A table may begin with the check that the door is there at all: without that, no other says anything.
    opening = {check.name for check in DOORS[door].checks[:1]} & {"opens"}
    for check in DOORS[door].checks:
        code = f"{door}.{check.name}"
        announce(code)
        reason = DOORS[door].why_no_posts(run) if check.when.posts else ""
        if not reason and check.when.slow and not slow:
            reason = "it takes long: --slow"
        missing = next((name for name in (*(opening - {check.name}), *check.when.names) if name not in held), "")
        if not reason and missing:
            reason = f"{door}.{missing} has to hold first"
        skipped = Result(door, code, check.sentence, Status.SKIPPED, reason=reason)
        result = skipped if reason else make_check(door, check, run)
        yield result
        if result.status is Status.OK:
            held.add(check.name)
        elif check.name in opening and result.status is Status.NOT_OFFERED:
            return


def make_check(door: Door, check: Check, run: Run) -> Result:
    """Make one check, whatever has become of those before it.

    Whatever it raises of ours (`OyezError`) is a result as well: the daemon did not do what the check waits for.
    """
    began = time.perf_counter()
    status, expected, came, reason = Status.OK, "", "", ""
    trial = Trial(run, DOORS[door].connect, DOORS[door].poster)
    try:
        with trial.opened:
            for step in check.steps:
                step(trial)
    except NotOffered as error:
        status, reason = Status.NOT_OFFERED, str(error)
    except Mismatch as error:
        status, expected, came = Status.FAILED, error.expected, error.came
    except OyezError as error:
        status, expected, came = Status.FAILED, check.sentence, str(error)
    took_ms = (time.perf_counter() - began) * 1000
    return Result(door, f"{door}.{check.name}", check.sentence, status, took_ms, expected, came, reason)
