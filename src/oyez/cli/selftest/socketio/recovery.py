"""What a listener gets that comes later, or comes back: everything after the id that it names, in order, and once.

It must not know how live events arrive, but for those that meet a catch-up.

Checks whose sentence begins with "Extension" are about what Oyez adds. A server that does not offer it keeps the
contract as well.
"""

from oyez.cli.selftest.expectations import NotOffered, as_object, read_id, read_success, require, require_equal
from oyez.cli.selftest.links import Link
from oyez.cli.selftest.socketio.delivery import post
from oyez.cli.selftest.socketio.guest import SocketIOGuest, collect, expect_success, follow
from oyez.cli.selftest.tables import Table

RECOVERY: Table[SocketIOGuest] = Table()

_NEEDS = ("sender-joins", "post-acknowledged", "start-msg-answered", "set-filter-answered")
_REPLAYS = (*_NEEDS, "catch-up-in-order", "catch-up-no-doubles")
_FEW = 6
_BURST = 10  # twice that has to fit into the memory of a server of old


def _post_few(guest: SocketIOGuest, *channels: str) -> list[dict[str, object]]:
    """Post some events, to the channels in turn."""
    with guest.sender() as sender:
        return [post(sender, {"channel": channels[n % len(channels)], "message": n}) for n in range(_FEW)]


def _catch_up(guest: SocketIOGuest, channels: list[str], start: object) -> list[object]:
    with guest.listener(channels, start) as listener:
        return collect(listener)


def _once(events: list[object]) -> list[object]:
    """Leave out what came before."""
    return [event for place, event in enumerate(events) if event not in events[:place]]


@RECOVERY.check(
    "catch-up-in-order",
    "Behind the id it names, a listener gets all of its channels, oldest first.",
    posts=True,
    needs=_NEEDS,
)
def _catch_up_in_order(guest: SocketIOGuest) -> None:
    channels = [guest.visit.new_channel(), guest.visit.new_channel()]
    events = _post_few(guest, *channels)
    require_equal(_once(_catch_up(guest, channels, events[1]["id"])), events[2:])


@RECOVERY.check("catch-up-no-doubles", "A catch-up brings nothing twice.", posts=True, needs=_NEEDS)
def _catch_up_once(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    events = _post_few(guest, channel)
    came = [read_id(event) for event in _catch_up(guest, [channel], events[0]["id"])]
    require(len(came) == len(set(came)), "each id once", came)


@RECOVERY.check(
    "catch-up-meets-live",
    "What is posted while a listener catches up is neither lost nor doubled.",
    posts=True,
    needs=_REPLAYS,
)
def _meet_live_events(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.sender() as sender, guest.listener(start=_newest_id(sender)) as listener:
        asked = [sender.ask("post", {"channel": channel, "message": number}) for number in range(_BURST)]
        follow(listener, [channel])
        asked += [sender.ask("post", {"channel": channel, "message": number}) for number in range(_BURST)]
        ids = [read_success(sender.hear_ack(number)) for number in asked]
        require_equal([read_id(event) for event in collect(listener, len(ids))], ids)


def _newest_id(sender: Link) -> int:
    """Give the id after which nothing of a new channel has been posted."""
    return read_success(sender.call("last-msg"))


@RECOVERY.check("start-as-text", "The id may be named as a text.", posts=True, needs=_REPLAYS)
def _take_text(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    events = _post_few(guest, channel)
    require_equal(_catch_up(guest, [channel], str(events[3]["id"])), events[4:])


@RECOVERY.check("newest-start", "Behind the newest id there is nothing to catch up on.", posts=True, needs=_NEEDS)
def _replay_nothing(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    events = _post_few(guest, channel)
    require_equal(_catch_up(guest, [channel], events[-1]["id"]), [])


@RECOVERY.check(
    "start-alone-sends-nothing", "start-msg alone brings no events; they wait for set-filter.", posts=True, needs=_NEEDS
)
def _wait_for_filter(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    events = _post_few(guest, channel)
    with guest.listener([channel], events[-1]["id"]) as listener:
        listener.emit("start-msg", {"start": events[0]["id"]})
        expect_success(listener.hear("status"))
        require_equal(collect(listener), [])


@RECOVERY.check(
    "replays-without-start", "Who names no id gets the newest events, oldest first.", posts=True, needs=_REPLAYS
)
def _replay_without_start(guest: SocketIOGuest) -> None:
    channel = guest.visit.new_channel()
    events = _post_few(guest, channel)
    came = _catch_up(guest, [channel], None)
    if not came and guest.has_recovery:
        raise NotOffered("replay without a start (history.replay_without_start = 0)")
    require_equal(came, events)


@RECOVERY.check("recovered", "Extension: status says that nothing is missing.", posts=True, needs=_REPLAYS)
def _tell_recovered(guest: SocketIOGuest) -> None:
    _demand_recovery(guest)
    channel = guest.visit.new_channel()
    start = _post_few(guest, channel)[0]["id"]
    with guest.listener(start=start) as listener:
        require_equal(follow(listener, [channel]).get("recovered"), True)


@RECOVERY.check(
    "gap",
    "Extension: a listener whose id is from before all memory is told of a gap.",
    needs=("start-msg-answered", "set-filter-answered"),
)
def _tell_gap(guest: SocketIOGuest) -> None:
    _demand_recovery(guest)
    channel = guest.visit.new_channel()
    with guest.listener(start=1) as listener:
        require_equal(follow(listener, [channel]).get("recovered"), False)
        packet = listener.next_event()
        require(packet.event == "gap", "the event 'gap'", packet.text)
        gap = as_object(packet.argument)
        require_equal({"channel": gap.get("channel"), "from": gap.get("from")}, {"channel": channel, "from": 1})
        require(type(gap.get("oldest")) is int, "a number as 'oldest'", gap)


@RECOVERY.check(
    "filter-again-no-doubles",
    "Extension: a repeated filter replays nothing that was delivered.",
    posts=True,
    needs=_REPLAYS,
)
def _repeat_filter(guest: SocketIOGuest) -> None:
    _demand_recovery(guest)
    channel = guest.visit.new_channel()
    with guest.sender() as sender, guest.listener([channel]) as listener:
        event = post(sender, {"channel": channel, "message": 1})
        require_equal(listener.hear("message"), event)
        follow(listener, [channel])
        require_equal(collect(listener), [])


def _demand_recovery(guest: SocketIOGuest) -> None:
    if not guest.has_recovery:
        raise NotOffered("word of what a catch-up lacks")
