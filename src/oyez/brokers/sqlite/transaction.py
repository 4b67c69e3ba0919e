"""What is written at once: some calls of `publish`, the events in them, and the rows of those that are kept.

Knows which event is of which call. Must not know SQL, nor when anything is written.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from oyez.brokers.clocks import Moment
from oyez.brokers.sqlite.rows import Row
from oyez.errors import BrokerError
from oyez.hub.broker import Settle
from oyez.hub.publication import EventId, Post, Publication


class Call(msgspec.Struct, eq=False, frozen=True):
    """One call of `publish`, not settled yet."""

    posts: Sequence[Post]
    settle: Settle


class Transaction(NamedTuple):
    """What the writer writes in one transaction: the events of some calls, in their order, and when that was."""

    calls: list[Call]
    publications: list[Publication]
    rows: list[Row]
    """Of the events that are kept."""
    moment: Moment
    unkept: EventId = EventId(0)
    """The newest of the others, which are kept in memory only; 0: there is none."""


Errors = list[BrokerError | None] | None
"""For each call of a transaction, what went wrong with it; None: nothing did."""


def find_rows(transaction: Transaction) -> Iterator[list[Row]]:
    """Yield the rows of each call: as many as it has events, less those that are kept in memory only."""
    rows, publications = deque(transaction.rows), iter(transaction.publications)
    for call in transaction.calls:
        own = list(islice(publications, len(call.posts)))
        yield [rows.popleft() for publication in own if rows and rows[0].id == publication.id]


def find_kept(transaction: Transaction, errors: list[BrokerError | None]) -> list[Publication]:
    """Return the events of the calls with which nothing went wrong."""
    rest = iter(transaction.publications)
    runs = [list(islice(rest, len(call.posts))) for call in transaction.calls]
    return [publication for run, error in zip(runs, errors, strict=True) if error is None for publication in run]
