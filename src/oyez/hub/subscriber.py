"""What the hub asks of a listener, and what it keeps about one.

Knows channels and positions. Must not know which protocol carries the bytes.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from oyez.hub.history import Gap
from oyez.hub.publication import Channel, Encoding, EventId

Write = Callable[[bytes], bool]
"""Send bytes now. False: the peer does not keep up; give nothing more until `Hub.resume` is called for it."""


class Subscriber(Protocol):
    """The endpoint's side of a subscription."""

    def tell_subscribed(self, recovered: bool | None, gaps: Sequence[Gap]) -> None:
        """Answer a new filter, just before the replay.

        ``recovered`` is None when the client named no start, else whether all that it asked for is still there.
        """
        ...

    def tell_gap(self, gap: Gap) -> None:
        """Tell a listener which events it will not get: it lagged, an outage hid them, or they cannot be written."""
        ...

    def cut_off(self) -> None:
        """End the connection, after an error of ours: its client comes back and names what it has."""
        ...


class Subscription:
    """One listener's channels, and how far it was served.

    ``position``: everything up to this id was given to it or was not for it. ``ahead``: channels that were served
    further than that, after a change of filter. ``lagging``: its socket is full; it resumes from history.
    """

    __slots__ = (
        "ahead",
        "channels",
        "encoding",
        "ended",
        "group",
        "lagging",
        "left",
        "left_floor",
        "position",
        "subscriber",
        "write",
    )

    def __init__(self, subscriber: Subscriber, encoding: Encoding, write: Write) -> None:
        self.subscriber = subscriber
        self.encoding = encoding
        self.write = write
        self.channels: frozenset[Channel] = frozenset()
        self.position = EventId(0)
        self.ahead: dict[Channel, EventId] | None = None
        self.left: dict[Channel, EventId] | None = None
        self.left_floor = EventId(0)
        self.lagging = False
        self.ended = False
        self.group: Group | None = None  # where it gets what is new, or None: it has not joined, or has left

    def position_in(self, channel: Channel) -> EventId:
        """Give the id up to which this listener was served in one of its channels."""
        if self.ahead is None:
            return self.position
        return max(self.position, self.ahead.get(channel, self.position))

    def place(self, positions: dict[Channel, EventId]) -> None:
        """Take a position in each channel; the keys become the filter."""
        self.channels = frozenset(positions)
        self.position = min(positions.values())
        ahead = {channel: position for channel, position in positions.items() if position > self.position}
        self.ahead = ahead or None

    def remember_left(self, channel: Channel, position: EventId, at_most: int) -> None:
        """Keep the position in a channel that is left, so that coming back repeats nothing.

        Only the newest ``at_most`` are kept. For the others ``left_floor`` is the one number that is left: nothing up
        to it is sent again, and who asks for it is told of a gap.
        """
        if self.left is None:
            self.left = {}
        self.left.pop(channel, None)
        self.left[channel] = position
        if len(self.left) > at_most:
            self.left_floor = max(self.left_floor, self.left.pop(next(iter(self.left))))


class Group:
    """Listeners that get the same bytes."""

    __slots__ = ("channels", "encoding", "members")

    def __init__(self, channels: frozenset[Channel], encoding: Encoding) -> None:
        self.channels = channels
        self.encoding = encoding
        self.members: set[Subscription] = set()
