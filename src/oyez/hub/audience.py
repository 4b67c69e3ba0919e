"""Who listens to what, grouped so that one joined write serves many.

Knows groups and their channels. Must not know history, positions or sockets.

A fan-out needs two answers: does anybody follow this channel, and who gets what of this batch. Both are look-ups here,
however many listeners there are. Nearly all pages of a kind have the same filter, so there are few groups.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from oyez.hub.publication import Channel, Encoding, EventId, Publication
from oyez.hub.subscriber import Group, Subscription

# Who polls is in no group between an answer and the next poll, and what was written to its group says when that may be
# answered. So much is remembered of groups that are empty: more of them at once are of no page.
_MOST_EMPTIED = 1000

_Key = tuple[frozenset[Channel], Encoding]


class Audience:
    """All groups, found by channel.

    Attributes:
        by_channel: the groups that follow each channel, in the order in which they came, with an entry for exactly the
            channels that somebody follows.
    """

    def __init__(self) -> None:
        self._groups: dict[_Key, Group] = {}
        self._emptied: OrderedDict[_Key, tuple[float, EventId]] = OrderedDict()  # when each was written to, and what
        self.by_channel: dict[Channel, dict[Group, None]] = {}
        self._counts: dict[Channel, int] = {}

    def join(self, subscription: Subscription) -> None:
        """Add a listener to the group of its channels and encoding; it must be in none, and have a channel."""
        key = (subscription.channels, subscription.encoding)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(*key)
            if key in self._emptied:
                group.written_at, group.written_up_to = self._emptied.pop(key)
            for channel in group.channels:
                self.by_channel.setdefault(channel, {})[group] = None
        for channel in group.channels:
            self._counts[channel] = self._counts.get(channel, 0) + 1
        group.members[subscription] = None
        if group.wheel is not None:
            group.wheel.add(subscription)
        subscription.group = group
        subscription.channels = group.channels  # one set for all its members

    def leave(self, subscription: Subscription) -> None:
        """Take a listener out; harmless when it is in no group."""
        group = subscription.group
        if group is None:
            return
        subscription.group = None
        group.members.pop(subscription, None)
        if group.wheel is not None:
            group.wheel.remove(subscription)
        if group.early is not None and subscription in group.early:
            del group.early[subscription]
            subscription.lagging = False  # it waits no more: wherever it joins, it is served
        for channel in group.channels:
            self._counts[channel] -= 1
        if group.members:
            return
        key = (group.channels, group.encoding)
        del self._groups[key]
        if group.written_up_to:
            self._emptied[key] = (group.written_at, group.written_up_to)
            if len(self._emptied) > _MOST_EMPTIED:
                self._emptied.popitem(last=False)
        for channel in group.channels:
            groups = self.by_channel[channel]
            groups.pop(group, None)
            if not groups:
                del self.by_channel[channel], self._counts[channel]

    def count(self, channel: Channel) -> int:
        """Return the number of a channel's listeners: in the same time for any number, since each post may ask."""
        return self._counts.get(channel, 0)

    def members(self) -> list[Subscription]:
        """Return all listeners, as they are now: some may have left when their turn comes."""
        return [member for group in self._groups.values() for member in group.members]

    def due(self, batch: Sequence[Publication]) -> Iterator[tuple[Group, list[Publication]]]:
        """Find who gets what of a batch.

        Returns:
            Each group that follows any of the channels, with the publications for it in the order of the batch; the
            groups in the order of the first of these.
        """
        by_group: dict[Group, list[Publication]] = {}
        for publication in batch:
            for group in self.by_channel.get(publication.channel, ()):
                due = by_group.get(group)
                if due is None:
                    by_group[group] = [publication]
                else:
                    due.append(publication)
        return iter(by_group.items())
