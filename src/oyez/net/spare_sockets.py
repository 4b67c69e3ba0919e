"""Sockets that others may have at need, in the order in which they began to be such.

Knows sockets and the shares of their addresses. Must not know when one of them has to go, nor for whom.
"""

from oyez.access.shares import Share, SpareSocket


class SpareSockets:
    """Those of all addresses; each address has its own in `Share.spare`.

    Their clients have not asked for anything, not yet or not again, or have not come to the end of it; or do not take
    what they asked for; or their end has begun. Or it is not their turn yet: at need they are judged at once, so that
    whoever is refused is told so, and whoever is let in is among these no more.
    """

    __slots__ = ("_shares",)

    def __init__(self) -> None:
        self._shares: dict[SpareSocket, Share | None] = {}

    def __len__(self) -> int:
        return len(self._shares)

    def __contains__(self, socket: SpareSocket) -> bool:
        return socket in self._shares

    def offer(self, socket: SpareSocket, share: Share | None = None) -> None:
        """Let others have a socket; one that they may have already keeps its place in the order.

        Args:
            socket: that one.
            share: of its address, where it is counted without a session; None: nowhere.
        """
        self._shares.setdefault(socket, share)
        if share is not None:
            share.spare.setdefault(socket)

    def keep(self, socket: SpareSocket) -> None:
        """Leave a socket to its client; harmless to repeat."""
        share = self._shares.pop(socket, None)
        if share is not None:
            share.spare.pop(socket, None)

    def find_longest(self) -> SpareSocket | None:
        """Return the one that has been here for longest; None: there is none."""
        return next(iter(self._shares), None)
