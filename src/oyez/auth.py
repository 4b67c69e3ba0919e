"""Who may post: pure functions over what is known of a client.

Knows keys and addresses. Must not know sockets, requests or logs.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from oyez.address import Network, Peer, is_within

WELL_KNOWN_KEYS = frozenset(("lqdoj", "oyez-development"))
"""Keys that are printed in public places. They are good on one's own machine only."""


class Verdict(Enum):
    """Why a client may post or not; the value says it to the operator. The client is told no reason."""

    ALLOWED = "allowed"
    NO_KEY = "no key is set, so nobody may post: set OYEZ_KEY or EVENT_DAEMON_KEY"
    WRONG_KEY = "wrong key"
    WELL_KNOWN_KEY = "a well-known key, used through a proxy or from another machine: choose a key of your own"
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
    if policy.key in WELL_KNOWN_KEYS and not (peer.local and peer.direct):
        return Verdict.WELL_KNOWN_KEY
    if policy.sender_networks and peer.address and not is_within(peer.address, policy.sender_networks):
        return Verdict.WRONG_ADDRESS
    return Verdict.ALLOWED


def is_same_key(token: object, key: str) -> bool:
    """Compare in a time that does not tell how much of the key was right."""
    if not isinstance(token, str):
        return False
    return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), key.encode("utf-8", "surrogatepass"))
