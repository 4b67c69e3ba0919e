"""Who may post: pure functions over what is known of a client.

Knows keys and addresses. Must not know sockets, requests or logs.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from oyez.access.channel_rule import ChannelRule
from oyez.access.ip_addresses import Network, is_within, parse_networks
from oyez.access.peer import Peer, Proxy
from oyez.access.settings import KeySettings

WELL_KNOWN_KEYS = frozenset(("lqdoj", "oyez-development"))
"""Keys that are printed in public places. They are good on one's own machine only."""


_NO_CHANNELS = ChannelRule(())


class Verdict(Enum):
    """Why a client may post or not; the value says it to the operator. The client is told no reason."""

    ALLOWED = "allowed"
    NO_KEY = "no key is set, so nobody may post: set OYEZ_KEY or EVENT_DAEMON_KEY"
    WRONG_KEY = "wrong key"
    WELL_KNOWN_KEY = "a well-known key, which counts on this machine only: choose a key of your own"
    WRONG_ADDRESS = "the address is not among auth.sender_addresses"
    NOT_FROM_THERE = "the address is not among those that its key may be used from"


class PosterPlace(Protocol):
    """Where somebody posts from, who has more room than others for as long as the key is one."""

    def stop_posting(self) -> None:
        """Have no more than others from now on."""
        ...


class KeyHolder:
    """Whoever shows a key, or is let in without one: what a door keeps of a poster.

    Args:
        name: of the key; empty for the one of the setting `key`, and for who needs none.
        channels: what may be posted to; None: all.

    Attributes:
        posts: how many events were posted.
        is_void: whether its key is no longer one, since the settings were read again: it may post nothing.
        places: of its open sessions.
    """

    __slots__ = ("channels", "is_void", "name", "places", "posts")

    def __init__(self, name: str = "", channels: ChannelRule | None = None) -> None:
        self.name = name
        self.channels = channels
        self.posts = 0
        self.is_void = False
        self.places: set[PosterPlace] = set()

    def may_post(self, channel: str) -> bool:
        """Return whether the key may be used for a channel, to post and to read."""
        return self.channels is None or self.channels.allows(channel)

    def void(self) -> None:
        """Let it post nothing any more, and have no more than others: its key is no longer one."""
        self.channels = _NO_CHANNELS
        self.is_void = True
        for place in list(self.places):
            place.stop_posting()

    def rename(self, name: str) -> "KeyHolder":
        """Be known by another name from now on; return one that keeps the old name, with what was posted by it."""
        before = KeyHolder(self.name)
        before.posts = self.posts
        self.name, self.posts = name, 0
        return before

    def __str__(self) -> str:
        """Name it for the log."""
        return f"the key {self.name!r}" if self.name else "the key"


@dataclass(frozen=True, slots=True)
class PosterKey:
    """A key, with what it may be used for.

    Attributes:
        secret: what posters have to show, in UTF-8.
        is_well_known: whether everybody knows it.
        holder: who they are then.
        networks: where they have to be; empty: anywhere.
    """

    secret: bytes
    holder: KeyHolder
    networks: Sequence[Network] = ()
    is_well_known: bool = False


@dataclass(frozen=True, slots=True)
class PostPolicy:
    """Who may post.

    Attributes:
        keys: one of them posters have to show, each different; none: nobody may post.
        sender_networks: where posters have to be, whichever key they show; empty: anywhere.
    """

    keys: Sequence[PosterKey]
    sender_networks: Sequence[Network] = ()


def make_keys(key: str, others: Iterable[KeySettings]) -> tuple[PosterKey, ...]:
    """Make the keys that the settings name: the one without a name, if there is one, and the others."""
    unnamed = (KeySettings(key=key),) if key else ()
    return tuple(_make_key(settings) for settings in (*unnamed, *others))


def renew_keys(old: Sequence[PosterKey], new: Sequence[PosterKey]) -> tuple[tuple[PosterKey, ...], list[KeyHolder]]:
    """Replace the keys in force: whoever has posted with one that stays goes on, with what may be used of it now.

    A key is its secret, whatever its name: with another name it is the same poster's.

    Returns:
        The new keys; and holders that stand for what was posted by names that are gone, and may post nothing any more.
    """
    holders = {key.secret: key.holder for key in old}
    renewed: list[PosterKey] = []
    former: list[KeyHolder] = []
    for key in new:
        holder = holders.pop(key.secret, None)
        if holder is not None:
            if holder.name != key.holder.name:
                former.append(holder.rename(key.holder.name))
            holder.channels = key.holder.channels
        renewed.append(key if holder is None else replace(key, holder=holder))
    former += holders.values()
    for holder in former:
        holder.void()
    return tuple(renewed), former


def _make_key(settings: KeySettings) -> PosterKey:
    holder = KeyHolder(settings.name, ChannelRule(settings.may_post) if settings.may_post else None)
    is_well_known = settings.key in WELL_KNOWN_KEYS
    return PosterKey(_encode(settings.key), holder, parse_networks(settings.from_), is_well_known)


def judge_poster(policy: PostPolicy, token: object, peer: Peer) -> tuple[Verdict, KeyHolder | None]:
    """Decide whether a client that shows ``token`` may post; and whose key it is, if it is one."""
    if not policy.keys:
        return Verdict.NO_KEY, None
    found = find_key(policy.keys, token)
    if found is None:
        return Verdict.WRONG_KEY, None
    return _judge_place(policy, found, peer), found.holder


def _judge_place(policy: PostPolicy, key: PosterKey, peer: Peer) -> Verdict:
    if key.is_well_known and not peer.local:
        return Verdict.WELL_KNOWN_KEY
    if policy.sender_networks and not _is_fenced_in(peer, policy.sender_networks):
        return Verdict.WRONG_ADDRESS
    if key.networks and not _is_fenced_in(peer, key.networks):
        return Verdict.NOT_FROM_THERE
    return Verdict.ALLOWED


def explain_refusal(
    verdict: Verdict, peer: Peer, holder: KeyHolder | None = None, *, local_need_none: bool = False
) -> str:
    """Return for the operator why somebody was refused.

    Args:
        verdict: the reason.
        peer: who it was.
        holder: whose key it showed, if it was one.
        local_need_none: others there may post without a key.
    """
    doubt = f" ({peer.doubt})" if peer.doubt and (verdict is Verdict.WELL_KNOWN_KEY or local_need_none) else ""
    whose = f"{holder}: " if holder is not None and holder.name else ""
    return f"{whose}{verdict.value}{doubt}"


def is_known_place(networks: Sequence[Network], peer: Peer) -> bool:
    """Return whether a client is where no stranger is: on this machine, by proof, or within one of the networks.

    A proxy that does not say for whom it asks may ask for anybody.
    """
    return peer.local or (peer.proxy is not Proxy.HIDES and _is_fenced_in(peer, networks))


def _is_fenced_in(peer: Peer, networks: Sequence[Network]) -> bool:
    """Return whether a poster is where it has to be. Whoever connects to a Unix socket of this machine is."""
    return peer.named and (peer.address is None or is_within(peer.address, networks))


def find_key(keys: Iterable[PosterKey], token: object) -> PosterKey | None:
    """Find the key that is shown.

    All are compared, each to its end: the time tells neither which of them it was nor how much of it was right.
    """
    shown = _encode(token) if isinstance(token, str) else b""
    matching = [key for key in keys if hmac.compare_digest(shown, key.secret)]
    return matching[0] if matching else None


def _encode(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")
