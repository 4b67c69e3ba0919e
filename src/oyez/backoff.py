"""How long to wait before what has failed is tried again.

Knows numbers. Must not know what is tried, nor how the waiting is done.
"""

import random

_FACTOR = 2.0

# A server's word is taken within these bounds only: it must not make a client hammer it, nor sleep for days.
_SHORTEST_ASKED_S = 0.1
_LONGEST_ASKED_S = 600.0


class Backoff:
    """Pauses in seconds, each twice as long as the one before, until the longest is reached.

    Args:
        first_s: the pause to begin with.
        longest_s: where they stop growing.
        spread: two factors between which chance multiplies each pause: whoever lost the same server at the same
            moment would else come back at the same moment. What the pauses grow from is left as it is.
    """

    def __init__(self, first_s: float, longest_s: float, *, spread: tuple[float, float] = (1.0, 1.0)) -> None:
        self._first_s = self._next_s = first_s
        self._longest_s = self._cap_s = longest_s
        self._spread = spread

    def take(self) -> float:
        """Return the pause to make now."""
        pause_s, self._next_s = self._next_s, min(self._next_s * _FACTOR, self._cap_s)
        return pause_s * random.uniform(*self._spread)  # noqa: S311 - spreads those who come back, hides no secret

    def restart(self, asked_s: float | None = None) -> None:
        """Begin anew: with the first pause, or with the one that the server asked for, and never a shorter one."""
        if asked_s is None:
            self._next_s, self._cap_s = self._first_s, self._longest_s
            return
        self._next_s = min(max(asked_s, _SHORTEST_ASKED_S), _LONGEST_ASKED_S)
        self._cap_s = max(self._next_s, self._longest_s)
