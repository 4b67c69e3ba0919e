"""The settings of who may post and who may listen: where back ends are, the keys that they show, rules for channels.

Knows what each may be. Must not know what a key is compared with, nor where settings come from.
"""

import dataclasses
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from oyez.access.ip_addresses import networks
from oyez.setting import DAY_S, MASK, Setting, is_json_pointer, seconds

KEY_FORM = "printable characters in one line, without a space at either end"

_NAME = re.compile(r"\w[\w.-]{0,49}")
_NAME_FORM = "a name of 1 to 50 letters, digits, dots, hyphens and underscores"


def problem_of_key(text: str) -> str:
    """Return what would be right instead of this key; nothing if it survives as the value of a header."""
    if text == MASK:
        return f"the key itself, instead of which {MASK} is shown"
    return "" if text == text.strip() and text.isprintable() else KEY_FORM


def is_host_name(text: str) -> bool:
    """Accept what may stand in a URL in place of an address, without a port."""
    return re.fullmatch(r"[\w-]+(\.[\w-]+)*\.?", text, re.ASCII) is not None


def _is_member_path(text: str) -> bool:
    """Accept nothing, the name of a member, and a JSON pointer."""
    return not text.startswith("/") or is_json_pointer(text)


def _is_key_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may post, besides holding a key."""

    is_live: ClassVar = True

    sender_addresses: Annotated[
        tuple[str, ...],
        networks("Addresses that back ends may post from; none named: any."),
    ] = ()
    local_hosts: Annotated[
        tuple[str, ...],
        Setting(
            "Names by which back ends on this machine call it, besides localhost and its loopback addresses.",
            valid=is_host_name,
            form="host names without a port, such as events.internal",
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class KeySettings:
    """One of several keys: a table of ``[[keys]]``. A name with ``_`` behind it is one that Python keeps for itself."""

    is_live: ClassVar = True

    name: Annotated[
        str,
        Setting("Name of whoever has the key, for the log and the metrics.", valid=_is_key_name, form=_NAME_FORM),
    ] = ""
    key: Annotated[
        str, Setting("Secret that back ends show to post.", problem=problem_of_key, form=KEY_FORM, secret=True)
    ] = dataclasses.field(default="", repr=False)
    key_file: Annotated[str, Setting("File whose first line is the key.", form="the path of a file")] = ""
    may_post: Annotated[
        tuple[str, ...],
        Setting(
            "Channels that it may be used for; * stands for any text; none named: any.",
            valid=bool,
            form="names of channels, such as submissions or sub_*",
        ),
    ] = ()
    from_: Annotated[
        tuple[str, ...],
        networks("Addresses that it may be used from; none named: any."),
    ] = ()


OPEN = "open"
GRANT = "grant"
OBSERVE = "observe"
NOBODY = "nobody"

AS_ALL = -1
"""What is written of a number, of which 0 is one as well, where the setting of all channels counts."""

NOT_TOLD = "none"
COUNT = "count"


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """A rule for channels: a table of ``[[channels]]``."""

    is_live: ClassVar = True

    match: Annotated[
        str,
        Setting(
            "Channels that it is for; * stands for any text.",
            valid=bool,
            form="the name of a channel, such as tickets or contest_*",
        ),
    ] = ""
    listen: Annotated[
        str,
        Setting("Who may listen.", choices=(OPEN, GRANT, OBSERVE, NOBODY)),
    ] = OPEN
    grant_ttl_s: Annotated[float, seconds("How long a grant is good after its issue.", low=1, high=365 * DAY_S)] = (
        DAY_S / 2
    )
    history_size: Annotated[
        int, Setting("Events kept of each of these channels; 0: as history.size.", unit="events")
    ] = 0
    history_ttl_s: Annotated[
        float, seconds("Age at which their events leave the memory; 0: as history.ttl_s.", low=0, high=366 * DAY_S)
    ] = 0.0
    replay_without_start: Annotated[
        int,
        Setting(
            "Newest events of them sent to a listener that names no event to start from; -1: as"
            " history.replay_without_start.",
            unit="events",
            low=AS_ALL,
        ),
    ] = AS_ALL
    keep: Annotated[
        bool,
        Setting(
            "Whether the store keeps their events; false: they are in memory only, and gone after a restart.",
            live=False,
        ),
    ] = True
    strip: Annotated[
        tuple[str, ...],
        Setting(
            "Members that leave their messages before anybody sees them.",
            valid=is_json_pointer,
            form="JSON pointers of 1 to 32 levels, such as /points or /user/email",
        ),
    ] = ()
    presence: Annotated[
        str,
        Setting("Whether listeners that ask for it are told how many there are.", choices=(NOT_TOLD, COUNT)),
    ] = NOT_TOLD
    pace_s: Annotated[
        float,
        seconds("Least time from one write to a listener to the next; 0: each event goes at once.", low=0, high=60),
    ] = 0.0
    spread_s: Annotated[
        float,
        seconds("Time in which each listener gets an event at a moment of its own; 0: at once.", low=0, high=600),
    ] = 0.0
    latest_by: Annotated[
        str,
        Setting(
            "Member of messages: of those with the same, whoever is late gets only the newest.",
            valid=_is_member_path,
            form="the name of a member, such as id, or a JSON pointer, such as /user/id",
        ),
    ] = ""
