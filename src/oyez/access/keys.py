"""Who may post: pure functions over what is known of a client.

Knows keys and addresses. Must not know sockets, requests or logs.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from oyez.access.ip_addresses import NETWORKS, Network, is_network, is_within
from oyez.access.peer import Peer
from oyez.setting import MASK, Setting

WELL_KNOWN_KEYS = frozenset(("lqdoj", "oyez-development"))
"""Keys that are printed in public places. They are good on one's own machine only."""

KEY_FORM = "printable characters in one line, without a space at either end"


def problem_of_key(text: str) -> str:
    """Return what would be right instead of this key; nothing if it survives as the value of a header."""
    if text == MASK:
        return f"the key itself, instead of which {MASK} is shown"
    return "" if text == text.strip() and text.isprintable() else KEY_FORM


def is_host_name(text: str) -> bool:
    """Accept what may stand in a URL in place of an address, without a port."""
    return re.fullmatch(r"[\w-]+(\.[\w-]+)*\.?", text, re.ASCII) is not None


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may post, besides holding the key."""

    sender_addresses: Annotated[
        tuple[str, ...],
        Setting("Addresses that back ends may post from; none named: any.", valid=is_network, form=NETWORKS),
    ] = ()
    local_hosts: Annotated[
        tuple[str, ...],
        Setting(
            "Names by which back ends on this machine call it, besides localhost and its loopback addresses.",
            valid=is_host_name,
            form="host names without a port, such as events.internal",
        ),
    ] = ()


class Verdict(Enum):
    """Why a client may post or not; the value says it to the operator. The client is told no reason."""

    ALLOWED = "allowed"
    NO_KEY = "no key is set, so nobody may post: set OYEZ_KEY or EVENT_DAEMON_KEY"
    WRONG_KEY = "wrong key"
    WELL_KNOWN_KEY = "a well-known key, which counts on this machine only: choose a key of your own"
    WRONG_ADDRESS = "the address is not among auth.sender_addresses"


@dataclass(frozen=True, slots=True)
class PostPolicy:
    """Who may post.

    Attributes:
        key: what posters have to show; empty: nobody may post.
        sender_networks: where posters have to be; empty: anywhere.
    """

    key: str
    sender_networks: Sequence[Network] = ()


def judge_poster(policy: PostPolicy, token: object, peer: Peer) -> Verdict:
    """Decide whether a client that shows ``token`` may post."""
    if not policy.key:
        return Verdict.NO_KEY
    if not is_same_key(token, policy.key):
        return Verdict.WRONG_KEY
    if policy.key in WELL_KNOWN_KEYS and not peer.local:
        return Verdict.WELL_KNOWN_KEY
    if policy.sender_networks and not _is_fenced_in(peer, policy.sender_networks):
        return Verdict.WRONG_ADDRESS
    return Verdict.ALLOWED


def explain_refusal(verdict: Verdict, peer: Peer, *, local_need_none: bool = False) -> str:
    """Return for the operator who was refused, and why; ``local_need_none``: others there may post without a key."""
    doubt = f" ({peer.doubt})" if peer.doubt and (verdict is Verdict.WELL_KNOWN_KEY or local_need_none) else ""
    return f"a poster from {peer}: {verdict.value}{doubt}"


def _is_fenced_in(peer: Peer, networks: Sequence[Network]) -> bool:
    """Return whether a poster is where it has to be. Whoever connects to a Unix socket of this machine is."""
    return peer.named and (peer.address is None or is_within(peer.address, networks))


def is_same_key(token: object, key: str) -> bool:
    """Compare in a time that does not tell how much of the key was right."""
    if not isinstance(token, str):
        return False
    return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), key.encode("utf-8", "surrogatepass"))
