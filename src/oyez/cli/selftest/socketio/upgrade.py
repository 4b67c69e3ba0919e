"""The way of a session from polling to a WebSocket, which the sites' posters and pages take.

It must not know what else is said on a session.
"""

from oyez.cli.probe.exchange import asked
from oyez.cli.selftest.expectations import read_success, require, require_equal
from oyez.cli.selftest.links import Link
from oyez.cli.selftest.posters import join_as_sender
from oyez.cli.selftest.socketio.delivery import post
from oyez.cli.selftest.socketio.guest import SocketIOGuest, collect, follow
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.transports import by_polling, by_upgrade, probed

UPGRADE: Table[SocketIOGuest] = Table()

_MOVE = "5"
_NOOP = "6"
_POSTS = ("probe-answered",)


@UPGRADE.check("opens", "A polling session offers the WebSocket.")
def _offer(guest: SocketIOGuest) -> None:
    guest.knock()
    with by_polling(guest.visit.main) as polling:
        require("websocket" in polling.handshake.upgrades, '"upgrades":["websocket"]', polling.handshake.upgrades)


@UPGRADE.check("probe-answered", "On the WebSocket the probe is answered.")
def _answer_probe(guest: SocketIOGuest) -> None:
    with by_polling(guest.visit.main) as polling, probed(polling):
        pass


@UPGRADE.check("poll-released", "A poll that waits is ended with a noop, so that the session can move.", needs=_POSTS)
def _release_poll(guest: SocketIOGuest) -> None:
    with by_polling(guest.visit.main) as polling:
        Link(polling).connect()
        with asked(polling.place, polling.target) as pending, probed(polling) as moved:
            answer = pending.answer()
            require_equal(answer.body, _NOOP)
            moved.send(_MOVE)
            require_equal(collect(Link(moved)), [])


@UPGRADE.check(
    "sender-moves", "A sender that joins after the move can post, as the sites' poster does.", posts=True, needs=_POSTS
)
def _post_after_move(guest: SocketIOGuest) -> None:
    with by_upgrade(guest.visit.main) as transport:
        link = Link(transport)
        join_as_sender(link, guest.visit.key)
        read_success(link.call("post", {"channel": guest.visit.new_channel(), "message": 1}))


@UPGRADE.check(
    "listener-moves", "A listener that moves loses nothing and gets nothing twice.", posts=True, needs=_POSTS
)
def _move_listener(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.sender() as sender, by_polling(guest.visit.main) as polling:
        listener = Link(polling)
        listener.connect()
        follow(listener, [channel])
        events = [post(sender, {"channel": channel, "message": "before"})]
        with probed(polling) as moved:
            events.append(post(sender, {"channel": channel, "message": "in between"}))
            moved.send(_MOVE)
            events.append(post(sender, {"channel": channel, "message": "after"}))
            require_equal(collect(Link(moved), len(events)), events)
