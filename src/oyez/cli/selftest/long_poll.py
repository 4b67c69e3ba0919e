"""The door of long polls: one request brings one event.

It must not know who posts.

Only what no daemon suffers from is asked: some of old end at an escape that cannot be read.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import pairwise
from urllib.parse import quote

from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import Pending, ask, asked
from oyez.cli.probe.failures import Kind, Trouble
from oyez.cli.probe.sockets import STEP_S
from oyez.cli.selftest.expectations import (
    Mismatch,
    NotOffered,
    parse_json,
    parse_object,
    read_id,
    require,
    require_equal,
)
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.visit import Visit, is_elsewhere

LONG_POLL: Table["PollGuest"] = Table()

_LONGEST_WAIT_S = 90.0  # daemons of old wait 60 s
_FEW = 4
_GAP_HEADER = "oyez-gap"


class PollGuest:
    """A listener of this door."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit

    @property
    def silenced(self) -> str:
        """Why nothing can be posted."""
        return self.visit.silenced

    def poll(self, channels: Sequence[str], query: str = "", *, separator: str = "|") -> Answer:
        """Ask, and wait for the answer."""
        return ask(self.visit.poll, self._target(separator.join(map(quote, channels)), query))

    def waiting(self, channel: str, query: str = "", *, limit_s: float = STEP_S) -> AbstractContextManager[Pending]:
        """Ask, and lend the request while it waits."""
        return asked(self.visit.poll, self._target(quote(channel), query), limit_s=limit_s)

    def _target(self, names: str, query: str) -> str:
        return f"{self._path}{names}{'?' if query else ''}{query}"

    @cached_property
    def _path(self) -> str:
        return self.visit.path_to(self.visit.poll, "channels/")

    def post_few(self, *channels: str) -> list[dict[str, object]]:
        """Post some events to the channels in turn."""
        with self.visit.poster() as poster:
            events = [{"channel": channels[n % len(channels)], "message": n} for n in range(_FEW)]
            return [{"id": poster.post(event), **event} for event in events]


@LONG_POLL.check("opens", "A poll that names no channel is answered 400, in the words of old.")
def _open(guest: PollGuest) -> None:
    answer = guest.poll([])
    if not guest.visit.poll_is_named and is_elsewhere(answer):
        raise NotOffered(f"HTTP status {answer.status}")
    require_equal([answer.status, answer.body], [400, "400 Bad Request"])


@LONG_POLL.check("not-found", "Another path is answered 404.")
def _miss(guest: PollGuest) -> None:
    answer = ask(guest.visit.poll, f"{guest.visit.poll.path.rstrip('/')}/{guest.visit.new_channel()}")
    require(answer.status == 404, "status 404", f"status {answer.status}")
    if guest.visit.poll_is_named:
        require_equal(answer.body, "404 Not Found")


@LONG_POLL.check("answers-at-once", "The oldest event that is newer than the id comes at once.", posts=True)
def _answer_at_once(guest: PollGuest) -> None:
    channels = [guest.visit.new_channel(), guest.visit.new_channel()]
    events = guest.post_few(*channels)
    _expect_event(guest.poll(channels, f"last={read_id(events[0])}"), events[1])


@LONG_POLL.check("goes-on", "Going on with each answer's id brings every event, in order.", posts=True)
def _go_on(guest: PollGuest) -> None:
    channel = guest.visit.new_channel()
    for event, following in pairwise(guest.post_few(channel)):
        _expect_event(guest.poll([channel], f"last={read_id(event)}"), following)


@LONG_POLL.check(
    "begins-without-id", "Without an id, or with one that is no number, the oldest event left comes.", posts=True
)
def _begin(guest: PollGuest) -> None:
    channel = guest.visit.new_channel()
    oldest = guest.post_few(channel)[0]
    try:
        _expect_event(guest.poll([channel]), oldest)
    except Trouble as error:
        if error.kind is not Kind.SILENT:
            raise
        raise NotOffered("replay without an id (history.replay_without_start = 0)") from error
    _expect_event(guest.poll([channel], "last=x"), oldest)


@LONG_POLL.check("escaped-separator", "Channels may be separated by %7C too, as browsers write it.", posts=True)
def _take_escaped(guest: PollGuest) -> None:
    channels = [guest.visit.new_channel(), guest.visit.new_channel()]
    events = guest.post_few(*channels)
    _expect_event(guest.poll(channels, f"last={read_id(events[0])}", separator="%7C"), events[1])


@LONG_POLL.check("waits", "A poll waits for the next event; all who wait get it.", posts=True)
def _wait(guest: PollGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.visit.poster() as poster:
        query = f"last={poster.last()}"
        with guest.waiting(channel, query) as one, guest.waiting(channel, query) as other:
            event: dict[str, object] = {"channel": channel, "message": {"a": 1}}
            event = {"id": poster.post(event), **event}
            _expect_event(one.answer(), event)
            _expect_event(other.answer(), event)


@LONG_POLL.check("gap", "Extension: an answer that brings a client beyond a gap names it in a header.", posts=True)
def _tell_gap(guest: PollGuest) -> None:
    _demand_gaps(guest)
    channel = guest.visit.new_channel()
    guest.post_few(channel)
    header = guest.poll([channel], "last=1").headers.get(_GAP_HEADER, "")
    _expect_gap(parse_json(header, f"the header {_GAP_HEADER}"), channel)


@LONG_POLL.check("gap-notice", "Extension: with notify=1 a gap is told at once, if there is nothing else to tell.")
def _tell_gap_at_once(guest: PollGuest) -> None:
    _demand_gaps(guest)
    channel = guest.visit.new_channel()
    answer = guest.poll([channel], "last=1&notify=1")
    _expect_gap(parse_object(answer.body).get("gaps"), channel)


@LONG_POLL.check("nowait", "Extension: with nowait=1 a poll is answered at once, though there is nothing to tell.")
def _find_out(guest: PollGuest) -> None:
    _demand_gaps(guest)
    answer = guest.poll([guest.visit.new_channel()], "nowait=1")
    require_equal([answer.status, parse_object(answer.body).get("gaps")], [200, []])


@LONG_POLL.check("time-out", "A poll that nothing comes for is answered 504, in the words of old.", slow=True)
def _time_out(guest: PollGuest) -> None:
    with guest.waiting(guest.visit.new_channel(), limit_s=_LONGEST_WAIT_S) as pending:
        answer = pending.answer()
    require(answer.status == 504, "status 504", f"status {answer.status}")
    require_equal(parse_object(answer.body), {"error": "timeout"})


def _expect_event(answer: Answer, event: object) -> None:
    require(answer.status == 200, "status 200", f"status {answer.status}: {answer.body}")
    kind = answer.headers.get("content-type", "")
    require(kind.startswith("application/json"), "Content-Type: application/json", kind)
    require_equal(parse_object(answer.body), event)


def _demand_gaps(guest: PollGuest) -> None:
    """Oyez tells browsers on every answer that they may read this header."""
    if _GAP_HEADER not in guest.poll([]).headers.get("access-control-expose-headers", "").lower():
        raise NotOffered("word of gaps")


def _expect_gap(gaps: object, channel: str) -> None:
    wanted = {"channel": channel, "from": 1}
    gap = gaps[0] if isinstance(gaps, list) and len(gaps) == 1 else None
    if not isinstance(gap, dict) or {name: gap.get(name) for name in wanted} != wanted:
        raise Mismatch([wanted], gaps)
