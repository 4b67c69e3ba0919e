"""What listeners of every dialect share: what each command does to a subscription.

Knows commands and the hub. Must not know how a dialect writes its answers.
"""

from typing import NamedTuple

from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId
from oyez.hub.subscriber import Subscription
from oyez.wire import commands
from oyez.wire.commands import CommandError
from oyez.wire.json_text import Json


class FilterLimits(NamedTuple):
    """How much one listener may follow."""

    max_channels: int
    max_channel_length: int


class ListenerSession:
    """One listener and the start that it has named."""

    __slots__ = ("_hub", "_limits", "_start", "subscription")

    def __init__(self, hub: Hub, limits: FilterLimits, subscription: Subscription) -> None:
        self._hub = hub
        self._limits = limits
        self._start: EventId | None = None
        self.subscription = subscription

    def start_from(self, argument: Json | None) -> None:
        """Do start-msg: keep the id for the next set-filter."""
        start = commands.parse_start(argument)
        self._start = None if start is None else EventId(start)

    def set_filter(self, argument: Json | None) -> CommandError | None:
        """Do set-filter: status, gaps and replay go out through the subscription. A refusal changes nothing."""
        limits = self._limits
        channels = commands.parse_filter(
            argument, max_channels=limits.max_channels, max_length=limits.max_channel_length
        )
        if isinstance(channels, CommandError):
            return channels
        self._hub.subscribe(self.subscription, [Channel(name) for name in channels], self._start)
        return None

    def end(self) -> None:
        """Leave the hub."""
        self._hub.leave(self.subscription)
