"""What each command of a listener does to its subscription, whatever dialect the command came in.

Knows commands and the hub. Must not know how a dialect writes its answers.
"""

from oyez.access.work import weigh_filter
from oyez.endpoints.context import Admitted, ListenGate
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId
from oyez.hub.subscriber import Subscription
from oyez.wire import commands
from oyez.wire.json_text import Json


class ListenerSession:
    """One listener of a dialect with commands: what it subscribes to, and the start that it has named before."""

    __slots__ = ("_gate", "_hub", "_start", "subscription")

    def __init__(self, hub: Hub, subscription: Subscription, gate: ListenGate | None) -> None:
        self._hub = hub
        self._gate = gate
        self._start: EventId | None = None
        self.subscription = subscription

    def start_from(self, argument: Json | None) -> None:
        """Carry out start-msg: keep the id for the next set-filter.

        Args:
            argument: ``{"start":7}``; anything else names no start.
        """
        start = commands.parse_start(argument)
        self._start = None if start is None else EventId(start)

    def set_filter(self, admitted: Admitted) -> float:
        """Carry out set-filter: the hub answers at once, through the subscription, with status, gaps and replay.

        Returns:
            What that weighs, beside the message that asked for it.
        """
        before = self._hub.deliveries
        self._hub.subscribe(self.subscription, [Channel(name) for name in admitted.channels], self._start)
        if self._gate is not None:
            self._gate.hold(self.subscription, admitted.grants)
        return weigh_filter(len(admitted.channels), self._hub.deliveries - before)

    def end(self) -> None:
        """Unsubscribe, as the connection has ended; harmless to repeat."""
        self._hub.leave(self.subscription)
        if self._gate is not None:
            self._gate.drop(self.subscription)
