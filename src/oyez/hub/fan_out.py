"""The way out: publications that were delivered to the hub leave as one joined write per listener.

Knows turns of the event loop, slices of time, and how far listeners were served. Must not know who asked for which
channel, nor from which id on.

Why slices: with ten thousand listeners on a channel one event costs a tenth of a second of system calls. For that long
no ping would be answered, no post taken and no connection made. A task or a thread for each listener was rejected: it
costs more than the write itself, and loses the order over channels.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from oyez.hub.audience import Audience
from oyez.hub.chunks import Chunk, cut_into_chunks
from oyez.hub.held_groups import HeldGroups, leave_out_superseded
from oyez.hub.history import History
from oyez.hub.publication import EventId, Publication
from oyez.hub.rates import ChannelRate, FindRate
from oyez.hub.replay import Replay
from oyez.hub.sparse_log import SparseLog
from oyez.hub.subscriber import Group, Subscription
from oyez.hub.waiting_groups import Begun, WaitingGroups

# Small enough that pings, posts and connects wait a few milliseconds at most, large enough that the turns of the loop
# in between cost nothing to speak of.
_SLICE_S = 0.005

# Asking the clock takes a third of the time that the loop itself takes for one listener, so it is not asked after each.
# 32 writes take less than a tenth of a slice.
MEMBERS_PER_CLOCK_READ = 32

# Members of a group that take about a millisecond to be written to: a larger one waits until all small ones are served.
CROWD = 100

_Due = tuple[Group, list[Publication]]


class FanOut:
    """Writes to all listeners of a hub, a slice of time per turn of the loop.

    It is in one of two modes. Usually it takes what is pending as one batch, in each slice, and writes it to the groups
    that follow its channels. Those that have no room in the slice wait, as large ones always do: so a new event for few
    is not late for the many of another. After a loss (`lose`), or an error of ours, it brings every listener forward
    from history instead, which comes before any newer batch.

    Args:
        audience: who listens.
        history: where listeners are brought forward from.
        replay: serves one listener at a time.
        log: for errors of ours.
        call_soon: runs a function in the next turn of the event loop.
        call_later: runs a function after so many seconds.
        clock: seconds on a steady scale.
        before_turn: called before each slice.
        write_bytes: what one write to one listener may carry.
        members_per_clock_read: after how many listeners it is asked whether the slice is used up.
        crowd: how many members a small group may have.
        find_rate: says how often listeners of a channel are written to; None: there are no rules for that.

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
        call_later: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float],
        before_turn: Callable[[], object],
        write_bytes: int,
        members_per_clock_read: int,
        crowd: int = CROWD,
        find_rate: FindRate | None = None,
    ) -> None:
        self._audience = audience
        self._history = history
        self._replay = replay
        self._log = log
        self._call_soon = call_soon
        self._clock = clock
        self._before_turn = before_turn
        self._write_bytes = write_bytes
        self._members_per_clock_read = self._until_clock = members_per_clock_read
        self._crowd = crowd
        self.pending: list[Publication] = []
        self.deliveries = 0
        self._in_flight: Sequence[Publication] = ()  # the batch that is being written
        self._waiting = WaitingGroups()  # for what is left of those before
        self._hold = partial(
            HeldGroups, call_later=call_later, clock=clock, wake=self.wake, write_to=replay.serve, resume=replay.resume,
            newest_id=history.newest_id, is_waiting=self._waiting.__contains__,
        )  # fmt: skip
        self._held: HeldGroups | None = None if find_rate is None else self._hold(find_rate)
        self._forward: Iterator[None] | None = None  # all are being brought forward from history, one step a slice
        self._slice_end = 0.0
        self._turn_due = False
        self._is_served = False  # the slice of this turn is done
        self._has_more = False
        self._has_failed = False
        self._loss_unsent = False  # events may have been lost or left undelivered, and listeners were sent no gaps
        self._behind: EventId | None = None  # while that is so: the id up to which all that keep up were served

    def change_rates(self, find_rate: FindRate | None) -> None:
        """Let other rules say how often listeners are written to; what was held by others before goes out at once."""
        if self._held is not None:
            self._held.change_rates(find_rate or (lambda _: ChannelRate()))
            self.wake()
        elif find_rate is not None:
            self._held = self._hold(find_rate)

    def served_up_to(self, group: Group | None = None) -> EventId:
        """Return the id up to which every listener that keeps up was served, whatever its own position says.

        Positions of listeners are moved when something is written to them, and only then: most events are not for most
        listeners, and nobody walks over all of them to say so.

        Args:
            group: whose listeners are meant: it waits for nothing that is held for others. None: those of any group.
        """
        if self._behind is not None:
            return self._behind
        unserved = [publications[0].id for publications in (self._in_flight, self.pending) if publications]
        if self._waiting and (oldest := self._waiting.oldest_due(group)) is not None:
            unserved.append(oldest)
        if self._held is not None and (oldest := self._held.oldest_due(group)) is not None:
            unserved.append(oldest)
        return EventId(min(unserved) - 1) if unserved else self._history.last_id

    def hold_back(self, subscription: Subscription) -> bool:
        """Let a listener wait that has come back too early for the rules; `HeldGroups.hold_back`."""
        return self._held is not None and self._held.hold_back(subscription)

    def wake(self) -> None:
        """Ask for a turn of the loop, if there is something to do and none is asked for."""
        self._has_failed = False  # also what failed is tried again then
        if not self._turn_due and (self._is_batch_due() or self._loss_unsent):
            self._turn_due = True
            self._call_soon(self._turn)

    def _is_batch_due(self) -> bool:
        return bool(self.pending) or (self._held is not None and self._held.is_due())

    def lose(self, served_to: EventId) -> None:
        """Plan to bring every listener forward from history; to be called before history is told of the loss.

        Args:
            served_to: an id above which no listener may be taken for served.
        """
        self._behind = min(self.served_up_to(), served_to)
        self._loss_unsent = True
        self.wake()

    def hurry(self) -> None:
        """Do the slice that is planned for this turn of the loop now, before what others have asked for is done.

        Who floods, and who has much to catch up with, asks for a turn in the turn before, and would come first.
        """
        if self._turn_due and not self._is_served:
            self._is_served = True
            self._has_more = self._try_slice()

    def _turn(self) -> None:
        """Do one slice, if that is not done, and ask for another turn while there is work."""
        if not self._is_served:
            self._has_more = self._try_slice()
        self._is_served = False
        if self._has_more:
            self._call_soon(self._turn)
            return
        self._turn_due = False
        if not self._has_failed:
            self.wake()

    def _try_slice(self) -> bool:
        """Do one slice; return whether there is more of the same to do.

        What raises here is an error of ours that cost more than one listener: `Replay` and `_write_to_group` handle
        those of single ones. The batch is given up, and everybody goes on from history, which loses nothing.
        """
        self._has_failed = False
        try:
            self._before_turn()
            if self._do_slice():
                return True
        except Exception:
            self._log.exception(
                "a batch of events is cut short after an error of ours; every listener goes on from history"
            )
            self._has_failed = self._forward is not None  # it was that which fails: it is tried again later
            self._behind = self.served_up_to()
            self._loss_unsent = True
            self._forward = None
            self._in_flight = ()
            self._waiting.clear()
            self._forget_held()
        if not self._loss_unsent:
            self._behind = None
        return False

    def _do_slice(self) -> bool:
        """Go on until the slice is used up; return whether something is left."""
        now = self._clock()
        self._slice_end = now + _SLICE_S
        if self._forward is None and self._loss_unsent and not self._waiting:
            self._loss_unsent = False
            self._forget_held()
            self._forward = self._bring_all_forward()
        if self._forward is not None:
            for _ in self._forward:
                return True
            self._forward = None
            return False
        others_wait = bool(self._waiting)
        if self._is_batch_due() and not self._loss_unsent:
            if others_wait:
                self._slice_end = now + _SLICE_S / 2
            self._write_batch()
            self._slice_end = now + _SLICE_S
        if others_wait or self._clock() < self._slice_end:
            self._write_to_waiting()
        return bool(self._waiting)

    def _forget_held(self) -> None:
        if self._held is not None:
            self._held.clear()

    def _bring_all_forward(self) -> Iterator[None]:
        """Serve every listener from history, with word of what is not there; yield when a slice is used up."""
        for member in self._audience.members():
            if member.lagging or member.group is None:
                continue  # it is served when it resumes, or it has left meanwhile
            member.position = max(member.position, self.served_up_to())
            self._replay.go_on(member)
            if self._clock() >= self._slice_end:
                yield

    def _write_batch(self) -> None:
        """Write what is pending until the slice is used up; the others wait, and so do all large groups.

        Between two slices anybody may join, leave, move or change its filter. Comparing positions and groups makes that
        come out right, so there is no lock and no copy of the audience beyond one group's members.
        """
        self._in_flight, self.pending = self.pending, []
        due = self._audience.due(self._in_flight)
        small = self._small_of(due if self._held is None else self._held.pass_on(due))
        self._write_to_small(small)
        for group, publications in small:  # there is no time for these
            self._waiting.add_small(group, publications)
        self._in_flight = ()

    def _small_of(self, due: Iterator[_Due]) -> Iterator[_Due]:
        """Pass on the small groups of a batch that do not wait already, and let the others wait."""
        waiting, crowd = self._waiting, self._crowd
        for group, publications in due:
            if waiting and waiting.join(group, publications):
                continue
            if len(group.members) > crowd:
                waiting.add_large(group, publications, [])
            else:
                yield group, publications

    def _write_to_waiting(self) -> None:
        """Go on with groups that wait, until none does or the slice is used up; for one step at least."""
        waiting = self._waiting
        while waiting:
            begun = waiting.next_large()
            if begun is not None:
                self._go_on_with(begun)
            else:
                self._write_to_small(self._small_that_waited())
                self._in_flight = ()
            if self._clock() >= self._slice_end:
                break
        waiting.end_slice()

    def _small_that_waited(self) -> Iterator[_Due]:
        for group, publications in self._waiting.take_small():
            self._in_flight = publications
            yield group, self._still_due(publications)

    def _still_due(self, publications: list[Publication]) -> list[Publication]:
        """Return what is due to a group that has waited."""
        return publications if self._held is None else leave_out_superseded(publications)

    def _write_to_small(self, due: Iterator[_Due]) -> None:
        """Write to small groups until the slice is used up, or there are no more."""
        clock, until_clock = self._clock, self._members_per_clock_read
        for group, publications in due:
            if len(publications) == 1 and len(group.members) == 1 and self._write_alone(group, publications[0]):
                until_clock -= 1
                if until_clock:
                    continue
                until_clock = self._members_per_clock_read
            else:
                self._write_or_wait(group, publications)
            if clock() >= self._slice_end:
                break

    def _write_or_wait(self, group: Group, publications: list[Publication]) -> None:
        """Write to a small group, which takes turns with the large ones if the slice does not suffice."""
        more: list[Publication] = []
        steps = self._write_to_group(group, publications, more)
        for _ in steps:
            self._waiting.add_large(group, publications, more, steps)
            return

    def _go_on_with(self, begun: Begun) -> None:
        """Write to a large group until the slice is used up."""
        if begun.steps is None:
            begun.steps = self._write_to_group(begun.group, self._still_due(begun.publications), begun.more)
        for _ in begun.steps:
            self._waiting.end_turn(begun, finished=False)
            return
        self._waiting.end_turn(begun, finished=True)

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

    def _write_to_group(
        self, group: Group, publications: Sequence[Publication], more: Sequence[Publication]
    ) -> Iterator[None]:
        """Write what is due to a group, the same bytes to all members; yield when a slice is used up.

        What becomes due between two slices goes with the rest to those whose turn has not come. So nobody waits for it
        longer than one round takes, wherever the round is when it comes. Positions tell the next round who has it.

        Args:
            group: whose members are written to.
            publications: what is due to all of them.
            more: what becomes due meanwhile, as it grows. The next round begins with that.
        """
        joined, members = 0, iter(tuple(group.members))
        while publications:
            run, publications, whom = publications, (), tuple(members)
            for chunk in cut_into_chunks(run, group.encoding, self._write_bytes):
                members = iter(whom)
                while not self._write_chunk(group, members, chunk):
                    yield
                    if joined < len(more) and chunk[0][-1] is run[-1]:
                        publications = self._still_due([*chunk[0], *more[joined:]])
                        joined = len(more)
                        break

    def _write_chunk(self, group: Group, members: Iterator[Subscription], chunk: Chunk) -> bool:
        """Write a chunk to members of a group until the slice is used up; return whether they all have had their turn.

        The inner loop runs once per listener and event: names are local, and nothing in it is a call but the write.
        """
        (publications, data), replay = chunk, self._replay
        first, last, count = publications[0].id, publications[-1].id, len(publications)
        if data is None:  # an event that cannot be written: all take the second branch
            first, data = EventId(0), b""
        until_clock = self._until_clock
        for member in members:
            if member.lagging or member.group is not group:
                continue  # it resumes from history, or it has left meanwhile
            try:
                if member.position < first:
                    member.position = last
                    self.deliveries += count
                    if not member.write(data):
                        member.lagging = True
                elif member.position < last:
                    replay.write(
                        member, [publication for publication in publications if publication.id > member.position]
                    )
            except Exception:
                replay.cut_off(member)
            until_clock -= 1
            if not until_clock:
                until_clock = self._members_per_clock_read
                if self._clock() >= self._slice_end:
                    self._until_clock = until_clock
                    return False
        self._until_clock = until_clock
        return True
