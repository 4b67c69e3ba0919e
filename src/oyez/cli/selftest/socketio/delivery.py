"""What reaches a listener as it is posted: all of its channels' events, as they were posted, once each, and no others.

It must not know what was posted before somebody listened.
"""

from collections.abc import Mapping

from oyez.cli.selftest.expectations import Mismatch, NotOffered, read_success, require_equal
from oyez.cli.selftest.frames import Closed
from oyez.cli.selftest.links import Link
from oyez.cli.selftest.socketio.guest import SocketIOGuest, collect, follow
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.transports import Refused

DELIVERY: Table[SocketIOGuest] = Table()

_NEEDS = ("sender-joins", "post-acknowledged", "set-filter-answered")
_DELIVERED = (*_NEEDS, "delivered")
_MESSAGES: tuple[object, ...] = (
    None,
    False,
    0,
    -1.5,
    2**53 - 1,
    "",
    'é 😀 "\\ \n\u2028</script>',
    [],
    {},
    {"a": [1, {"b": None}], "ü": "x" * 500},
)
_MOST_BYTES = 500_000


def post(sender: Link, event: Mapping[str, object]) -> dict[str, object]:
    """Post an event; gives it as listeners should get it."""
    return {"id": read_success(sender.call("post", event)), **event}


@DELIVERY.check(
    "delivered",
    "What is posted reaches who follows the channel, with the id that the post was told.",
    posts=True,
    needs=_NEEDS,
)
def _deliver(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.listener([channel]) as listener, guest.sender() as sender:
        event = post(sender, {"channel": channel, "message": {"a": 1}})
        require_equal(collect(listener, 1), [event])


@DELIVERY.check(
    "message-unchanged", "A message arrives as the JSON value that was posted.", posts=True, needs=_DELIVERED
)
def _keep_messages(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.listener([channel]) as listener, guest.sender() as sender:
        for message in _MESSAGES:
            event = post(sender, {"channel": channel, "message": message})
            require_equal(listener.hear("message"), event)


@DELIVERY.check(
    "message-absent", "An event that was posted without a message has no such key.", posts=True, needs=_DELIVERED
)
def _keep_absence(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.listener([channel]) as listener, guest.sender() as sender:
        event = post(sender, {"channel": channel})
        require_equal(listener.hear("message"), event)


@DELIVERY.check("long-channel", "A channel's name may have a hundred characters.", posts=True, needs=_DELIVERED)
def _deliver_long_name(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel(100)
    with guest.listener([channel]) as listener, guest.sender() as sender:
        event = post(sender, {"channel": channel, "message": 1})
        require_equal(listener.hear("message"), event)


@DELIVERY.check("only-followed-channels", "Events of other channels do not arrive.", posts=True, needs=_DELIVERED)
def _keep_others_out(guest: SocketIOGuest) -> None:
    ours, others = guest.visit.new_channel(), guest.visit.new_channel()
    with guest.listener([ours]) as listener, guest.sender() as sender:
        post(sender, {"channel": others, "message": 1})
        event = post(sender, {"channel": ours, "message": 2})
        require_equal(collect(listener, 1), [event])


@DELIVERY.check(
    "delivered-once", "An event comes once, also to who names its channel twice.", posts=True, needs=_DELIVERED
)
def _deliver_once(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.listener([channel, channel]) as listener, guest.sender() as sender:
        events = [post(sender, {"channel": channel, "message": number}) for number in range(3)]
        require_equal(collect(listener, len(events)), events)


@DELIVERY.check(
    "new-filter-replaces",
    "A new filter takes the place of the one before.",
    posts=True,
    needs=(*_DELIVERED, "only-followed-channels"),
)
def _replace_filter(guest: SocketIOGuest) -> None:
    old, new = guest.visit.new_channel(), guest.visit.new_channel()
    with guest.listener([old]) as listener, guest.sender() as sender:
        follow(listener, [new])
        post(sender, {"channel": old, "message": 1})
        event = post(sender, {"channel": new, "message": 2})
        require_equal(collect(listener, 1), [event])


@DELIVERY.check(
    "errors-change-nothing", "After an error a listener goes on with the channels it had.", posts=True, needs=_DELIVERED
)
def _survive_error(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.listener([channel]) as listener, guest.sender() as sender:
        for wrong in ("news", [""]):
            listener.emit("set-filter", {"filter": wrong})
            listener.hear("error")
        event = post(sender, {"channel": channel, "message": 1})
        require_equal(listener.hear("message"), event)


@DELIVERY.check("large-posts", "A sender may post more at once than a listener may say.", posts=True, needs=_DELIVERED)
def _deliver_large(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.listener([channel]) as listener, guest.sender() as sender:
        limit = sender.transport.handshake.maxPayload
        event: dict[str, object] = {"channel": channel, "message": "x" * min(2 * limit, _MOST_BYTES)}
        try:
            event = post(sender, event)
        except (Mismatch, Closed, Refused) as error:
            if guest.has_recovery or (
                isinstance(error, Mismatch) and not isinstance(error.__cause__, Closed | Refused)
            ):
                raise
            raise NotOffered(f"posts of more than {limit} bytes") from error
        require_equal(listener.hear("message"), event)
