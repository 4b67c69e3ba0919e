"""What each command of a listener does to its subscription, whatever dialect the command came in.

Knows commands and the hub. Must not know how a dialect writes its answers.
"""

from oyez.access.work import weigh_filter
from oyez.endpoints.context import Admitted, CountsOfListeners, ListenGate, TellCount
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId
from oyez.hub.subscriber import Subscription
from oyez.wire import commands
from oyez.wire.json_text import Json


class ListenerSession:
    """One listener of a dialect with commands: what it subscribes to, and the start that it has named before."""

    __slots__ = ("_gate", "_hub", "_presence", "_start", "subscription")

    def __init__(
        self, hub: Hub, subscription: Subscription, gate: ListenGate | None, presence: CountsOfListeners | None
    ) -> None:
        self._hub = hub
        self._gate = gate
        self._presence = presence
        self._start: EventId | None = None
        self.subscription = subscription

    def start_from(self, argument: Json | None) -> None:
        """Carry out start-msg: keep the id for the next set-filter.

        Args:
            argument: ``{"start":7}``; anything else names no start.
        """
        start = commands.parse_start(argument)
        self._start = None if start is None else EventId(start)

    def set_filter(self, admitted: Admitted, tell_count: TellCount | None = None) -> float:
        """Carry out set-filter: the hub answers at once, through the subscription, with status, gaps and replay.

        Args:
            admitted: the whole new filter.
            tell_count: writes how many listen, for who asks for that; None: it does not ask.

        Returns:
            What that weighs, beside the message that asked for it.
        """
        before = self._hub.deliveries
        self._hub.subscribe(self.subscription, [Channel(name) for name in admitted.channels], self._start)
        if self._gate is not None:
            self._gate.hold(self.subscription, admitted.grants)
        sent = self._hub.deliveries - before
        if self._presence is not None:
            sent += self._presence.ask(self.subscription, admitted.channels, tell_count)
        return weigh_filter(len(admitted.channels), sent)

    def end(self) -> None:
        """Unsubscribe, as the connection has ended; harmless to repeat."""
        self._hub.leave(self.subscription)
        if self._gate is not None:
            self._gate.drop(self.subscription)
        if self._presence is not None:
            self._presence.forget(self.subscription)
