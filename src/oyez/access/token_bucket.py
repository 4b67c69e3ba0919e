"""A rate with bursts, and what is left of it: a token bucket.

Knows a rate and the time that it is told. Must not know whose bucket it is, nor what a token stands for.
"""

from oyez.setting import Rate


class TokenBucket:
    """How much of a rate is left; it begins full.

    There are two ways to take: `take` refuses what is not there, `spend` lends it and says how long it takes to fill up
    again. Times are seconds on a scale that never falls.
    """

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = now

    def change_rate(self, rate: Rate, now: float) -> None:
        """Fill at another rate from now on: with what is left, or owed, and what a larger burst has more.

        Nobody is in debt for a smaller one.
        """
        more = max(rate.burst - self._rate.burst, 0.0)
        self._tokens = min(self._fill(now) + more, rate.burst)
        self._rate = rate

    def take(self, now: float, tokens: float = 1) -> bool:
        """Take tokens, if they are there; False: nothing was taken."""
        if self._fill(now) < tokens:
            return False
        self._tokens -= tokens
        return True

    def spend(self, now: float, tokens: float = 1) -> float:
        """Take tokens, also those that are not there yet; return for how many seconds that is a debt."""
        left = self._fill(now) - tokens
        self._tokens = left
        return -left / self._rate.per_second if left < 0 else 0.0

    def give_back(self, tokens: float) -> None:
        """Return what was taken and not used."""
        self._tokens = min(self._tokens + tokens, self._rate.burst)

    def wait_for(self, now: float, tokens: float = 1) -> float:
        """Return after how many seconds so many tokens are there; more than the burst never are."""
        return max(tokens - self._fill(now), 0.0) / self._rate.per_second

    def is_full(self, now: float) -> bool:
        """Return whether nothing is left of what was taken."""
        return self._fill(now) >= self._rate.burst

    def _fill(self, now: float) -> float:
        tokens = self._tokens
        if now > self._at:
            tokens += (now - self._at) * self._rate.per_second
            self._tokens = tokens = min(tokens, self._rate.burst)
            self._at = now
        return tokens
