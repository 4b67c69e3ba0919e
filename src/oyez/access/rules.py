"""Which rule of the settings a channel meets: the first that fits.

Knows names and rules. Must not know listeners, grants or keys.
"""

from collections.abc import Sequence

from oyez.access.channel_rule import ChannelRule
from oyez.access.settings import ChannelSettings

# Names come from anybody. A name that was asked for once is mostly asked for again, and so many take a megabyte or two.
_MOST_REMEMBERED = 4096

_NO_RULE = ChannelSettings("*")


class Rules:
    """The rules in their order. What a name meets is found once, however many rules there are."""

    def __init__(self, rules: Sequence[ChannelSettings]) -> None:
        self._rules = [(ChannelRule((rule.match,)), rule) for rule in rules]
        self._found: dict[str, ChannelSettings] = {}

    def find(self, channel: str) -> ChannelSettings:
        """Return the rule that a channel meets; one of the defaults if it meets none."""
        rule = self._found.get(channel)
        if rule is None:
            rule = next((rule for names, rule in self._rules if names.allows(channel)), _NO_RULE)
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[channel] = rule
        return rule

    def __len__(self) -> int:
        """Return how many names it remembers."""
        return len(self._found)
