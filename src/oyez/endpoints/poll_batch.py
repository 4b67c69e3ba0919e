"""The answer to a long poll that asks for several events at once.

Knows channels, gaps and the form of the answer. Must not know requests, nor how long one waits.

The first event comes from the hub, as for every poll. What follows it is read from history in one step, so nothing is
kept of an event for one number of events or another.
"""

from collections.abc import Sequence

from oyez.endpoints.encodings import POLL_ANSWERS
from oyez.hub.history import Gap
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId, Publication
from oyez.wire import commands

# Unless the first event is longer: as much as may wait for any listener that does not read.
_EVENTS_BYTES = 64 * 1024


def encode_gaps(gaps: Sequence[Gap]) -> bytes:
    """Return ``[{"channel":"a","from":5,"oldest":9}]``."""
    return b"[%b]" % b",".join(commands.encode_gap(gap.channel, gap.after, gap.oldest) for gap in gaps)


def encode_batch(events: Sequence[bytes], position: EventId, gaps: Sequence[Gap]) -> bytes:
    """Return ``{"id":8,"events":[{"id":7,…},{"id":8,…}],"gaps":[]}``; ``id`` is how far the client has come."""
    return b'{"id":%d,"events":[%b],"gaps":%b}' % (position, b",".join(events), encode_gaps(gaps))


def extend_batch(
    hub: Hub, channels: Sequence[Channel], first: bytes, first_id: EventId, gaps: Sequence[Gap], *, at_most: int
) -> tuple[list[bytes], EventId]:
    """Add to an event what follows it: as much as one answer may carry.

    Args:
        hub: the channels.
        channels: those of the poll.
        first: the event, encoded.
        first_id: its id; all before it was for somebody else, or is in ``gaps``.
        gaps: those that the answer names.
        at_most: how many events are wanted.

    Returns:
        The events in the order of their ids, and the id of the last one. Nothing of these channels is missing between
        the first and the last but what is superseded.
    """
    events, last_id, room = [first], first_id, _EVENTS_BYTES - len(first)
    for publication in _find_newer(hub, channels, first_id, gaps, at_most - 1):
        data = publication.encoded(POLL_ANSWERS)
        if data is None or len(data) >= room:  # the next poll begins with it, or with word of it
            break
        room -= len(data) + 1
        events.append(data)
        last_id = publication.id
    return events, last_id


def _find_newer(
    hub: Hub, channels: Sequence[Channel], after: EventId, gaps: Sequence[Gap], at_most: int
) -> list[Publication]:
    """Return what history has above an id, in the order of ids; nothing if another gap would have to be named."""
    told = {gap.channel: gap.oldest for gap in gaps}
    found: list[Publication] = []
    for channel in channels:
        newer, gap = hub.recent(channel, after)
        if gap is not None and gap.oldest > told.get(channel, 0):
            return []
        found += [each for each in newer if each.id > after and not each.superseded][:at_most]
    found.sort(key=lambda publication: publication.id)
    return found[:at_most]
