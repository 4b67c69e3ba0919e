"""Which channels the holder of a key may post to: names, and patterns in which ``*`` stands for any text.

Knows names. Must not know keys, nor what is done with a channel.
"""

from collections.abc import Sequence


class ChannelRule:
    """A list of names and patterns. Both a name's length and the number of ``*`` count once: no pattern is slow.

    Args:
        patterns: such as ``submissions``, ``sub_*`` or ``contest_*_ranking``.
    """

    __slots__ = ("_beginnings", "_names", "_others")

    def __init__(self, patterns: Sequence[str]) -> None:
        self._names = frozenset(pattern for pattern in patterns if "*" not in pattern)
        split = [pattern.split("*") for pattern in patterns if "*" in pattern]
        self._beginnings = tuple(parts[0] for parts in split if len(parts) == 2 and not parts[1])  # nearly all
        self._others = [parts for parts in split if len(parts) > 2 or parts[1]]

    def allows(self, channel: str) -> bool:
        """Return whether a channel is among them."""
        if channel in self._names or channel.startswith(self._beginnings):
            return True
        return bool(self._others) and any(_fits(channel, parts) for parts in self._others)


def _fits(text: str, parts: Sequence[str]) -> bool:
    """Return whether a text is these parts in their order, with anything between them; there are two or more.

    To take each part where it comes first leaves the most for those behind it, so no other place need be tried.
    """
    first, *middle, last = parts
    if not text.startswith(first):
        return False
    end = len(text) - len(last)
    place = len(first)
    for part in middle:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return place <= end and text.endswith(last)
