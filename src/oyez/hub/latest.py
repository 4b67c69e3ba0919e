"""Which events of a channel are the newest with their value of a member, so that older ones are superseded.

Knows values and events of one channel. Must not know who is late, nor how long events are kept.
"""

from collections.abc import Iterable

from oyez.hub.publication import HistoryBytes, Publication
from oyez.hub.rates import FindValue

# What a value costs: its bytes, if they are few, and a place in the dict.
_VALUE_BYTES = 200
_LONGEST_VALUE = 100


class Latest:
    """The newest event of each value, in rising order of ids.

    Args:
        find_value: finds the value in a message.
        held: the memory of history, of which this is a part.

    Attributes:
        find_value: as above.
    """

    __slots__ = ("_by_value", "_held", "find_value")

    def __init__(self, find_value: FindValue, held: HistoryBytes) -> None:
        self.find_value = find_value
        self._held = held
        self._by_value: dict[bytes, Publication] = {}

    def add(self, publication: Publication) -> None:
        """Take the newest event, which supersedes the one with the same value; one without a value supersedes none.

        Values that are very long are taken for different ones.
        """
        value = self.find_value(publication.message)
        if value is None or len(value) > _LONGEST_VALUE:
            return
        earlier = self._by_value.pop(value, None)
        if earlier is None:
            self._held.bytes += _VALUE_BYTES
        else:
            earlier.superseded = True
        self._by_value[value] = publication

    def drop(self, publication: Publication) -> None:
        """Forget an event, of which history drops the oldest."""
        value = next(iter(self._by_value), None)
        if value is not None and self._by_value[value] is publication:
            del self._by_value[value]
            self._held.bytes -= _VALUE_BYTES

    def give_up(self, publications: Iterable[Publication]) -> None:
        """Let no event of the channel, which are all given, be superseded any more: there is another rule."""
        for publication in publications:
            publication.superseded = False
        self._held.bytes -= _VALUE_BYTES * len(self._by_value)
        self._by_value.clear()
