"""What peers did wrong, or were refused: counted for the metrics, and for the log who did most of it.

Knows the clock, and hosts by their numbers. Must not know protocols, nor how anybody is found out.

Of each reason the first is logged at once. What comes within the next 20 seconds is counted, and told in one line with
the addresses that most of it came from; so it goes on until nothing has come for that long.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable

from oyez.access.ip_addresses import host_name
from oyez.access.peer import Noted, Who

logger = logging.getLogger(__name__)

_INTERVAL_S = 20.0  # between two lines of one reason

# Hosts that are counted within one interval of one reason. Who did more than a 65th of it is always among them.
_HOSTS = 64

# In a line: the worst, and those beside it with a good part of its own. One that hides behind a worse one is named too.
_NAMED = 3
_GOOD_PART = 0.1

_LONGEST_DETAIL = 200

# Of what is noted, this may call for the operator; all else is a slip of some visitor, or of a program of his.
_FOR_THE_OPERATOR = frozenset(
    {
        "address-commands", "address-connections", "address-connects", "address-replay", "address-sockets",
        "at-capacity", "auth-failed", "auth-wait", "bad-record", "clock-ahead", "may-not-post",
    }
)  # fmt: skip


class Notes:
    """What peers did wrong: counted always, logged a few times a minute at most.

    Args:
        clock: seconds on a steady scale.

    Attributes:
        counts: how much of it there was, by reason.
        observed: how often a limit was met that only counts, by reason.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[str] = Counter()
        self.observed: Counter[str] = Counter()
        self._clock = clock
        self._intervals: dict[str, _Interval] = {}

    def __call__(self, reason: str, detail: str, who: Who | None = None, /) -> None:
        """Count one more of ``reason``.

        Args:
            reason: one of a few.
            detail: for the log; has to be free of secrets.
            who: it was, or what finds out, which is called each time; None: no peer.
        """
        self.counts[reason] += 1
        self._log(reason, reason, detail, who)

    def observe(self, reason: str, detail: str, who: Who | None = None, /) -> None:
        """Count what would have been refused, if its limit did more than count; the arguments are those of a note."""
        self.observed[reason] += 1
        self._log(f"{reason} (only observed)", reason, detail, who)

    def _log(self, title: str, reason: str, detail: str, who: Who | None) -> None:
        now = self._clock()
        noted = who() if callable(who) else who
        interval = self._intervals.get(title)
        if interval is None:
            level = logging.WARNING if reason in _FOR_THE_OPERATOR else logging.INFO
            self._intervals[title] = _Interval(now, level)
            from_whom = f", from {noted}" if noted is not None else ""
            logger.log(level, "%s: %s%s", title, detail[:_LONGEST_DETAIL], from_whom)
            return
        interval.count(detail, noted)
        if now - interval.began >= _INTERVAL_S:
            self._tell(title, interval, now)

    def tell_what_is_due(self) -> None:
        """Log what the intervals that are over have counted. To be called now and then, though nothing is noted."""
        now = self._clock()
        due = [(title, one) for title, one in self._intervals.items() if now - one.began >= _INTERVAL_S]
        for title, interval in due:
            self._tell(title, interval, now)

    def tell_the_rest(self) -> None:
        """Log what was counted so far: nothing more will be."""
        now = self._clock()
        for title, interval in list(self._intervals.items()):
            self._tell(title, interval, now)

    def _tell(self, title: str, interval: "_Interval", now: float) -> None:
        """Log an interval, and begin another one; if nothing has come, the next is logged at once again."""
        del self._intervals[title]
        if interval.counted:
            logger.log(interval.level, "%s: %s", title, interval.describe(now))
            self._intervals[title] = _Interval(now, interval.level)


class _Interval:
    """What was noted of one reason since its last line.

    Hosts are counted as Misra and Gries do ("Finding repeated elements", 1982): where there are too many, each loses
    one. So nobody is named for more than it did, and whoever did most of it is not missed.
    """

    __slots__ = ("_detail", "_hosts", "_is_exact", "began", "counted", "level")

    def __init__(self, began: float, level: int) -> None:
        self.began = began
        self.level = level
        self.counted = 0
        self._detail = ""
        self._hosts: dict[int | None, int] = {}
        self._is_exact = True

    def count(self, detail: str, noted: Noted | None) -> None:
        self.counted += 1
        self._detail = detail
        if noted is None:
            return
        hosts, key = self._hosts, noted.key
        if key in hosts or len(hosts) < _HOSTS:
            hosts[key] = hosts.get(key, 0) + 1
        else:
            self._is_exact = False
            self._hosts = {host: count - 1 for host, count in hosts.items() if count > 1}

    def describe(self, now: float) -> str:
        """Return ``1,234 more in 20 s, 800 of them from 203.0.113.9, 300 from 192.0.2.7; the last: …``."""
        counted = f"{self.counted:,} more in {now - self.began:.0f} s"
        return f"{counted}{self._describe_hosts()}; the last: {self._detail[:_LONGEST_DETAIL]}"

    def _describe_hosts(self) -> str:
        if not self._hosts:
            return "" if self._is_exact else ", from many addresses"
        (worst, most), *others = Counter(self._hosts).most_common(_NAMED)
        if most == self.counted:
            return f", {'all ' if most > 1 else ''}from {_name(worst)}"
        named = [f"{most:,} of them from {_name(worst)}"]
        named += [f"{count:,} from {_name(host)}" for host, count in others if count > max(most * _GOOD_PART, 1)]
        return f", {'' if self._is_exact else 'at least '}{', '.join(named)}"


def _name(host: int | None) -> str:
    return "where no address can be told" if host is None else host_name(host)
