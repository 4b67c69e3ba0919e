"""How many listen to a channel, told to those of its listeners that ask: seldom, and only when it has changed.

Knows channels, counts and time. Must not know how a door writes a count, nor who else listens.

Whoever leaves counts for a while longer, so that a page that is loaded anew, or polls again, is no event. There is one
sweep over the channels that are asked for, and nothing runs while there are none.
"""

from collections.abc import Callable, Iterator, Sequence

from oyez.endpoints.context import TellCount
from oyez.hub.publication import Channel
from oyez.hub.subscriber import Subscription
from oyez.net.ticker import Ticker

_NEVER = float("-inf")


class StandingCount:
    """A count that rises at once, and falls when it has been lower for ``leave_s`` seconds: their highest."""

    __slots__ = ("_leave_s", "_steps")

    def __init__(self, leave_s: float) -> None:
        self._leave_s = leave_s
        self._steps: list[
            tuple[float, int]
        ] = []  # since when it has been no higher than that; each lower than the last

    def look(self, count: int, now: float) -> int:
        """Take what is counted now, and return what stands; there are as many steps at most as looks in the time."""
        steps, since = self._steps, now
        while steps and steps[-1][1] < count:
            since, _ = steps.pop()
        if not steps or steps[-1][1] > count:
            steps.append((since, count))
        while len(steps) > 1 and now - steps[1][0] >= self._leave_s:
            steps.pop(0)
        return steps[0][1]


class _Asker:
    """A listener that asks for a channel's count.

    Attributes:
        tell: writes to it.
        told: the count that it was told last; None: none yet.
        told_at: when that was.
    """

    __slots__ = ("tell", "told", "told_at")

    def __init__(self, tell: TellCount) -> None:
        self.tell = tell
        self.told: int | None = None
        self.told_at = _NEVER


class _CountedChannel:
    """A channel that somebody asks for.

    Attributes:
        standing: its count.
        askers: who asks.
        settled: the count that all of them were told; None: somebody is to be told one.
    """

    __slots__ = ("askers", "settled", "standing")

    def __init__(self, leave_s: float) -> None:
        self.standing = StandingCount(leave_s)
        self.askers: dict[Subscription, _Asker] = {}
        self.settled: int | None = None


class Presence:
    """Tells counts to who asks.

    Args:
        count: returns the number of a channel's listeners.
        is_counted: whether a rule has a channel's count told.
        ticker: the clock.
        every_s: a listener is told the count of a channel once in so many seconds at most.
        leave_s: for so many seconds somebody who has left still counts.
        sweep_s: after so many seconds it is counted again.
        slice_s: for so many seconds counts are told in one go, and the rest in the ticker's next slot.
    """

    def __init__(
        self,
        count: Callable[[Channel], int],
        is_counted: Callable[[str], bool],
        ticker: Ticker,
        *,
        every_s: float = 5.0,
        leave_s: float = 3.0,
        sweep_s: float = 1.0,
        slice_s: float = 0.005,
    ) -> None:
        self._count = count
        self._is_counted = is_counted
        self._ticker = ticker
        self._every_s = every_s
        self._leave_s = leave_s
        self._sweep_s = sweep_s
        self._slice_s = slice_s
        self._channels: dict[Channel, _CountedChannel] = {}
        self._asked: dict[Subscription, Sequence[Channel]] = {}
        self._sweep: Iterator[None] | None = None  # what is left of the one under way, one step a slice
        self._slice_end = 0.0
        self.tick_slot = 0

    def __len__(self) -> int:
        """Return for how many channels it is asked."""
        return len(self._channels)

    def ask(self, subscription: Subscription, channels: Sequence[str], tell: TellCount | None) -> int:
        """Have a listener told the counts of channels from now on, in place of those that it asked for before.

        Args:
            subscription: the listener, which follows the channels already.
            channels: of those that no rule has counted, nothing is told.
            tell: writes to it; None: it does not ask any more.

        Returns:
            How many counts it was told at once: of the channels that are new to it.
        """
        if tell is None or subscription.ended:
            self.forget(subscription)
            return 0
        counted = [Channel(name) for name in channels if self._is_counted(name)]
        before = self._asked.get(subscription, ())
        self._drop(subscription, [channel for channel in before if channel not in counted])
        if not counted:
            self._asked.pop(subscription, None)
            return 0
        self._asked[subscription] = counted
        if not self.tick_slot and self._sweep is None:
            self._plan(self._sweep_s)
        return sum(self._add(subscription, channel, tell) for channel in counted if channel not in before)

    def change_rules(self, is_counted: Callable[[str], bool]) -> None:
        """Tell the counts of other channels from now on; who listens to one that is new among them has to ask again."""
        self._is_counted = is_counted
        for subscription, channels in tuple(self._asked.items()):
            left = [channel for channel in channels if not is_counted(channel)]
            self._drop(subscription, left)
            self._asked[subscription] = [channel for channel in channels if channel not in left]
            if not self._asked[subscription]:
                del self._asked[subscription]

    def forget(self, subscription: Subscription) -> None:
        """Tell a listener nothing more; harmless to repeat."""
        self._drop(subscription, self._asked.pop(subscription, ()))

    def tick(self, now: float) -> None:
        """Count again, and tell who is to be told; what does not fit into a slice is for the next slot."""
        if self._sweep is None:
            self._sweep = self._tell_all(now)
        self._slice_end = self._ticker.clock() + self._slice_s
        for _ in self._sweep:
            self._plan(0)
            return
        self._sweep = None
        if self._channels:
            self._plan(self._sweep_s)

    def _plan(self, delay_s: float) -> None:
        self._ticker.set(self, self._ticker.clock() + delay_s)

    def _add(self, subscription: Subscription, channel: Channel, tell: TellCount) -> bool:
        """Add who asks for a channel, and tell it the count if it can take one; return whether it could."""
        counted = self._channels.get(channel)
        if counted is None:
            counted = self._channels[channel] = _CountedChannel(self._leave_s)
        asker = counted.askers[subscription] = _Asker(tell)
        now = self._ticker.clock()
        count = counted.standing.look(self._count(channel), now)
        if subscription.lagging:
            counted.settled = None
            return False
        asker.told, asker.told_at = count, now
        tell(channel, count)
        return True

    def _drop(self, subscription: Subscription, channels: Sequence[Channel]) -> None:
        for channel in channels:
            counted = self._channels[channel]
            counted.askers.pop(subscription, None)
            if not counted.askers:
                del self._channels[channel]

    def _tell_all(self, now: float) -> Iterator[None]:
        for channel, counted in tuple(self._channels.items()):
            count = counted.standing.look(self._count(channel), now)
            if counted.settled != count:
                yield from self._tell_askers(channel, counted, count, now)
            elif self._ticker.clock() >= self._slice_end:
                yield

    def _tell_askers(self, channel: Channel, counted: _CountedChannel, count: int, now: float) -> Iterator[None]:
        """Tell a count to all that ask for it, but for those that were told one lately or do not keep up."""
        counted.settled = count
        for subscription, asker in tuple(counted.askers.items()):
            if asker.told != count and subscription in counted.askers and channel in subscription.channels:
                if subscription.lagging or now - asker.told_at < self._every_s:
                    counted.settled = None
                else:
                    asker.told, asker.told_at = count, now
                    asker.tell(channel, count)
            if self._ticker.clock() >= self._slice_end:
                yield
