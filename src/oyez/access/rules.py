"""Which rule of the settings a channel meets: the first that fits.

Knows names and rules. Must not know listeners, grants or keys.
"""

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from oyez.access.channel_rule import ChannelRule
from oyez.access.settings import ChannelSettings

T = TypeVar("T")

# Names come from anybody. A name that was asked for once is mostly asked for again, and so many take a megabyte or two.
_MOST_REMEMBERED = 4096

_NO_RULE = ChannelSettings("*")


class FirstFit(Generic[T]):
    """What the first rule that fits says. What a name meets is found once, however many rules there are.

    Args:
        rules: for which channels each is, and what it says, in their order.
        otherwise: what counts for a channel that meets none.
    """

    def __init__(self, rules: Iterable[tuple[str, T]], otherwise: T) -> None:
        self._rules = [(ChannelRule((match,)), said) for match, said in rules]
        self._otherwise = otherwise
        self._found: dict[str, T] = {}

    def find(self, channel: str) -> T:
        """Return what counts for a channel."""
        try:
            return self._found[channel]
        except KeyError:
            said = next((said for names, said in self._rules if names.allows(channel)), self._otherwise)
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[channel] = said
            return said

    def __len__(self) -> int:
        """Return how many names it remembers."""
        return len(self._found)


class Rules(FirstFit[ChannelSettings]):
    """The rules themselves; of a channel that meets none, one of the defaults."""

    def __init__(self, rules: Sequence[ChannelSettings]) -> None:
        super().__init__([(rule.match, rule) for rule in rules], _NO_RULE)
