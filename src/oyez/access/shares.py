"""What each address has of the daemon: how much is counted for it, and what was refused.

Knows addresses, counts and rates. Must not know doors, nor what follows when an address has had its share.

An address stands for one host: that of IPv4, or 64 bits of IPv6, within which a host has as many as it likes. Behind a
trusted proxy it is the one that the proxy names. A trusted proxy that names nobody is no visitor: all of a site may
come from there, so nothing is shared out, and the same is true of Unix sockets and of `limits.exempt_networks`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from oyez.access.ip_addresses import (
    IpAddress,
    Network,
    host_key,
    host_name,
    host_network,
    is_within,
    parse_address,
)
from oyez.access.peer import Peer
from oyez.access.token_bucket import TokenBucket
from oyez.limits import LimitSettings
from oyez.setting import parse_rate

# Of addresses without a connection, so many are remembered for what they have spent: those that were here last.
_REMEMBERED = 4096

# Whoever has shown the right key posts from there, and may well make a connection for each post.
_POSTER_FOR_S = 3600.0


class SpareSocket(Protocol):
    """A socket that others may have at need."""

    def close_idle(self) -> bool:
        """Close it: another one needs the room. False: it is needed itself, as turned out just now."""
        ...


class Share:
    """One address: what it has, what it has spent, what it was refused.

    Attributes:
        key: the address in the registry.
        sessions: open ones, of every door and role but those of posters who have shown the key.
        listeners: those of them that listen.
        sockets: open ones without a session: silent, or between two requests, or in the midst of one.
        spare: those of the sockets that nobody can miss, or not judged yet, who has been such for longest first.
        commands: tokens for what its clients ask for.
        replay: tokens for bytes of catch-up.
        refusals: how often which of its wishes was refused, by reason.
        asked: what its clients asked for so far, weighed as commands are.
    """

    __slots__ = (
        "_poster_until", "asked", "commands", "connects", "key", "listeners", "refusals", "replay", "sessions",
        "sockets", "sockets_opened", "spare",
    )  # fmt: skip

    def __init__(self, key: int, rates: "Rates", now: float) -> None:
        self.key = key
        self.sessions = self.listeners = self.sockets = 0
        self.spare: dict[SpareSocket, None] = {}
        self.connects = TokenBucket(rates.connects, now)
        self.sockets_opened = TokenBucket(rates.connects, now)
        self.commands = TokenBucket(rates.commands, now)
        self.replay = TokenBucket(rates.replay, now)
        self.refusals: Counter[str] = Counter()
        self.asked = 0.0
        self._poster_until = float("-inf")

    @property
    def network(self) -> Network:
        """The address as a network: 32 bits of IPv4, 64 of IPv6."""
        return host_network(self.key)

    def __str__(self) -> str:
        """Write it as ``192.0.2.1`` or ``2001:db8:0:1::/64``."""
        return host_name(self.key)

    def ask(self, now: float, cost: float = 1) -> float:
        """Count a command; return for how many seconds nothing more is to be read from there.

        Args:
            now: seconds on a steady scale.
            cost: what it weighs, beside the plainest command.
        """
        self.asked += cost
        return self.commands.spend(now, cost)

    def change_rates(self, rates: "Rates", now: float) -> None:
        """Let it ask for more or less in a second from now on."""
        self.connects.change_rate(rates.connects, now)
        self.sockets_opened.change_rate(rates.connects, now)
        self.commands.change_rate(rates.commands, now)
        self.replay.change_rate(rates.replay, now)

    def remember_poster(self, now: float) -> None:
        """Note that the right key was shown from there."""
        self._poster_until = now + _POSTER_FOR_S

    def is_posters(self, now: float) -> bool:
        """Return whether the right key was shown from there lately."""
        return now < self._poster_until

    def is_idle(self, now: float) -> bool:
        """Return whether forgetting it changes nothing but its history of refusals."""
        if self.sessions or self.sockets or self.is_posters(now):
            return False
        buckets = (self.connects, self.sockets_opened, self.commands, self.replay)
        return all(bucket.is_full(now) for bucket in buckets)


class Rates:
    """What may be asked for in a second, by one connection or by one address."""

    def __init__(self, limits: LimitSettings) -> None:
        self.connects = parse_rate(limits.connects_per_second_per_address)
        self.connection_commands = parse_rate(limits.commands_per_second_per_connection)
        self.commands = parse_rate(limits.commands_per_second_per_address)
        self.replay = parse_rate(limits.replay_bytes_per_second_per_address)


class Shares:
    """All addresses that have something, and those that had something lately.

    Args:
        limits: how much one address may ask for.
        exempt: networks that are no visitors: those of the settings, and trusted proxies.
        clock: seconds on a steady scale.
        remembered: of how many addresses without a connection is kept what they have spent.

    Attributes:
        clock: as above.
        rates: what may be asked for in a second.
    """

    def __init__(
        self,
        limits: LimitSettings,
        exempt: Sequence[Network],
        clock: Callable[[], float],
        *,
        remembered: int = _REMEMBERED,
    ) -> None:
        self.clock = clock
        self.rates = Rates(limits)
        self._exempt = tuple(exempt)
        self._remembered = remembered
        self._shares: dict[int, Share] = {}
        self._sweep_at = remembered
        self._key_of = lru_cache(maxsize=1024)(self._find_key)
        self._key_of_host = lru_cache(maxsize=1024)(self._find_key_of_host)

    def change_limits(self, limits: LimitSettings, exempt: Sequence[Network]) -> None:
        """Let other limits count from now on, for those that have something too; the arguments are the class's."""
        self.rates = Rates(limits)
        self._exempt = tuple(exempt)
        self._key_of.cache_clear()
        self._key_of_host.cache_clear()
        now = self.clock()
        for share in self._shares.values():
            share.change_rates(self.rates, now)

    def of_peer(self, peer: Peer) -> Share | None:
        """Return the share of a client; None: nothing is shared out there."""
        return None if peer.address is None else self._open(self._key_of(peer.address))

    def of_host(self, host: str) -> Share | None:
        """Return the share of the other end of a socket, by its address as the system writes it."""
        return self._open(self._key_of_host(host))

    def all(self) -> list[Share]:
        """Return those that are known, in no order."""
        return list(self._shares.values())

    def _open(self, key: int | None) -> Share | None:
        if key is None:
            return None
        share = self._shares.get(key)
        if share is None:
            if len(self._shares) >= self._sweep_at:
                self._forget_some()
            share = self._shares[key] = Share(key, self.rates, self.clock())
        return share

    def _forget_some(self) -> None:
        """Forget who has nothing and owes nothing; if those are few, also who owes something, the oldest first."""
        now = self.clock()
        kept = {key: share for key, share in self._shares.items() if not share.is_idle(now)}
        absent = [key for key, share in kept.items() if not (share.sessions or share.sockets)]
        for key in absent[: max(len(absent) - self._remembered // 2, 0)]:
            del kept[key]
        self._shares = kept
        self._sweep_at = len(kept) + self._remembered // 2

    def _find_key(self, address: IpAddress) -> int | None:
        return None if is_within(address, self._exempt) else host_key(address)

    def _find_key_of_host(self, host: str) -> int | None:
        address = parse_address(host) if host else None
        return None if address is None else self._find_key(address)
