"""How often listeners of a channel are written to, and which of its events take the place of earlier ones.

Knows the rule of one channel. Must not know where rules come from, nor who listens.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

import msgspec

FindValue = Callable[[bytes | None], bytes | None]
"""Returns the JSON text of one member of a message; None if the message, which is JSON text, does not have it."""


class ChannelRate(NamedTuple):
    """What counts for one channel.

    Attributes:
        pace_s: a group of listeners is written to no sooner than so many seconds after the last time; 0: at once.
        spread_s: each listener is written to at a moment of its own within so many seconds; 0: at once.
        latest_by: of events in which it finds the same, whoever is late gets the newest; None: all.
    """

    pace_s: float = 0.0
    spread_s: float = 0.0
    latest_by: FindValue | None = None


FindRate = Callable[[str], ChannelRate]
"""Returns what counts for a channel. It is asked for each event and group, so it had better be quick."""


@lru_cache(maxsize=256)  # so that rules that are read again and say the same are known by it
def find_member(path: str) -> FindValue:
    """Make what finds one member of a message.

    Args:
        path: the name of a member of the outermost object, or a JSON pointer (RFC 6901), which begins with a slash.
    """
    names = [_unescape(name) for name in path[1:].split("/")] if path.startswith("/") else [path]
    steps = [_make_step(name) for name in names]

    def find(message: bytes | None) -> bytes | None:
        found = message
        for step in steps:
            found = None if found is None else step(found)
        return found

    return find


def _unescape(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")


def _make_step(name: str) -> Callable[[bytes], bytes | None]:
    """Make what finds a member of an object, or of an array where a name is a number (RFC 6901 §4).

    The decoder passes over all other members without making objects of them.
    """
    kind = msgspec.defstruct("Member", [("value", msgspec.Raw, msgspec.Raw())], rename={"value": name}, gc=False)
    member = msgspec.json.Decoder(kind)
    value_of = attrgetter("value")
    index = int(name) if re.fullmatch(r"0|[1-9][0-9]{0,8}", name) else None

    def step(text: bytes) -> bytes | None:
        try:
            if index is None or not text.lstrip().startswith(b"["):
                return bytes(value_of(member.decode(text))) or None
            items = msgspec.json.decode(text, type=list[msgspec.Raw])
            return bytes(items[index]) if index < len(items) else None
        except (msgspec.MsgspecError, RecursionError):
            return None  # no object, or no JSON: it has no members

    return step
