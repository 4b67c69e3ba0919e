"""The check of a poster's key, the same at every door: a wrong one is noted, and too many make their address wait.

Knows who may post and who has failed. Must not know how a door is asked, nor how it answers.
"""

import math
import random
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, Protocol

from oyez.access.enforcement import Enforcement
from oyez.access.failures import FailedAttempts
from oyez.access.ip_addresses import Network
from oyez.access.keys import KeyHolder, PostPolicy, Verdict, explain_refusal, is_known_place, judge_poster, renew_keys
from oyez.access.peer import Peer
from oyez.access.shares import Share

# Of one address: so many wait for their answer. Who they are is decided by lot among all who come during the wait, and
# the others are put off without a look at what they show. Else whoever guesses could keep all others out for ever.
_MOST_HELD = 10

# In a known place: sites' posters and the doctor wait for five seconds, and have to learn that their key is wrong.
_LONGEST_KNOWN_WAIT_S = 4.0


class Denial(NamedTuple):
    """A poster that is refused. The reason is the operator's alone."""

    cut_off: bool = False
    """There were too many from there: its connection ends. Else another try is welcome."""
    wait_s: float = 0.0
    """How long it has to wait before it is answered again."""
    judged: bool = True
    """Whether what it showed was looked at."""

    @property
    def retry_after_s(self) -> int:
        """When to come back, for a header."""
        return max(math.ceil(self.wait_s), 1)


class Deadlines(Protocol):
    """The clock, as far as it is needed here."""

    clock: Callable[[], float]

    def set(self, timed: "HeldAttempt", deadline: float, /) -> None:
        """Plan to call ``timed.tick`` at a time on the clock."""
        ...

    def clear(self, timed: "HeldAttempt", /) -> None:
        """Forget that; harmless when there is nothing planned."""
        ...


class HeldAttempt:
    """A poster whose address has to wait: it is answered when that is over, unless it goes away before.

    What it showed has been looked at; that is what it must not learn any sooner.
    """

    __slots__ = ("_answer", "_finish", "_give_up", "tick_slot")

    def __init__(self, finish: Callable[[], "KeyHolder | Denial"], give_up: Callable[["HeldAttempt"], None]) -> None:
        self._finish = finish
        self._give_up = give_up
        self._answer: Callable[[KeyHolder | Denial], None] | None = None
        self.tick_slot = 0

    def then(self, answer: Callable[[KeyHolder | Denial], None]) -> None:
        """Say who is told, when the wait is over."""
        self._answer = answer

    def give_up(self) -> None:
        """Leave without an answer: the connection has ended. Harmless to repeat, and after the answer."""
        if self._answer is not None:
            self._answer = None
            self._give_up(self)

    def tick(self, now: float) -> None:
        """Answer: the wait is over."""
        self._end(self._finish)

    def put_off(self, wait_s: float = 0.0) -> None:
        """Answer at once, without a word on the key: the daemon stops, or another has the place.

        Args:
            wait_s: after how many seconds to come back.
        """
        self._end(lambda: Denial(cut_off=True, wait_s=wait_s, judged=False))

    def _end(self, find_answer: Callable[[], "KeyHolder | Denial"]) -> None:
        answer = self._answer
        if answer is not None:
            self.give_up()
            answer(find_answer())


class _Judgement(NamedTuple):
    verdict: Verdict
    holder: KeyHolder | None
    peer: Peer
    failed_before: int
    local_need_none: bool


class _Crowd:
    """All of one address who wait, and how many have come since the first of them."""

    __slots__ = ("came", "held")

    def __init__(self) -> None:
        self.held: list[HeldAttempt] = []
        self.came = 0

    def find_place(self, draw: Callable[[int], int]) -> int | None:
        """Return the place of one more, which may be taken; None: it has drawn none.

        Whoever comes, each has the same chance to be among those who wait at the end (Vitter's algorithm R, "Random
        sampling with a reservoir", 1985).
        """
        self.came += 1
        if len(self.held) < _MOST_HELD:
            return len(self.held)
        place = draw(self.came)
        return place if place < _MOST_HELD else None


class PosterCheck:
    """The check of keys, one for all doors.

    Args:
        policy: who may post.
        failures: counts wrong keys by address.
        enforcement: counts refusals, with their reasons for the operator, and says whether an address has to wait.
        find_share: finds the share of the address that a poster has, where failures count too.
        deadlines: the clock by which attempts are held, the same as that of ``failures``.
        exempt_networks: where nobody with the right key waits for the failures of others, besides those of the policy.
        draw: returns a number below another one, by lot.

    Attributes:
        keyless: stands for all who are let in without a key.
    """

    def __init__(
        self,
        policy: PostPolicy,
        failures: FailedAttempts,
        enforcement: Enforcement,
        deadlines: Deadlines,
        *,
        find_share: Callable[[Peer], Share | None] = lambda _: None,
        exempt_networks: Sequence[Network] = (),
        draw: Callable[[int], int] = random.randrange,
    ) -> None:
        self._former: list[KeyHolder] = []  # of keys or names that are gone; what they have posted still counts
        self._failures = failures
        self._enforcement = enforcement
        self._refuses = enforcement.refuses
        self._deadlines = deadlines
        self._find_share = find_share
        self._set_policy(policy, exempt_networks)
        self._draw = draw
        self._crowds: dict[Hashable, _Crowd] = {}
        self._is_stopping = False
        self.keyless = KeyHolder()

    def change_policy(
        self, policy: PostPolicy, exempt_networks: Sequence[Network], failures_per_minute: int | None = None
    ) -> None:
        """Judge by another policy from now on; holders of keys that it has no longer may post nothing any more.

        Args:
            policy: who may post.
            exempt_networks: as of the class.
            failures_per_minute: how many wrong keys an address has for free; None: as before.
        """
        if failures_per_minute is not None:
            self._failures.per_minute = failures_per_minute
        keys, former = renew_keys(self._policy.keys, policy.keys)
        self._former += former
        self._set_policy(PostPolicy(keys, policy.sender_networks), exempt_networks)

    def _set_policy(self, policy: PostPolicy, exempt_networks: Sequence[Network]) -> None:
        self._policy = policy
        of_keys = [network for key in policy.keys for network in key.networks]
        self._known_networks = (*policy.sender_networks, *of_keys, *exempt_networks)

    @property
    def has_key(self) -> bool:
        """Whether there is a key to compare with."""
        return bool(self._policy.keys)

    def count_posts(self) -> dict[str, int]:
        """Return how many events were posted, by the name of the key."""
        counts = {self.keyless.name: self.keyless.posts}
        for holder in (*(key.holder for key in self._policy.keys), *self._former):
            counts[holder.name] = counts.get(holder.name, 0) + holder.posts
        return counts

    def judge(
        self, token: object, peer: Peer, failed_before: int = 0, *, local_need_none: bool = False
    ) -> KeyHolder | Denial | HeldAttempt:
        """Judge a poster by the key that it shows.

        The right key from where no stranger is never waits. From elsewhere it does while its address has to, since
        whoever guesses would know it by that; it is not refused for it, unless too many wait, and it has drawn no place
        among them.

        Args:
            token: what it shows; None: nothing.
            peer: who it is.
            failed_before: wrong keys on the same connection. Before a right one they are no guesses, and forgotten.
            local_need_none: others on this machine may post without a key where it asks; for the operator.
        """
        attempt = _Judgement(*judge_poster(self._policy, token, peer), peer, failed_before, local_need_none)
        who = peer.counted_as
        wait_s = self._bound_wait(self._failures.wait_s(who), peer)
        if not wait_s or (attempt.verdict is Verdict.ALLOWED and is_known_place(self._known_networks, peer)):
            return self._decide(attempt)
        share = self._find_share(peer)
        if not self._refuses("auth-wait", "a key is shown while its address has to wait", share, peer):
            return self._decide(attempt)
        held = None if self._is_stopping else self._hold(attempt, who, wait_s)
        return held or Denial(cut_off=True, wait_s=wait_s, judged=False)

    def find_holder(self, token: str, peer: Peer) -> KeyHolder | None:
        """Return whose key is shown, if it is right where it is shown; a wrong one is not counted."""
        verdict, holder = judge_poster(self._policy, token, peer)
        return holder if verdict is Verdict.ALLOWED else None

    def has_to_wait(self, who: Hashable) -> bool:
        """Return whether there were too many wrong keys of somebody (`Peer.counted_as`): then `judge` has to decide."""
        return bool(self._failures) and self._failures.wait_s(who) > 0

    def stop(self) -> None:
        """Put off all who wait, and who would have to wait from now on: the daemon stops."""
        self._is_stopping = True
        for held in [held for crowd in self._crowds.values() for held in crowd.held]:
            held.put_off()

    def _hold(self, attempt: _Judgement, who: Hashable, wait_s: float) -> HeldAttempt | None:
        """Let somebody wait, in place of another one if it has to be; None: it has drawn no place."""
        crowd = self._crowds.setdefault(who, _Crowd())
        place = crowd.find_place(self._draw)
        if place is None:
            return None

        def give_up(held: HeldAttempt) -> None:
            self._deadlines.clear(held)
            crowd.held.remove(held)
            if not crowd.held and self._crowds.get(who) is crowd:
                del self._crowds[who]

        held = HeldAttempt(lambda: self._decide(attempt), give_up)
        before = crowd.held[place : place + 1]
        crowd.held.append(held)
        self._deadlines.set(held, self._deadlines.clock() + wait_s)
        for one in before:
            one.put_off(wait_s)
        return held

    def _decide(self, attempt: _Judgement) -> KeyHolder | Denial:
        verdict, holder, peer, failed_before, local_need_none = attempt
        if holder is not None and holder.is_void:  # the settings were read again while it waited
            verdict = Verdict.WRONG_KEY
        if verdict is Verdict.ALLOWED and holder is not None:
            if holder.channels is None:  # a key for some channels must not buy guesses at those of others
                self._failures.take_back(peer.counted_as, failed_before)
            return holder
        failure = self._failures.add(peer.counted_as)
        why = explain_refusal(verdict, peer, holder, local_need_none=local_need_none)
        wait_s = self._bound_wait(failure.wait_s, peer)
        if wait_s:
            why += f" (number {failure.number} there, so it waits {wait_s:.0f} s)"
        self._enforcement.count_refusal("auth-failed", why, self._find_share(peer), peer)
        return Denial(cut_off=bool(wait_s), wait_s=wait_s)

    def _bound_wait(self, wait_s: float, peer: Peer) -> float:
        """Return how long a wrong key has to wait, which is shorter where no stranger is."""
        if wait_s > _LONGEST_KNOWN_WAIT_S and is_known_place(self._known_networks, peer):
            return _LONGEST_KNOWN_WAIT_S
        return wait_s
