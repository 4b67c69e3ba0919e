"""What a sender asks, and how it is answered: acknowledged where it asked for that, else by an event.

It must not know listeners.
"""

from oyez.cli.selftest.expectations import read_success, require, require_equal
from oyez.cli.selftest.socketio.guest import SocketIOGuest
from oyez.cli.selftest.tables import Table

SENDERS: Table[SocketIOGuest] = Table()

_JOINED = ("sender-joins",)
_POSTS = ("sender-joins", "post-acknowledged")
_BURST = 20
_BAD_CHANNELS: tuple[object, ...] = ("", 5, None, ["news"], "x" * 2000)
_BAD_CHANNEL = {"status": "error", "code": "invalid-channel", "message": "Invalid channel"}


@SENDERS.check(
    "post-acknowledged", "A post that asks for an acknowledgement gets it, with the id.", posts=True, needs=_JOINED
)
def _acknowledge_post(guest: SocketIOGuest) -> None:
    with guest.sender() as link:
        read_success(link.call("post", {"channel": guest.visit.new_channel(), "message": {"a": 1}}))


@SENDERS.check(
    "post-answered", "A post that asks for no acknowledgement is answered by post-response.", posts=True, needs=_JOINED
)
def _answer_post(guest: SocketIOGuest) -> None:
    with guest.sender() as link:
        link.emit("post", {"channel": guest.visit.new_channel(), "message": 1})
        read_success(link.hear("post-response"))


@SENDERS.check("posts-without-message", "A post without a message is taken.", posts=True, needs=_POSTS)
def _take_post_without_message(guest: SocketIOGuest) -> None:
    with guest.sender() as link:
        read_success(link.call("post", {"channel": guest.visit.new_channel()}))


@SENDERS.check("ids-rise", "Ids of posts rise, in the order of the posts.", posts=True, needs=_POSTS)
def _raise_ids(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.sender() as link:
        asked = [link.ask("post", {"channel": channel, "message": number}) for number in range(_BURST)]
        ids = [read_success(link.hear_ack(number)) for number in asked]
    require(ids == sorted(set(ids)), "ids that rise", ids)


@SENDERS.check("last-msg-acknowledged", "last-msg is acknowledged with the newest id.", posts=True, needs=_POSTS)
def _acknowledge_last(guest: SocketIOGuest) -> None:
    with guest.sender() as link:
        newest = read_success(link.call("post", {"channel": guest.visit.new_channel()}))
        read_success(link.call("last-msg"), at_least=newest)


@SENDERS.check(
    "last-msg-answered", "Without an acknowledgement last-msg is answered by last-response.", posts=True, needs=_JOINED
)
def _answer_last(guest: SocketIOGuest) -> None:
    with guest.sender() as link:
        link.emit("last-msg")
        read_success(link.hear("last-response"))


@SENDERS.check(
    "bad-channel-acknowledged",
    "A post to no proper channel is refused by its acknowledgement.",
    posts=True,
    needs=_POSTS,
)
def _refuse_channel(guest: SocketIOGuest) -> None:
    with guest.sender() as link:
        for channel in _BAD_CHANNELS:
            require_equal(link.call("post", {"channel": channel, "message": 1}), _BAD_CHANNEL)
        require_equal(link.call("post", {"message": 1}), _BAD_CHANNEL)


@SENDERS.check(
    "bad-channel-answered", "Without an acknowledgement it is refused by the event error.", posts=True, needs=_JOINED
)
def _refuse_channel_by_event(guest: SocketIOGuest) -> None:
    with guest.sender() as link:
        for channel in _BAD_CHANNELS:
            link.emit("post", {"channel": channel, "message": 1})
            require_equal(link.hear("error"), _BAD_CHANNEL)


@SENDERS.check(
    "sender-hears-nothing", "A sender can follow no channel, and asking for it is ignored.", posts=True, needs=_POSTS
)
def _keep_sender_deaf(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.sender() as link:
        link.emit("start-msg", {"start": 0})
        link.emit("set-filter", {"filter": [channel]})
        link.emit("no-such-event")
        newest = read_success(link.call("post", {"channel": channel, "message": 1}))
        read_success(link.call("last-msg"), at_least=newest)
