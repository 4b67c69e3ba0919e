"""Which grants were taken back before their time: those for a subject, for a channel, or for both.

Knows subjects, channels and seconds. Must not know listeners, stores or requests.

A grant says in whole seconds when it was issued. So a revocation takes back all of its own second too, and whoever
revokes is answered when that second is over: what is issued from then on is good.
"""

from typing import NamedTuple

MOST_REMEMBERED = 50_000
"""Revocations at a time, in some ten megabytes: with grants of 12 hours one more each second, all day."""

# What other daemons of the store say is remembered beyond that, up to so many times as much. It is little: each of them
# refuses more from the same number on.
_MORE_OF_OTHERS = 2


class _Revoked(NamedTuple):
    before_s: int
    until_s: int


_Key = tuple[str | None, str | None]


class Revocations:
    """All that count, the oldest first.

    Args:
        most: how many may be made.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self.most = most
        self._revoked: dict[_Key, _Revoked] = {}

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._revoked)

    def has_room_for(self, subject: str | None, channel: str | None, now_s: float) -> bool:
        """Return whether one more may be made; the arguments are those of `add`."""
        self._forget(now_s)
        return len(self._revoked) < self.most or (subject, channel) in self._revoked

    def add(self, subject: str | None, channel: str | None, before_s: int, until_s: int, now_s: float) -> bool:
        """Take back all grants for a subject and a channel; an earlier revocation of the same is part of it.

        Args:
            subject: whose grants; None: anybody's.
            channel: those for which channel; None: for any.
            before_s: the second of issue (since 1970) up to which they are taken back.
            until_s: the second from which on they are no longer good in any case.
            now_s: seconds since 1970.

        Returns:
            False: there is no room for it, and it does not count.
        """
        self._forget(now_s)
        known = self._revoked.pop((subject, channel), _Revoked(0, 0))  # it comes last again
        if len(self._revoked) >= self.most * _MORE_OF_OTHERS:
            return False
        self._revoked[subject, channel] = _Revoked(max(known.before_s, before_s), max(known.until_s, until_s))
        return True

    def last_second(self, subject: str, channel: str) -> int:
        """Return up to which second of issue grants for a subject and a channel are taken back; 0: none is."""
        if not self._revoked:
            return 0
        found = map(self._revoked.get, ((subject, channel), (subject, None), (None, channel)))
        return max((revoked.before_s for revoked in found if revoked is not None), default=0)

    def until(self, subject: str | None, channel: str | None) -> int:
        """Return until which second what is known of just this subject and channel counts; 0: nothing is known."""
        known = self._revoked.get((subject, channel))
        return 0 if known is None else known.until_s

    def _forget(self, now_s: float) -> None:
        """Forget what takes nothing back any more; the oldest are the first."""
        while self._revoked:
            oldest = next(iter(self._revoked))
            if self._revoked[oldest].until_s >= now_s:
                return
            del self._revoked[oldest]
