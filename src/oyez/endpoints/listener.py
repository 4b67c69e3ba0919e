"""What listeners of every dialect share: the context of a door, and what each command does to a subscription.

Knows commands and the hub. Must not know how a dialect writes its answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oyez.access.capacity import Seats
from oyez.access.origins import Origins
from oyez.access.peer import FindPeer, Note, Peers
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId
from oyez.hub.subscriber import Subscription
from oyez.limits import LimitSettings
from oyez.net.ticker import Ticker
from oyez.wire import commands
from oyez.wire.json_text import Json


@dataclass(frozen=True, slots=True)
class ListenerContext:
    """What a door works with, the same for all of them.

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


class ListenerSession:
    """One listener of a dialect with commands: what it subscribes to, and the start that it has named before."""

    __slots__ = ("_hub", "_start", "subscription")

    def __init__(self, hub: Hub, subscription: Subscription) -> None:
        self._hub = hub
        self._start: EventId | None = None
        self.subscription = subscription

    def start_from(self, argument: Json | None) -> None:
        """Carry out start-msg: keep the id for the next set-filter.

        Args:
            argument: ``{"start":7}``; anything else names no start.
        """
        start = commands.parse_start(argument)
        self._start = None if start is None else EventId(start)

    def set_filter(self, channels: Sequence[str]) -> None:
        """Carry out set-filter: the hub answers at once, through the subscription, with status, gaps and replay."""
        self._hub.subscribe(self.subscription, [Channel(name) for name in channels], self._start)

    def end(self) -> None:
        """Unsubscribe, as the connection has ended; harmless to repeat."""
        self._hub.leave(self.subscription)
