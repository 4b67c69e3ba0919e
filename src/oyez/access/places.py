"""Room for sessions: one way in for every door, and the way out that belongs to it.

Knows how many there may be, of all and of one address, and how fast they may come. Must not know doors, nor how a
refusal is written.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from oyez.access.capacity import Capacity
from oyez.access.enforcement import Enforcement
from oyez.access.hiding_proxies import HidingProxies
from oyez.access.ip_addresses import IpAddress, parse_networks
from oyez.access.keys import KeyHolder
from oyez.access.peer import FarEnd, FindPeer, Note, Noted, Peer, Who
from oyez.access.rations import Rations, ReplayRation
from oyez.access.shares import Share, Shares
from oyez.access.token_bucket import TokenBucket
from oyez.access.work import Work
from oyez.limits import LimitSettings

AT_CAPACITY = "at-capacity"
ADDRESS_CONNECTIONS = "address-connections"
ADDRESS_CONNECTS = "address-connects"
ADDRESS_SOCKETS = "address-sockets"

# Who finds no room is told to come back after this time: others need some to leave.
_RETRY_AFTER_S = 30

# Sessions of one address that do not listen: posters who have not shown the key yet, listeners who are told to wait.
_LEAST_FOR_OTHERS = 4

# What a program on the daemon's own machine may open when its address has had its share: posters are among them.
_FOR_LOCAL = 64

# A browser that polls has a socket for its GET and one for its POST, and some open one more in advance.
_SOCKETS_FOR_ONE = 2


class NoPlace(NamedTuple):
    """Why there is no room.

    Attributes:
        reason: as it is counted.
        retry_after_s: after how many seconds there may be some.
        share: of the address that has had its own, and is told so at its pace; None: it is told at once. Where nobody
            has room, a socket that waits for its answer is one that others lack.
    """

    reason: str
    retry_after_s: int
    share: Share | None = None


@lru_cache(maxsize=256)  # one for all sessions there, of which each would have its own otherwise
def _known_at(address: IpAddress) -> Peer:
    return Peer(address)


class Bounds(NamedTuple):
    """How much one address may have at once; each leaves room for what stands below it."""

    sockets: int
    """Sockets without a session."""
    sessions: int
    """Sessions of whoever has not shown the key."""
    listeners: int
    """Sessions that listen."""


def derive_bounds(capacity: Capacity, max_connections_per_address: int) -> Bounds:
    """Find what one address may have; 0: half of the listeners that fit, so that another half is left to others."""
    listeners = max_connections_per_address or max(capacity.listeners // 2, 1)
    sessions = listeners + max(listeners // 10, _LEAST_FOR_OTHERS)
    sockets = min(sessions * _SOCKETS_FOR_ONE, capacity.sockets // 2)  # two addresses with slow bodies would fill all
    return Bounds(max(sockets, sessions), sessions, listeners)


class Places:
    """All sessions of the daemon, over all doors together.

    Args:
        capacity: how many fit.
        limits: how much one address may ask for.
        shares: what each address has.
        enforcement: counts refusals, and says whether a limit that is met makes one.
        is_serving: whether sessions may begin.
        hiding_proxies: those that name no visitors; whose listeners are counted.

    Attributes:
        enforcement: as above.
        hiding_proxies: as above.
        sessions: open ones, of every door and role.
        listeners: those of them that listen.
        bounds: how much one address may have.
        rations: how much each address may be sent of old events.
        work: what is asked for, by sessions and by addresses.
    """

    def __init__(
        self,
        capacity: Capacity,
        limits: LimitSettings,
        shares: Shares,
        enforcement: Enforcement,
        *,
        is_serving: Callable[[], bool] = lambda: True,
        hiding_proxies: HidingProxies | None = None,
    ) -> None:
        self.hiding_proxies = hiding_proxies or HidingProxies()
        self.capacity = capacity
        self.bounds = derive_bounds(capacity, limits.max_connections_per_address)
        self.shares = shares
        self.rations = Rations(shares.clock, enforcement)
        self.work = Work(shares.rates, enforcement, shares.clock)
        self.sessions = self.listeners = 0
        self.enforcement = enforcement
        self._is_serving = is_serving

    def change_limits(self, capacity: Capacity, limits: LimitSettings) -> None:
        """Let other limits count for whoever comes from now on; the shares know them already. Nobody loses a place."""
        self.capacity = capacity
        self.bounds = derive_bounds(capacity, limits.max_connections_per_address)
        self.work.change_rates(self.shares.rates)

    def take(self, find_peer: FindPeer, what: str) -> "SessionPlace | NoPlace":
        """Let a session begin, if there is room for one more, and for one more from there.

        Args:
            find_peer: finds out who asks.
            what: is asked for, for the log: ``a session``.
        """
        peer = find_peer()
        share = self.shares.of_peer(peer)
        is_hidden = self.hiding_proxies.brought(peer, has_share=share is not None)
        known = None if share or is_hidden or peer.address is None else _known_at(peer.address)
        refused = self._judge(peer, share, f"{what} over the limit")
        return refused or SessionPlace(self, share, known, is_hidden=is_hidden)

    def take_listener(self, find_peer: FindPeer, what: str) -> "SessionPlace | NoPlace":
        """Let a session begin that listens from the start; the arguments are those of `take`."""
        place = self.take(find_peer, what)
        if isinstance(place, SessionPlace):
            refused = place.take_seat(find_peer)
            if refused is not None:
                place.leave()
                return refused
        return place

    def take_socket(self, far_end: FarEnd | None) -> "Share | NoPlace | None":
        """Let a socket in that has no session yet; whoever has a share gives it back by `Share.sockets`.

        A proxy's sockets are not shared out, so its visitors are counted by their requests. Where the right key was
        shown, a socket for each post is nothing unusual. Over the limit of an address the one of its own goes that has
        said nothing for longest, if there is one that nobody can miss.
        """
        share = None if far_end is None else self.shares.of_host(far_end[0])
        if share is None:
            return None
        is_full = share.sockets >= self.bounds.sockets and self._refuses(
            ADDRESS_SOCKETS, "a socket over the limit", share
        )
        if is_full and not self._make_room(share):
            return NoPlace(ADDRESS_SOCKETS, _RETRY_AFTER_S)
        hasty = self._judge_haste(share, share.sockets_opened, "a socket that comes too fast")
        if hasty is None:
            share.sockets += 1
        return hasty or share

    def _make_room(self, share: Share) -> bool:
        """Let a socket of an address go for one that comes, which may have something to say; False: none can."""
        while share.sockets >= self.bounds.sockets:
            longest = next(iter(share.spare), None)
            if longest is None:
                return False
            if longest.close_idle():
                break
        return True

    def charge_address(self, peer: Peer, cost: float) -> None:
        """Count what was done for a client without a session, as `access.work` weighs it."""
        share = self.shares.of_peer(peer)
        if share is not None:
            self.work.charge_address(share, cost)

    def remember_poster(self, peer: Peer) -> None:
        """Note that the right key was shown from there, where no session has a place for it."""
        share = self.shares.of_peer(peer)
        if share is not None:
            share.remember_poster(self.shares.clock())

    def _judge(self, peer: Peer, share: Share | None, what: str) -> NoPlace | None:
        """Return why a session may not begin. The last places are kept for this machine's posters."""
        if not self._is_serving() or (self.sessions >= self.capacity.sessions and not peer.local):
            self.enforcement.count_refusal(AT_CAPACITY, what, share, peer)
            return NoPlace(AT_CAPACITY, _RETRY_AFTER_S)
        if share is None:
            return None
        most = self.bounds.sessions + (_FOR_LOCAL if peer.local else 0)
        if share.sessions >= most and self._refuses(ADDRESS_CONNECTIONS, what, share):
            return NoPlace(ADDRESS_CONNECTIONS, _RETRY_AFTER_S, share)
        return self._judge_haste(share, share.connects, f"{what} of connects")

    def _judge_haste(self, share: Share, bucket: TokenBucket, what: str) -> NoPlace | None:
        """Take a connect from a bucket of an address; return when there is another, if none is left."""
        now = self.shares.clock()
        if bucket.take(now) or share.is_posters(now) or not self._refuses(ADDRESS_CONNECTS, what, share):
            return None
        return NoPlace(ADDRESS_CONNECTS, max(math.ceil(bucket.wait_for(now)), 1), share)

    def refuse_seat(self, share: Share | None, find_peer: FindPeer) -> NoPlace | None:
        """Return why nobody more may listen, of all or from an address; None: there is room."""
        what = f"{self.listeners} listeners are connected"
        if self.listeners >= self.capacity.listeners:
            self.enforcement.count_refusal(AT_CAPACITY, what, share, None if share else find_peer)
            return NoPlace(AT_CAPACITY, _RETRY_AFTER_S)
        if share is None or share.listeners < self.bounds.listeners:
            return None
        if not self._refuses(ADDRESS_CONNECTIONS, f"{share.listeners} of its listeners are connected", share):
            return None
        return NoPlace(ADDRESS_CONNECTIONS, _RETRY_AFTER_S, share)

    def _refuses(self, reason: str, detail: str, share: Share) -> bool:
        return self.enforcement.refuses(reason, detail, share)


class SessionPlace:
    """One session's place. Each of its methods may be repeated.

    Attributes:
        share: what counts for its address; None: nothing is shared out there, or the right key was shown.
        address: whose it is, for notes: the share of its address, also when it does not count there any more; or who
            may have all there is. None: it came by a proxy that may not have said for whom.
        is_poster: the right key was shown, and is one still.
        paid_until: the time when all that the session asked for will be paid for (`Worker`), as `Work` counts it.
    """

    __slots__ = (
        "_holder", "_is_hidden", "_is_listener", "_is_open", "_places", "address", "is_poster", "paid_until", "share",
    )  # fmt: skip

    def __init__(
        self, places: Places, share: Share | None, known: Noted | None = None, *, is_hidden: bool = False
    ) -> None:
        self._places = places
        self._is_hidden = is_hidden  # perhaps: behind a proxy that names nobody
        self.share = share
        self.address = share or known
        self._is_listener = False
        self._is_open = True
        self.is_poster = False
        self._holder: KeyHolder | None = None  # of a poster
        self.paid_until = 0.0
        places.sessions += 1
        if share is not None:
            share.sessions += 1

    def charge(self, cost: float, who: Who | None = None) -> float:
        """Count what was done for the session; return for how many seconds nothing more is to be done for it.

        Args:
            cost: as `access.work` weighs it.
            who: finds out whose session it is, where nothing is shared out.
        """
        return 0.0 if self.is_poster else self._places.work.charge(self, cost, who)

    def add_work(self, cost: float) -> None:
        """Count something more that was done for the session, beside what it is charged for in a moment."""
        if not self.is_poster:
            self._places.work.add(self, cost)

    def take_seat(self, find_peer: FindPeer) -> NoPlace | None:
        """Become a listener, if there is room for one more: None; else the reason."""
        if self._is_listener:
            return None
        refused = self._places.refuse_seat(self.share, find_peer)
        if refused is None:
            self._is_listener = True
            self._places.listeners += 1
            if self._is_hidden:
                self._places.hiding_proxies.count(find_peer())
            if self.share is not None:
                self.share.listeners += 1
        return refused

    @property
    def ration(self) -> ReplayRation | None:
        """Return what its address may be sent of old events; None: all that there is."""
        return self._places.rations.of(self.share)

    def use_again(self, peer: Peer) -> None:
        """Let another listener of the address have it, or the same one anew."""
        hiding_proxies = self._places.hiding_proxies
        if hiding_proxies.brought(peer, has_share=self.share is not None):
            hiding_proxies.count(peer)

    def leave_seat(self) -> None:
        """Be a listener no longer."""
        if self._is_listener:
            self._is_listener = False
            self._places.listeners -= 1
            if self.share is not None:
                self.share.listeners -= 1

    def become_poster(self, holder: KeyHolder) -> None:
        """Count for no address any more, since the right key was shown; once that is none any more, as `stop_posting`.

        Args:
            holder: of the key.
        """
        self.leave_seat()
        self._forget_holder()
        self.is_poster = True
        self._holder = holder
        holder.places.add(self)
        if self.share is not None:
            self.share.sessions -= 1
            self.share.remember_poster(self._places.shares.clock())
            self.share = None

    def stop_posting(self) -> None:
        """Count again, as one who has not shown the key."""
        self.is_poster = False
        self._forget_holder()
        if self._is_open and self.share is None and isinstance(self.address, Share):
            self.share = self.address
            self.share.sessions += 1

    def _forget_holder(self) -> None:
        if self._holder is not None:
            self._holder.places.discard(self)
            self._holder = None

    def leave(self) -> None:
        """Give the place back: the session has ended."""
        if not self._is_open:
            return
        self.leave_seat()
        self._forget_holder()
        self._is_open = False
        self._places.sessions -= 1
        if self.share is not None:
            self.share.sessions -= 1
            self.share = None


def _note_nothing(reason: str, detail: str, who: Who | None = None, /) -> None:
    """Count nothing: nothing is refused."""


def unlimited(clock: Callable[[], float], note: Note = _note_nothing) -> Places:
    """Make places for a server whose sessions nobody counts, such as one of the protocol alone."""
    everything = Capacity(2**31, 2**31, 2**31)
    limits = LimitSettings(commands_per_second_per_connection=str(2**53 - 1))
    enforcement = Enforcement(limits, note, note)
    shares = Shares(limits, parse_networks(("0.0.0.0/0", "::/0")), clock)
    return Places(everything, limits, shares, enforcement)
