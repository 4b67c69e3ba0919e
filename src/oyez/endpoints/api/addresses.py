"""The addresses that have most of something, or were refused most.

Knows shares. Must not know who asks, nor how it is written.
"""

from collections.abc import Callable, Generator, Mapping, Sequence

from oyez.access.shares import Share
from oyez.wire.api_answers import AddressRow

# How much is done between two times that the others may go on: a few milliseconds.
_SHARES_PER_SLICE = 2_000

_Weight = tuple[float, float, float, int]


def count_connections(share: Share) -> int:
    """Return how many sockets and sessions of an address are open."""
    return share.sessions + share.sockets


def count_refusals(share: Share) -> int:
    """Return how often anything was refused to an address, or would have been."""
    return sum(share.refusals.values()) if share.refusals else 0


_SORTS: Mapping[str, Callable[[Share], float]] = {
    "refusals": count_refusals,
    "connections": count_connections,
    "commands": lambda share: share.asked,
}


def select_top(shares: Sequence[Share], sort: str, limit: int) -> Generator[None, None, list[Share]]:
    """Pick those with the most of what ``sort`` names, the most first; where that is equal, more connections count.

    It yields now and then, so that others need not wait for the many that there may be.

    Args:
        shares: of all addresses, in any order.
        sort: ``refusals``, ``connections`` or ``commands``.
        limit: how many at most.
    """
    weigh = _SORTS[sort]
    top: list[tuple[_Weight, Share]] = []
    for begin in range(0, len(shares), _SHARES_PER_SLICE):
        # The number of the host makes each weight another's: shares themselves are never compared.
        top += [
            ((weigh(share), count_connections(share), share.asked, share.key), share)
            for share in shares[begin : begin + _SHARES_PER_SLICE]
        ]
        top.sort(reverse=True)
        del top[limit:]
        yield
    return [share for _, share in top]


def make_row(share: Share) -> AddressRow:
    """Return what the API tells of an address."""
    return AddressRow(str(share), count_connections(share), share.listeners, round(share.asked), dict(share.refusals))
