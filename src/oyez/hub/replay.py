"""Brings one listener forward from history: word of gaps, then what it lacks; or the end, when that fails.

Knows a listener's position. Must not know when its turn comes, nor what the others get.
"""

from collections.abc import Sequence

from oyez.hub.audience import Audience
from oyez.hub.chunks import cut_into_chunks
from oyez.hub.history import Gap, History
from oyez.hub.publication import EventId, Publication
from oyez.hub.sparse_log import SparseLog
from oyez.hub.subscriber import Subscription


class Replay:
    """Serves single listeners, and counts what they got.

    Args:
        history: what can be replayed.
        audience: who listens; one that is cut off leaves it.
        log: for errors of ours.
        write_bytes: what one write may carry.

    Attributes:
        deliveries: events that were written to listeners.
        gaps: gaps that they were told of.
    """

    def __init__(self, history: History, audience: Audience, log: SparseLog, write_bytes: int) -> None:
        self._history = history
        self._audience = audience
        self._log = log
        self._write_bytes = write_bytes
        self.deliveries = 0
        self.gaps = 0

    def go_on(self, subscription: Subscription) -> None:
        """Serve a listener from its position on, with word of what history has dropped meanwhile.

        Whatever this raises costs that listener its connection, and nobody else anything.
        """
        try:
            self._send_gaps(subscription)
            if not subscription.ended:
                self.catch_up(subscription)
        except Exception:
            self.cut_off(subscription)

    def catch_up(self, subscription: Subscription) -> None:
        """Write what follows a listener's position, in the order of ids, until there is no more or its socket is full.

        Raises:
            Exception: an error of ours; the listener is to be cut off.
        """
        while missed := self._missed(subscription):
            self.write(subscription, missed)
            if subscription.lagging or subscription.ended:
                return
        subscription.position = self._history.last_id
        subscription.ahead = None
        subscription.lagging = False

    def write(self, subscription: Subscription, publications: Sequence[Publication]) -> None:
        """Write publications to a listener, until its socket is full; its position is that of the last one written.

        Raises:
            Exception: an error of ours; the listener is to be cut off.
        """
        subscription.lagging = False
        for chunk, data in cut_into_chunks(publications, subscription.encoding, self._write_bytes):
            subscription.position = chunk[-1].id
            if data is None:
                self._send_gap_for(subscription, chunk[0])
            else:
                self.deliveries += len(chunk)
                subscription.lagging = not subscription.write(data)
            if subscription.lagging or subscription.ended:
                return

    def cut_off(self, subscription: Subscription) -> None:
        """End a listener's connection; to be called while the error is handled, which is logged.

        Its client comes back and names what it has, so nothing is lost. Going on instead was rejected: nobody knows how
        much of a write that raised has gone out.
        """
        self._log.exception("a listener is cut off after an error of ours; its client comes back by itself")
        subscription.ended = True
        try:
            self._audience.leave(subscription)
        except Exception:
            self._log.exception("a listener that is gone is still counted after an error of ours")
        try:
            subscription.subscriber.cut_off()
        except Exception:
            self._log.exception("a listener's connection cannot be ended after an error of ours")

    def _missed(self, subscription: Subscription) -> list[Publication]:
        """Return what follows a listener's position, in the order of ids: as many as its encoding takes at once."""
        at_most = subscription.encoding.max_events
        missed = [
            publication
            for channel in subscription.channels
            for publication in self._history.since(channel, subscription.position_in(channel), at_most)
        ]
        missed.sort(key=_by_id)
        return missed[:at_most]

    def _send_gaps(self, subscription: Subscription) -> None:
        """Tell a listener what history has dropped before it was written."""
        for channel in subscription.channels:
            gap = self._history.gap(channel, subscription.position_in(channel))
            if gap is not None:
                self.gaps += 1
                subscription.subscriber.send_gap(gap)

    def _send_gap_for(self, subscription: Subscription, publication: Publication) -> None:
        """Tell a listener of the one event that it cannot get, since its encoding cannot write it."""
        self.gaps += 1
        event = publication.id
        subscription.subscriber.send_gap(Gap(publication.channel, EventId(event - 1), EventId(event + 1)))


def _by_id(publication: Publication) -> EventId:
    return publication.id
