"""What the hub asks of a listener, what it keeps about one, and groups of listeners that get the same bytes.

Knows channels, positions, and who waits with whom. Must not know which protocol carries the bytes, nor to whom.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

from oyez.hub.history import Gap
from oyez.hub.publication import Channel, Encoding, EventId, bytes_of_name
from oyez.hub.wheel import Wheel

# What positions in channels that a listener has left may take, in bytes: a client makes them grow with each filter, and
# names may be long. A position costs so much beside its name.
_MOST_LEFT_BYTES = 6 * 1024
_LEFT_BYTES = 100

Write = Callable[[bytes], bool]
"""Sends bytes now. False: the peer does not keep up, and nothing more is written until `Hub.resume` is called."""


class Subscriber(Protocol):
    """The endpoint's side of a subscription. It may call `Hub.leave` from within each of these."""

    def send_status(self, recovered: bool | None, gaps: Sequence[Gap]) -> None:
        """Answer a new filter, just before the replay.

        Args:
            recovered: whether all that the client asked for is still there; None: it named no start.
            gaps: what is not there, one for each channel at most.
        """
        ...

    def send_gap(self, gap: Gap) -> None:
        """Tell a listener which events it will not get: it lagged, an outage hid them, or they cannot be written."""
        ...

    def send_revoked(self, channel: Channel, reason: str) -> None:
        """Tell a listener that it follows a channel no longer, and why: ``expired`` or ``revoked``."""
        ...

    def cut_off(self) -> None:
        """End the connection, after an error of ours: its client comes back and names what it has."""
        ...


class Ration(Protocol):
    """How many bytes of old events one peer may be sent: one object for each peer, shared by all its subscriptions.

    What was posted after a listener had come is not old, even if it lags: a peer cannot ask for it again and again.
    """

    @property
    def delays(self) -> bool:
        """Whether the rest waits when it is used up; False: that is counted, and nobody waits."""
        ...

    def wait_s(self) -> float:
        """Return for how many seconds nothing more may be sent; 0: something may be, however long it is."""
        ...

    def spend(self, sent_bytes: int) -> None:
        """Take what was sent, even if that is more than there is."""
        ...

    def count_wait(self) -> None:
        """Count a listener whose replay has to wait."""
        ...


class Line:
    """Listeners of one peer that wait for their turn; see `hub.replay_queue`.

    Attributes:
        ration: what has to have something left before one of them goes on; None: nothing.
        key: where the line is found: whose it is, and whether it is one that waits for the ration.
        members: in the order of their turns.
    """

    __slots__ = ("key", "members", "ration")

    def __init__(self, ration: Ration | None, key: tuple[Ration | None, bool]) -> None:
        self.ration = ration
        self.key = key
        self.members: OrderedDict[Subscription, None] = OrderedDict()


class Subscription:
    """One listener's channels, and how far it was served.

    There is one for each listener, tens of thousands of them. So one number says how far it was served in all of its
    channels, and only the exceptions cost a dict.

    Args:
        subscriber: answers and gaps go there.
        encoding: how events are written.
        write: events go there.
        ration: of its peer; None: it may be sent all that there is.

    Attributes:
        channels: its filter; empty until it is first set, and when all were taken away.
        position: everything up to this id was written to it, or was not for it.
        ahead: channels that were served further than that, after a change of filter.
        left: positions in channels that it has left.
        left_floor: the highest position that ``left`` has forgotten.
        joined_at: the newest id when its filter was set. What it gets up to there is old, and rationed.
        lagging: its socket is full, or it waits for its turn, or for the end of its group's pace (``Group.early``); it
            resumes from history.
        line: where it waits for its turn; None: it does not.
        rationed: its ration was used up since it lags, which is counted once.
        ended: it has left for good, or was cut off.
        group: where it gets what is new; None: it has not joined, or has left.
    """

    __slots__ = (
        "ahead",
        "channels",
        "encoding",
        "ended",
        "group",
        "joined_at",
        "lagging",
        "left",
        "left_floor",
        "line",
        "position",
        "ration",
        "rationed",
        "subscriber",
        "write",
    )

    def __init__(self, subscriber: Subscriber, encoding: Encoding, write: Write, ration: Ration | None = None) -> None:
        self.subscriber = subscriber
        self.encoding = encoding
        self.write = write
        self.ration = ration
        self.channels: frozenset[Channel] = frozenset()
        self.position = EventId(0)
        self.ahead: dict[Channel, EventId] | None = None
        self.left: dict[Channel, EventId] | None = None
        self.left_floor = EventId(0)
        self.joined_at = EventId(0)
        self.lagging = False
        self.rationed = False
        self.line: Line | None = None
        self.ended = False
        self.group: Group | None = None

    def position_in(self, channel: Channel) -> EventId:
        """Return the id up to which this listener was served in one of its channels."""
        if self.ahead is None:
            return self.position
        return max(self.position, self.ahead.get(channel, self.position))

    def reached(self, channel: Channel, served_up_to: EventId) -> EventId:
        """Return the id up to which it was served in one of its channels, whether or not that was written down.

        Args:
            channel: one of its filter.
            served_up_to: of the fan-out: one that keeps up has got all that was for it up to there.
        """
        position = self.position_in(channel)
        return position if self.lagging else max(position, served_up_to)

    def place(self, positions: dict[Channel, EventId]) -> None:
        """Set the filter, with a position in each channel; at least one."""
        self.channels = frozenset(positions)
        self.position = min(positions.values())
        ahead = {channel: position for channel, position in positions.items() if position > self.position}
        self.ahead = ahead or None

    def take_all_channels(self) -> None:
        """Empty the filter: there is nothing that it could lag behind with."""
        self.channels = frozenset()
        self.ahead = None
        self.lagging = self.rationed = False

    def skip(self, channel: Channel, up_to: EventId) -> None:
        """Count one of its channels as served up to an id, since nothing of it is left before that one."""
        if up_to > self.position_in(channel):
            if self.ahead is None:
                self.ahead = {}
            self.ahead[channel] = up_to

    def remember_left(self, positions: dict[Channel, EventId], at_most: int) -> None:
        """Keep the positions in channels that are left, so that coming back repeats nothing.

        Only the newest ``at_most`` are kept, and only what has room in a few KB. For the others ``left_floor`` is the
        one number that is left: nothing up to it is sent again, and who asks for it is told of a gap.
        """
        if self.left is None:
            self.left = {}
        for channel, position in positions.items():
            self.left.pop(channel, None)
            self.left[channel] = position
        size = sum(_LEFT_BYTES + bytes_of_name(channel) for channel in self.left)
        while len(self.left) > at_most or size > _MOST_LEFT_BYTES:
            longest_left = next(iter(self.left))
            self.left_floor = max(self.left_floor, self.left.pop(longest_left))
            size -= _LEFT_BYTES + bytes_of_name(longest_left)


class Group:
    """Listeners with the same channels and the same encoding: what is due to one is due to all, as the same bytes.

    They are kept in the order in which they joined, and are written to in it: whoever was there first does not wait
    for a crowd that comes later.

    Attributes:
        written_at: when it was written to, in seconds on the hub's clock, if rules say how often that may be.
        written_up_to: of listeners that take one write and come back: the newest id of what they were due then.
        wheel: when each of them is written to, while something is held for a spread group.
        early: those who came back before the pace was over; they go on from history when it is. None: there are none.
    """

    __slots__ = ("channels", "early", "encoding", "members", "wheel", "written_at", "written_up_to")

    def __init__(self, channels: frozenset[Channel], encoding: Encoding) -> None:
        self.channels = channels
        self.encoding = encoding
        self.members: dict[Subscription, None] = {}
        self.written_at = -inf
        self.written_up_to = EventId(0)
        self.wheel: Wheel[Subscription] | None = None
        self.early: dict[Subscription, None] | None = None
