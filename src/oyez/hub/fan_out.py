"""The way out: publications that were delivered to the hub leave as one joined write per listener.

Knows turns of the event loop, slices of time, and how far listeners were served. Must not know who asked for which
channel, nor from which id on.

Why slices: with ten thousand listeners on a channel one event costs a tenth of a second of system calls. For that long
no ping would be answered, no post taken and no connection made. A task or a thread for each listener was rejected: it
costs more than the write itself, and loses the order over channels.
"""

from collections.abc import Callable, Iterator, Sequence

from oyez.hub.audience import Audience
from oyez.hub.chunks import cut_into_chunks
from oyez.hub.history import History
from oyez.hub.publication import EventId, Publication
from oyez.hub.replay import Replay
from oyez.hub.sparse_log import SparseLog
from oyez.hub.subscriber import Group

# Small enough that pings, posts and connects wait a few milliseconds at most, large enough that the turns of the loop
# in between cost nothing to speak of.
_SLICE_S = 0.005

# Asking the clock takes a third of the time that the loop itself takes for one listener, so it is not asked after each.
# 32 writes take less than a tenth of a slice.
MEMBERS_PER_CLOCK_READ = 32


class FanOut:
    """Writes to all listeners of a hub, a slice of time per turn of the loop.

    It is in one of two modes. Usually it takes what is pending as one batch and writes it to the groups that follow its
    channels. After a loss (`lose`), or an error of ours, it brings every listener forward from history instead, which
    comes before any newer batch.

    Args:
        audience: who listens.
        history: where listeners are brought forward from.
        replay: serves one listener at a time.
        log: for errors of ours.
        call_soon: runs a function in the next turn of the event loop.
        clock: seconds on a steady scale.
        before_turn: called before each slice.
        write_bytes: what one write to one listener may carry.
        members_per_clock_read: after how many listeners it is asked whether the slice is used up.

    Attributes:
        pending: publications that somebody follows, in rising order of ids, which no batch has taken yet.
        deliveries: events that were written to listeners, without those that `Replay` wrote.
    """

    def __init__(
        self,
        audience: Audience,
        history: History,
        replay: Replay,
        log: SparseLog,
        *,
        call_soon: Callable[[Callable[[], None]], object],
        clock: Callable[[], float],
        before_turn: Callable[[], object],
        write_bytes: int,
        members_per_clock_read: int,
    ) -> None:
        self._audience = audience
        self._history = history
        self._replay = replay
        self._log = log
        self._call_soon = call_soon
        self._clock = clock
        self._before_turn = before_turn
        self._write_bytes = write_bytes
        self._members_per_clock_read = members_per_clock_read
        self.pending: list[Publication] = []
        self.deliveries = 0
        self._in_flight: Sequence[Publication] = ()  # the batch that is being written
        self._slices: Iterator[None] | None = None  # what is left of the fan-out under way, one step a slice
        self._slice_end = 0.0
        self._turn_due = False
        self._loss_unsent = False  # events may have been lost or left undelivered, and listeners were sent no gaps
        self._behind: EventId | None = None  # while that is so: the id up to which all that keep up were served

    def served_up_to(self) -> EventId:
        """Return the id up to which every listener that keeps up was served, whatever its own position says.

        Positions of listeners are moved when something is written to them, and only then: most events are not for most
        listeners, and nobody walks over all of them to say so.
        """
        if self._behind is not None:
            return self._behind
        if self._in_flight:
            return EventId(self._in_flight[0].id - 1)
        if self.pending:
            return EventId(self.pending[0].id - 1)
        return self._history.last_id

    def wake(self) -> None:
        """Ask for a turn of the loop, if there is something to do and none is asked for."""
        if not self._turn_due and (self.pending or self._loss_unsent):
            self._turn_due = True
            self._call_soon(self._turn)

    def lose(self, served_to: EventId) -> None:
        """Plan to bring every listener forward from history; to be called before history is told of the loss.

        Args:
            served_to: an id above which no listener may be taken for served.
        """
        self._behind = min(self.served_up_to(), served_to)
        self._loss_unsent = True
        self.wake()

    def _turn(self) -> None:
        """Do one slice, and ask for another turn while there is work.

        What raises here is an error of ours that cost more than one listener: `Replay` and `_deliver_batch` handle
        those of single ones. The batch is given up, and everybody goes on from history, which loses nothing.
        """
        has_failed = False
        try:
            self._before_turn()
            if self._slices is None:
                self._slices = self._begin()
            for _ in self._slices:
                self._call_soon(self._turn)
                return
        except Exception:
            self._log.exception(
                "a batch of events is cut short after an error of ours; every listener goes on from history"
            )
            has_failed = not self._in_flight  # it was that which fails: it is tried again later
            self._behind = self.served_up_to()
            self._loss_unsent = True
        self._slices = None
        self._in_flight = ()
        self._turn_due = False
        if not self._loss_unsent:
            self._behind = None
        if not has_failed:
            self.wake()

    def _begin(self) -> Iterator[None]:
        if self._loss_unsent:
            self._loss_unsent = False
            return self._bring_all_forward()
        self._in_flight, self.pending = self.pending, []
        return self._deliver_batch(self._in_flight)

    def _bring_all_forward(self) -> Iterator[None]:
        """Serve every listener from history, with word of what is not there; yield when a slice is used up."""
        slice_end = self._clock() + _SLICE_S
        for member in self._audience.members():
            if member.lagging or member.group is None:
                continue  # it is served when it resumes, or it has left meanwhile
            member.position = max(member.position, self.served_up_to())
            self._replay.go_on(member)
            if self._clock() >= slice_end:
                yield
                slice_end = self._clock() + _SLICE_S

    def _deliver_batch(self, batch: Sequence[Publication]) -> Iterator[None]:
        """Write a batch to its listeners; yield when a slice is used up.

        Between two slices anybody may join, leave, move or change its filter. Comparing positions and groups makes that
        come out right, so there is no lock and no copy of the audience beyond one group's members.
        """
        clock, until_clock = self._clock, self._members_per_clock_read
        self._slice_end = clock() + _SLICE_S
        for group, publications in self._audience.due(batch):
            if len(publications) == 1 and len(group.members) == 1 and self._write_alone(group, publications[0]):
                until_clock -= 1
                if until_clock:
                    continue
                until_clock = self._members_per_clock_read
            else:
                yield from self._write_to_group(group, publications)
            if clock() >= self._slice_end:
                yield
                self._slice_end = clock() + _SLICE_S

    def _write_alone(self, group: Group, publication: Publication) -> bool:
        """Write one event to the only member of a group, as `_write_to_group` would; False: there is more to it.

        Where each channel has one listener, that takes half of the time.
        """
        (member,) = group.members
        data, event_id = publication.encoded(group.encoding), publication.id
        if data is None or member.lagging or member.position >= event_id:
            return False
        try:
            member.position = event_id
            self.deliveries += 1
            if not member.write(data):
                member.lagging = True
        except Exception:
            self._replay.cut_off(member)
        return True

    def _write_to_group(self, group: Group, publications: Sequence[Publication]) -> Iterator[None]:
        """Write what is due to a group, the same bytes to all members; yield when a slice is used up.

        The inner loop runs once per listener and event: names are local, and nothing in it is a call but the write.
        """
        clock, replay = self._clock, self._replay
        until_clock = self._members_per_clock_read
        for chunk, data in cut_into_chunks(publications, group.encoding, self._write_bytes):
            first, last, count = chunk[0].id, chunk[-1].id, len(chunk)
            if data is None:  # an event that cannot be written: all take the second branch
                first, data = EventId(0), b""  # noqa: PLW2901 - no third name in the inner loop
            for member in tuple(group.members):
                if member.lagging or member.group is not group:
                    continue  # it resumes from history, or it has left meanwhile
                try:
                    if member.position < first:
                        member.position = last
                        self.deliveries += count
                        if not member.write(data):
                            member.lagging = True
                    elif member.position < last:
                        rest = [publication for publication in chunk if publication.id > member.position]
                        replay.write(member, rest)
                except Exception:
                    replay.cut_off(member)
                until_clock -= 1
                if not until_clock:
                    until_clock = self._members_per_clock_read
                    if clock() >= self._slice_end:
                        yield
                        self._slice_end = clock() + _SLICE_S
