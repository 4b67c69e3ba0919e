"""What clients ask for, weighed by what it costs, and for how long one that asks for too much has to wait.

Knows weights, rates, and who pays. Must not know protocols, nor how somebody is made to wait.

The unit is the plainest command: a frame in, one short answer out, five microseconds on the machine where all of this
was measured. What is asked for is done first and counted then: so a client may be in debt, and waits until it has paid.
"""

from collections.abc import Callable
from typing import Protocol

from oyez.access.enforcement import Enforcement
from oyez.access.peer import Who
from oyez.access.shares import Rates, Share

CONNECTION_COMMANDS = "connection-commands"
ADDRESS_COMMANDS = "address-commands"

COMMAND = 1.0
"""Any frame or packet: ``last-msg``, a ping, a fragment without a byte, a mistake that is answered."""

REQUEST = 5.0
"""A plain HTTP request. It costs as much as fifty commands; but where WebSockets are blocked, a whole school polls."""

GUESS = 100.0
"""A wrong key too many, at whatever door: who guesses comes with a connection for each, and shall find little time."""

# JSON of ten kilobytes takes 40 to 150 microseconds to be looked at, most of all if it is broken.
_BYTES_A_UNIT = 512

# A filter of one channel takes 13 microseconds, one of ten takes 44.
_CHANNEL = 1.0

# An event of history takes 0.8 microseconds to be looked up, joined with others and written.
_EVENTS_A_UNIT = 8

# A shorter wait is not worth a pause.
_LEAST_WAIT_S = 0.001


def weigh_bytes(size: int, frames: int = 1) -> float:
    """Return what so many bytes in so many frames or packets weigh, whatever they say."""
    return frames * COMMAND + size / _BYTES_A_UNIT


def weigh_filter(channels: int, replayed: int) -> float:
    """Return what a filter weighs beside its message, by its channels and the events that it replayed."""
    return channels * _CHANNEL + replayed / _EVENTS_A_UNIT


class Worker(Protocol):
    """One session that asks for something.

    Attributes:
        share: that of its address; None: nothing is shared out there.
        paid_until: the time when all that it asked for will be paid for; at first any time that is over.
    """

    share: Share | None
    paid_until: float


class Work:
    """The rates of commands: of each session by itself, and of its address.

    Args:
        rates: what may be asked for in a second.
        enforcement: counts who asks for more, once for each time that it has to wait.
        clock: seconds on a steady scale.
    """

    def __init__(self, rates: Rates, enforcement: Enforcement, clock: Callable[[], float]) -> None:
        self._enforcement = enforcement
        self._clock = clock
        self._burst_s = 0.0
        self._ahead_s = 0.0  # of the clock, where sessions' times are: all that is owed is less by it
        self.change_rates(rates)

    def change_rates(self, rates: Rates) -> None:
        """Let sessions ask for more or less in a second from now on; what is owed already stays.

        By how much the burst is shorter now, all have paid: else whoever used some of it would owe that.
        """
        before_s = self._burst_s
        self._unit_s = 1 / rates.connection_commands.per_second
        self._burst_s = rates.connection_commands.burst / rates.connection_commands.per_second
        self._ahead_s += max(before_s - self._burst_s, 0.0)
        self._address_burst = rates.commands.burst

    def charge(self, worker: Worker, cost: float, who: Who | None = None) -> float:
        """Count what was done for a session; return for how many seconds nothing more is to be done for it.

        The session's own bucket is one number, the time when it will be full again: an idle session has nothing beside.

        Args:
            worker: the session.
            cost: of what was done.
            who: finds out who it is, where no share tells.
        """
        now = self._clock()
        paid_at = now + self._ahead_s
        worker.paid_until = paid_until = max(paid_at, worker.paid_until) + cost * self._unit_s
        share = worker.share
        own_s = paid_until - paid_at - self._burst_s
        share_s = 0.0 if share is None else share.ask(now, cost)
        if own_s < _LEAST_WAIT_S and share_s < _LEAST_WAIT_S:
            return 0.0
        if own_s >= _LEAST_WAIT_S and not self._refuses(
            CONNECTION_COMMANDS, "a session that asks for too much", share, who
        ):
            own_s = worker.paid_until = 0.0
        if share is not None and share_s >= _LEAST_WAIT_S:
            share_s = self._hold(share, share_s)
        return max(own_s, share_s, 0.0)

    def add(self, worker: Worker, cost: float) -> None:
        """Count what was done for a session, which is charged for more in a moment, and told then to wait."""
        now = self._clock()
        worker.paid_until = max(worker.paid_until, now + self._ahead_s) + cost * self._unit_s
        if worker.share is not None:
            worker.share.ask(now, cost)

    def charge_address(self, share: Share, cost: float) -> float:
        """Count what is asked for without a session; return after how many seconds it may be done."""
        wait_s = share.ask(self._clock(), cost)
        return self._hold(share, wait_s) if wait_s >= _LEAST_WAIT_S else 0.0

    def wait_s(self, share: Share, cost: float) -> float:
        """Return for how many seconds what costs so much would have to wait, of an address; nothing is counted."""
        wait_s = share.commands.wait_for(self._clock(), cost)
        return wait_s if wait_s >= _LEAST_WAIT_S else 0.0

    def _hold(self, share: Share, wait_s: float) -> float:
        if self._refuses(ADDRESS_COMMANDS, "an address that asks for too much", share):
            return wait_s
        share.commands.give_back(self._address_burst * 2)  # as if nothing had been asked for, so that all is served
        return 0.0

    def _refuses(self, reason: str, detail: str, share: Share | None, who: Who | None = None) -> bool:
        """Count that somebody has to wait, once for each wait; False: that is only observed."""
        return self._enforcement.refuses(reason, detail, share, share or who)
