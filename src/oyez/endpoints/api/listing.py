"""A page of channels, or of those who listen to one, in the order of their names.

Knows names. Must not know what is in a channel, nor who asks.
"""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

Name = TypeVar("Name", bound=str)

# How much is done between two times that the others may go on: a few milliseconds.
_NAMES_PER_SLICE = 5_000


def select_page(
    names: Sequence[Name], prefix: str, after: str, limit: int, may_see: Callable[[Name], bool] | None = None
) -> Generator[None, None, list[Name]]:
    """Pick the first few names that begin with ``prefix`` and come behind ``after``, sorted by code points.

    It yields now and then, so that others need not wait for the many that there may be.

    Args:
        names: in any order, even several times.
        prefix: empty: all.
        after: empty: from the first.
        limit: how many at most.
        may_see: says of a name whether it may be in the list; None: all may.
    """
    page: list[Name] = []
    for begin in range(0, len(names), _NAMES_PER_SLICE):
        fitting = {name for name in names[begin : begin + _NAMES_PER_SLICE] if name > after and name.startswith(prefix)}
        if len(page) == limit:
            last = page[-1]
            fitting = {name for name in fitting if name < last}
        if may_see is not None:
            fitting = set(filter(may_see, fitting))
        page = sorted(fitting.union(page))[:limit]
        yield
    return page
