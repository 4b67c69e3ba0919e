"""Grants by which listeners follow channels now: when the last one for a channel ends, the channel is taken from them.

Knows subscriptions, and when to look at which. Must not know doors, keys, nor what makes a grant end.

`HeldGrants.find` says by which grants, and so for which subjects, a subscription has its channels. One sweep serves
all: listeners lie in a bucket for each second in which one of their grants ends. Nobody has a timer.
"""

import heapq
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from oyez.access.listen_policy import GrantOutcome
from oyez.endpoints.context import HeldGrant
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel
from oyez.hub.sparse_log import SparseLog
from oyez.hub.subscriber import Subscription
from oyez.net.ticker import Ticker

logger = logging.getLogger(__name__)

# Of a contest's pages many grants end in the same second. Taking a channel away costs some 20 us: so many hold the loop
# up for ten milliseconds.
_ENDED_AT_ONCE = 500

# After a revocation more listeners than these are looked at in slices, one in each turn of the loop: 100,000 would take
# it for a quarter of a second, and for two seconds more if all of them lose a channel.
_LOOKED_AT_ONCE = 100
_SLICE_S = 0.002

# The clock of the day may be set: the next end is looked for at least as often.
_SWEEP_S = 0.9

FindEnd = Callable[[HeldGrant, float], GrantOutcome | None]
"""Returns why a grant is no longer good at a time (seconds since 1970); None: it is good."""


Revoked = tuple[str | None, Channel | None]
"""Whose grants (None: anybody's), and for which channel (None: any)."""


class _Holding(NamedTuple):
    grants: Sequence[HeldGrant]
    second: int
    """Since 1970; the bucket in which it lies."""


class HeldGrants:
    """All grants that are in use.

    Args:
        hub: where channels are taken away.
        ticker: calls `tick`.
        clock: seconds since 1970.
        find_end: what makes a grant end.
        count: called for each channel that was taken away, with the reason.
        call_soon: runs a function in the next turn of the event loop.
    """

    def __init__(
        self,
        hub: Hub,
        ticker: Ticker,
        clock: Callable[[], float],
        find_end: FindEnd,
        count: Callable[[GrantOutcome], None],
        *,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._hub = hub
        self._ticker = ticker
        self._clock = clock
        self._find_end = find_end
        self._count = count
        self._call_soon = call_soon
        self._log = SparseLog(logger, ticker.clock)
        self._asked: dict[Revoked, list[Callable[[int], None]]] = {}  # what the next walk is for, and who is told
        self._walk: Iterator[None] | None = None
        self._holdings: dict[Subscription, _Holding] = {}
        self._of_subject: dict[str, dict[Subscription, None]] = {}
        self._buckets: dict[int, dict[Subscription, None]] = {}
        self._seconds: list[int] = []  # a heap of the keys of the buckets
        self._ending: deque[Subscription] = deque()
        self._planned = 0.0  # when the next sweep is, on the ticker's clock
        self.tick_slot = 0

    def __len__(self) -> int:
        """Return how many listeners have a grant."""
        return len(self._holdings)

    def find(self, subscription: Subscription) -> Sequence[HeldGrant]:
        """Return the grants by which a listener has its channels; none for channels that are open."""
        holding = self._holdings.get(subscription)
        return () if holding is None else holding.grants

    def subjects(self) -> list[str]:
        """Return for whom there are grants in use, each once; grants for nobody in particular are passed over."""
        return [subject for subject in self._of_subject if subject]

    def has(self, subject: str, channel: Channel) -> bool:
        """Return whether somebody listens to a channel by a grant for a subject."""
        followers = self._of_subject.get(subject, ())
        grants = (grant for subscription in followers for grant in self.find(subscription))
        return any(grant.channel == channel and grant.subject == subject for grant in grants)

    def hold(self, subscription: Subscription, grants: Sequence[HeldGrant]) -> None:
        """Keep the grants of a listener's filter, in place of those that it had."""
        self.drop(subscription)
        if not grants or subscription.ended:
            return
        second = -int(-min(grant.ends_s for grant in grants) // 1)
        self._holdings[subscription] = _Holding(grants, second)
        for grant in grants:
            self._of_subject.setdefault(grant.subject, {})[subscription] = None
        if second not in self._buckets:
            self._buckets[second] = {}
            heapq.heappush(self._seconds, second)
        self._buckets[second][subscription] = None
        now_s = self._clock()
        if any(self._find_end(grant, now_s) is not None for grant in grants):  # since it was let in
            self._ending.append(subscription)
        self._plan(now_s)

    def drop(self, subscription: Subscription) -> None:
        """Forget a listener's grants; harmless if it has none."""
        holding = self._holdings.pop(subscription, None)
        if holding is None:
            return
        self._buckets.get(holding.second, {}).pop(subscription, None)
        for grant in holding.grants:
            others = self._of_subject.get(grant.subject)
            if others is not None:
                others.pop(subscription, None)
                if not others:
                    del self._of_subject[grant.subject]

    def end_some(self, subject: str | None, channel: Channel | None, tell: Callable[[int], None]) -> None:
        """Take away channels whose grants have ended before their time: of few at once, else a slice in each turn.

        However many ask meanwhile, all listeners are gone through once for them, and once more for who came later.

        Args:
            subject: whose grants may have; None: anybody's.
            channel: those for which channel; None: for any.
            tell: called at the end, with how many channels were taken from listeners, each from each counted.
        """
        found = self._holdings if subject is None else self._of_subject.get(subject, {})
        if len(found) <= _LOOKED_AT_ONCE:
            ended = {(subject, channel): 0}
            for subscription in list(found):
                self._look_at(subscription, ended)
            tell(ended[subject, channel])
            return
        self._asked.setdefault((subject, channel), []).append(tell)
        if self._walk is None:
            self._walk = self._walk_through()
            self._go_on()

    # All listeners, in slices

    def _go_on(self) -> None:
        if self._walk is None:
            return
        if next(self._walk, self) is self:
            self._walk = None
        else:
            self._call_soon(self._go_on)

    def _walk_through(self) -> Iterator[None]:
        """Look at every listener, for all that was asked until now; then again, if more was asked."""
        slice_end = self._ticker.clock() + _SLICE_S
        while self._asked:
            asked, self._asked = self._asked, {}
            ended = dict.fromkeys(asked, 0)
            channels = {channel for _, channel in asked}
            for subscription in list(self._holdings):
                if None in channels or any(grant.channel in channels for grant in self.find(subscription)):
                    self._look_at(subscription, ended)
                if self._ticker.clock() >= slice_end:
                    yield
                    slice_end = self._ticker.clock() + _SLICE_S
            for revoked, waiting in asked.items():
                for tell in waiting:
                    tell(ended[revoked])

    def _look_at(self, subscription: Subscription, ended: dict[Revoked, int]) -> None:
        """Take a listener's channels away that have ended, and count each for all that it was asked for."""
        now_s, grants = self._clock(), self.find(subscription)
        try:
            if all(self._find_end(grant, now_s) is None for grant in grants):
                return
            lost = self._end(subscription, now_s)
        except Exception:  # noqa: BLE001 - it is logged
            self._log.exception("a listener may have kept a channel that was revoked, after an error of ours")
            return
        for channel in lost:
            subjects = {grant.subject for grant in grants if grant.channel == channel}
            for revoked in ((None, None), (None, channel), *((s, c) for s in subjects for c in (None, channel))):
                if revoked in ended:
                    ended[revoked] += 1

    # The clock

    def tick(self, now: float) -> None:
        """Take away what has ended: a part of it, if it is much."""
        now_s = self._clock()
        while self._seconds and self._seconds[0] < now_s:
            self._ending.extend(self._buckets.pop(heapq.heappop(self._seconds)))
        for _ in range(min(len(self._ending), _ENDED_AT_ONCE)):
            self._end(self._ending.popleft(), now_s)
        self._plan(now_s)

    def _plan(self, now_s: float) -> None:
        """Have the next sweep in time for the next end; one that is planned for sooner stays."""
        if not self._holdings:
            return
        wait_s = 0.0 if self._ending else min(max(self._seconds[0] - now_s, 0), _SWEEP_S)
        deadline = self._ticker.clock() + wait_s
        if not self.tick_slot or deadline < self._planned:
            self._planned = deadline
            self._ticker.set(self, deadline)

    def _end(self, subscription: Subscription, now_s: float) -> Sequence[Channel]:
        """Take a listener's channels away whose grants have ended, and return them; what is left is kept."""
        grants = self.find(subscription)
        if not grants:
            return ()
        reasons = self._find_ended(grants, now_s)
        self.hold(subscription, [grant for grant in grants if self._find_end(grant, now_s) is None])
        for reason in dict.fromkeys(reasons.values()):
            channels = [channel for channel, why in reasons.items() if why is reason]
            for _ in channels:
                self._count(reason)
            self._hub.unfollow(subscription, channels, reason)
        return list(reasons)

    def _find_ended(self, grants: Sequence[HeldGrant], now_s: float) -> dict[Channel, GrantOutcome]:
        """Return the channels that no grant is left for, and what has ended the last one that there is."""
        ends = {grant: self._find_end(grant, now_s) for grant in grants}
        good = {grant.channel for grant, reason in ends.items() if reason is None}
        return {
            grant.channel: reason
            for grant, reason in ends.items()
            if reason is not None and grant.is_needed and grant.channel not in good
        }
