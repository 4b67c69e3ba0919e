"""What each command of a listener does to its subscription, whatever dialect the command came in.

Knows commands and the hub. Must not know how a dialect writes its answers.
"""

from oyez.access.work import weigh_filter
from oyez.endpoints.context import Admitted, DoorContext, TellCount
from oyez.hub.publication import Channel, EventId
from oyez.hub.subscriber import Subscription
from oyez.wire import commands
from oyez.wire.json_text import Json


class ListenerSession:
    """One listener of a dialect with commands: what it subscribes to, and the start that it has named before."""

    __slots__ = ("_context", "_start", "subscription")

    def __init__(self, context: DoorContext, subscription: Subscription) -> None:
        self._context = context
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
        context = self._context
        before = context.hub.deliveries
        context.hub.subscribe(self.subscription, [Channel(name) for name in admitted.channels], self._start)
        if context.gate is not None:
            context.gate.hold(self.subscription, admitted.grants)
        sent = context.hub.deliveries - before
        if context.presence is not None:
            sent += context.presence.ask(self.subscription, admitted.channels, tell_count)
        return weigh_filter(len(admitted.channels), sent)

    def end(self) -> None:
        """Unsubscribe, as the connection has ended; harmless to repeat."""
        forget_listener(self._context, self.subscription)


def forget_listener(context: DoorContext, subscription: Subscription) -> None:
    """Unsubscribe a listener whose connection has ended; harmless to repeat."""
    context.hub.leave(subscription)
    if context.gate is not None:
        context.gate.drop(subscription)
    if context.presence is not None:
        context.presence.forget(subscription)
