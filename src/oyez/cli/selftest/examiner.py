"""Goes through the doors one by one, check by check, and notes what comes of each.

It must not know what is checked, nor how it is shown.
"""

import time
from collections.abc import Callable, Iterator, Sequence

from oyez.cli.probe.report import Status
from oyez.cli.selftest.across import ACROSS, AcrossGuest
from oyez.cli.selftest.event_stream import EVENT_STREAM, StreamGuest
from oyez.cli.selftest.expectations import Mismatch, NotOffered
from oyez.cli.selftest.findings import Door, Result
from oyez.cli.selftest.http_api import API, ApiGuest
from oyez.cli.selftest.long_poll import LONG_POLL, PollGuest
from oyez.cli.selftest.raw_listeners import LISTENERS as RAW_LISTENERS
from oyez.cli.selftest.raw_listeners import RawGuest
from oyez.cli.selftest.raw_posters import POSTERS, RawPosterGuest
from oyez.cli.selftest.socketio.delivery import DELIVERY
from oyez.cli.selftest.socketio.guest import SocketIOGuest
from oyez.cli.selftest.socketio.joining import JOINING
from oyez.cli.selftest.socketio.listeners import LISTENERS
from oyez.cli.selftest.socketio.recovery import RECOVERY
from oyez.cli.selftest.socketio.senders import SENDERS
from oyez.cli.selftest.socketio.sessions import ON_POLLING, ON_WEBSOCKET
from oyez.cli.selftest.socketio.upgrade import UPGRADE
from oyez.cli.selftest.status import STATUS, StatusGuest
from oyez.cli.selftest.tables import Step, Table
from oyez.cli.selftest.transports import Dial, by_polling, by_websocket
from oyez.cli.selftest.visit import Visit
from oyez.errors import OyezError

_OPENS = "opens"


def steps_of(door: Door, visit: Visit) -> list[Step]:
    """Give the checks of a door."""
    return list(_BIND[door](visit))


def _socketio(door: Door, dial: Dial, special: Table[SocketIOGuest]) -> Callable[[Visit], Iterator[Step]]:
    def bind(visit: Visit) -> Iterator[Step]:
        guest = SocketIOGuest(visit, dial)
        for table in (JOINING, special, LISTENERS, SENDERS, DELIVERY, RECOVERY):
            yield from table.bind(door, guest)

    return bind


_BIND: dict[Door, Callable[[Visit], Iterator[Step]]] = {
    Door.SOCKETIO: _socketio(Door.SOCKETIO, by_websocket, ON_WEBSOCKET),
    Door.POLLING: _socketio(Door.POLLING, by_polling, ON_POLLING),
    Door.UPGRADE: lambda visit: UPGRADE.bind(Door.UPGRADE, SocketIOGuest(visit, by_polling)),
    Door.WEBSOCKET: lambda visit: RAW_LISTENERS.bind(Door.WEBSOCKET, RawGuest(visit)),
    Door.POST: lambda visit: POSTERS.bind(Door.POST, RawPosterGuest(visit)),
    Door.LONG_POLL: lambda visit: LONG_POLL.bind(Door.LONG_POLL, PollGuest(visit)),
    Door.SSE: lambda visit: EVENT_STREAM.bind(Door.SSE, StreamGuest(visit)),
    Door.API: lambda visit: API.bind(Door.API, ApiGuest(visit)),
    Door.STATUS: lambda visit: STATUS.bind(Door.STATUS, StatusGuest(visit)),
    Door.ACROSS: lambda visit: ACROSS.bind(Door.ACROSS, AcrossGuest(visit)),
}


def examine(steps: Sequence[Step], announce: Callable[[str], None], *, slow: bool) -> Iterator[Result]:
    """Make the checks of one door; a door that is not there is one result.

    Args:
        steps: of the door.
        announce: is called with the code of the check that comes next.
        slow: make the checks that take long, too.
    """
    held: set[str] = set()
    door = steps[0].door
    gate = f"{door}.{_OPENS}"
    has_gate = steps[0].code == gate
    for step in steps:
        needs = (gate, *step.needs) if has_gate and step.code != gate else step.needs
        announce(step.code)
        result = _skip(step, held, needs, slow=slow) or _make(step)
        yield result
        if result.status is Status.OK:
            held.add(step.code)
        elif result.code == gate and result.status is Status.NOT_OFFERED:
            return


def _skip(step: Step, held: set[str], needs: Sequence[str], *, slow: bool) -> Result | None:
    reason = step.obstacle()
    if not reason and step.slow and not slow:
        reason = "it takes long: --slow"
    missing = next((code for code in needs if code not in held), "")
    if not reason and missing:
        reason = f"{missing} has to hold first"
    return Result(step.door, step.code, step.sentence, Status.SKIPPED, reason=reason) if reason else None


def _make(step: Step) -> Result:
    began = time.perf_counter()
    status, expected, came, reason = Status.OK, "", "", ""
    try:
        step.run()
    except NotOffered as error:
        status, reason = Status.NOT_OFFERED, str(error)
    except Mismatch as error:
        status, expected, came = Status.FAILED, error.expected, error.came
    except OyezError as error:
        status, expected, came = Status.FAILED, step.sentence, str(error)
    took_ms = (time.perf_counter() - began) * 1000
    return Result(step.door, step.code, step.sentence, status, took_ms, expected, came, reason)
