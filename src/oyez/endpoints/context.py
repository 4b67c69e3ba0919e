"""What every door works with: the hub, the limits, the clock, and whether there is room for one more.

Knows the parts that doors share. Must not know any door, nor a wire format.
"""

from collections.abc import Callable
from dataclasses import dataclass

from oyez.access.capacity import Seats
from oyez.access.origins import Origins
from oyez.access.peer import FindPeer, Note, Peers
from oyez.hub.hub import Hub
from oyez.limits import LimitSettings
from oyez.net.ticker import Ticker


@dataclass(frozen=True, slots=True)
class DoorContext:
    """The parts of the daemon that a door works with: one object for all doors, of posters too.

    Attributes:
        hub: the channels.
        seats: room for listeners.
        ticker: the clock.
        note: counts what peers did wrong.
        limits: how much one client may ask for.
        origins: whose pages may listen.
        peers: how clients are told apart.
        may_open: whether there is room for one more session, of any kind.
    """

    hub: Hub
    seats: Seats
    ticker: Ticker
    note: Note
    limits: LimitSettings
    origins: Origins
    peers: Peers
    may_open: Callable[[FindPeer], bool]

    def take_seat(self, find_peer: FindPeer) -> bool:
        """Let a listener in, if there is room; `Seats.free` is its counterpart."""
        return self.may_open(find_peer) and self.seats.take()
