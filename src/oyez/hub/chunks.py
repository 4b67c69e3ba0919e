"""A run of publications, cut into pieces that are fit for one write each.

Knows how much a write may carry, and what becomes of an event that cannot be encoded. Must not know who is written to.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence

from oyez.hub.publication import Encoding, Publication

logger = logging.getLogger(__name__)

# What one write to one listener may carry, unless a single event is longer. A stalled reader holds on to no more.
WRITE_BYTES = 32 * 1024

Chunk = tuple[Sequence[Publication], bytes | None]
"""Publications and their bytes. None: this is one event alone, which this encoding cannot write."""


def cut_into_chunks(publications: Sequence[Publication], encoding: Encoding, write_bytes: int) -> Iterable[Chunk]:
    """Cut a run of publications into what one write each may carry.

    Args:
        publications: in rising order of ids; at least one.
        encoding: whose bytes are wanted.
        write_bytes: the most that one write may carry, unless a single event is longer.

    Returns:
        All of the run, in its order. Whatever an encoding raises costs one event at most.
    """
    if len(publications) == 1:
        return ((publications, publications[0].encoded(encoding)),)
    return _cut(publications, encoding, write_bytes)


def _cut(publications: Sequence[Publication], encoding: Encoding, write_bytes: int) -> Iterator[Chunk]:
    """Encode one chunk at a time: of a long run, whoever writes it may get no further than the first."""
    begin = size = 0
    most = encoding.max_events or len(publications)
    collected: list[bytes] = []
    for index, publication in enumerate(publications):
        part = publication.encoded(encoding)
        if collected and (part is None or size + len(part) > write_bytes or len(collected) == most):
            yield from _join(publications[begin:index], collected, encoding)
            collected = []
        if part is None:
            yield publications[index : index + 1], None
            continue
        if not collected:
            begin, size = index, 0
        collected.append(part)
        size += len(part)
    if collected:
        yield from _join(publications[begin:], collected, encoding)


def _join(publications: Sequence[Publication], parts: list[bytes], encoding: Encoding) -> Iterable[Chunk]:
    """Return one chunk; one for each event, if their bytes cannot be put together."""
    try:
        return ((publications, encoding.join(parts)),)
    except Exception:
        logger.exception("events are written one by one after an error of ours")
        return [((publication,), part) for publication, part in zip(publications, parts, strict=True)]
