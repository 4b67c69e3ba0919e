"""Where a listener stands in each channel of a new filter, and what it cannot have there.

Knows positions, history and what a client named. Must not know who else listens, nor move anybody.
"""

from collections.abc import Iterable, Sequence

from oyez.hub.history import Gap, History
from oyez.hub.publication import Channel, EventId
from oyez.hub.subscriber import Subscription


def find_positions(
    history: History,
    subscription: Subscription,
    channels: Sequence[Channel],
    start: EventId | None,
    served_up_to: EventId,
) -> tuple[dict[Channel, EventId], list[Gap]]:
    """Find from where on a listener is served in each channel, before anything of it is changed.

    Of a channel that this connection has, or had, its own position counts, whatever the client names: the client may
    name an id from before, and would get everything twice. Of the others it is what the client names; failing that, as
    far back as the newest few events go.

    Args:
        history: what can be replayed.
        subscription: with the filter that it has until now.
        channels: the new filter; at least one.
        start: the id up to which the client has everything, or None if it named none.
        served_up_to: the id up to which all that keep up were served.

    Returns:
        The position in each channel, none above the newest id, and the gaps behind those that were known or named.
    """
    known = {channel: _known_position(subscription, channel, served_up_to) for channel in channels}
    unknown: dict[Channel, EventId] = {}
    if start is None:
        unknown = _before_newest(history, [channel for channel, position in known.items() if position is None])
    positions: dict[Channel, EventId] = {}
    gaps: list[Gap] = []
    for channel, own in known.items():
        named = start if own is None else own
        if named is None:
            positions[channel] = max(unknown[channel], subscription.left_floor)
            continue
        position, gap = named, history.gap(channel, named)
        if own is None and named < subscription.left_floor:
            # It may have had this channel, and left and forgotten it: nothing up to the floor is sent again.
            position = subscription.left_floor
            gap = gap or Gap(channel, named, EventId(position + 1))
        if gap is not None:
            gaps.append(gap)
        positions[channel] = min(position, history.last_id)
    return positions, gaps


def _known_position(subscription: Subscription, channel: Channel, served_up_to: EventId) -> EventId | None:
    """Return the id up to which this connection has had a channel; None if it never had it, or has forgotten."""
    if channel in subscription.channels:
        return subscription.reached(channel, served_up_to)
    return None if subscription.left is None else subscription.left.get(channel)


def _before_newest(history: History, channels: Iterable[Channel]) -> dict[Channel, EventId]:
    """Return for each channel the id after which there are its newest few events.

    Channels for which the same number counts are taken together: with more channels nobody gets more.
    """
    together: dict[int, list[Channel]] = {}
    for channel in channels:
        together.setdefault(history.bounds(channel).replay_without_start, []).append(channel)
    return {
        channel: before
        for at_most, some in together.items()
        for before in [_before_newest_of(history, some, at_most)]
        for channel in some
    }


def _before_newest_of(history: History, channels: Iterable[Channel], at_most: int) -> EventId:
    """Return the id after which there are the newest few events of these channels, taken together.

    If there are none, it is the newest id: whoever keeps it as its position can name it later.
    """
    ids = sorted(event for channel in channels for event in history.newest(channel, at_most + 1))
    if len(ids) > at_most:
        return ids[-at_most - 1]
    return EventId(ids[0] - 1) if ids else history.last_id
