"""Does the daemon tell one visitor from another, or does it see a proxy only?

Knows what a poster may ask of itself, and what the daemon tells of proxies that name nobody. Must not know what follows
from it for posts.

There are two ways to learn it. A poster may ask as whom the daemon sees it; where no door is public that takes a key,
the doctor listens for a moment, and the daemon says at its own address whether a proxy has brought it without its name.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from oyez.access.ip_addresses import parse_address
from oyez.cli.doctor.doors import PublicDoor
from oyez.cli.doctor.findings import Outcome
from oyez.errors import OyezError
from oyez.probe.exchange import ask
from oyez.probe.failures import NotConnected, Trouble
from oyez.probe.http_doors import call_api
from oyez.probe.place import Place
from oyez.probe.socketio import PATH, Session, target
from oyez.probe.websocket import opened

_SHORT_S = 3.0

_NAMES_ALL = Outcome("no proxy hides them")
_UNTOLD = Outcome("no door that takes a key is public, and the daemon does not tell", skipped=True)

_Way = tuple[str, Callable[[], object]]
"""A way to listen: the path that a proxy passes on, and the attempt, which may raise OyezError."""

_Brought = dict[tuple[str, bool], int]
"""How many listeners a proxy has brought without their names: by its address, and whether its word would count."""


class Visitor(PublicDoor):
    """Somebody outside, by the address that browsers use."""

    def look(self) -> Outcome:
        """Find out as whom the daemon sees us."""
        asked = self._ask()
        if asked.findings or not (asked.skipped or self.post.site.dialect.is_raw):
            return asked
        watched = self._watch()
        return asked if watched is None or (watched is _NAMES_ALL and not asked.skipped) else watched

    # As a poster

    def _ask(self) -> Outcome:
        """Ask as a poster who we are."""
        if not self.post.has_own_key:
            return Outcome("a key of the daemon's own is needed to ask", skipped=True)
        try:
            with opened(self.place, target(self.place, "websocket"), limit_s=_SHORT_S) as link:
                session = Session(link)
                session.enter({"role": "sender", "token": self.post.site.key})
                seen = session.call("who-am-i")
                own_end = link.own_end
        except NotConnected as error:
            return Outcome(f"the key is refused there: {error}", skipped=True)
        except OyezError:
            return _UNTOLD
        hides = seen.get("proxy") == "hides" or (seen.get("proxy") == "none" and _is_between(seen, own_end))
        if not hides:
            return Outcome(f"we are {seen.get('address')} to it")
        everybody = seen.get("address") or "somebody at its Unix socket"
        return self.found("visitor-hidden", f"{self.url}: to the daemon, every visitor is {everybody}")

    # As a listener

    def _watch(self) -> Outcome | None:
        """Listen for a moment at each door, and see what that was to the daemon; None: that cannot be learned."""
        was_told = False
        for path, attempt in self._ways_to_listen():
            self.path = path
            before = self._ask_for_proxies()
            if before is None:
                return None
            try:
                attempt()
            except OyezError:
                continue  # the steps before have told what is wrong there
            after = self._ask_for_proxies() or {}
            was_told = True
            for proxy, count in after.items():
                if count > before.get(proxy, 0):
                    return self._hidden(*proxy)
        return _NAMES_ALL if was_told else None

    def _hidden(self, address: str, is_trusted: bool) -> Outcome:
        if is_trusted:
            return self.found("visitor-hidden", f"{self.url}: the proxy at {address} does not say for whom it asks")
        return self.found("visitor-hidden", f"{self.url}: the daemon does not believe the proxy at {address}")

    def _ways_to_listen(self) -> Iterator[_Way]:
        site = self.post.site
        if not site.dialect.is_raw:
            yield PATH, self._join
            return
        there, poll = site.place(self.name), site.poll_place(self.name)
        if there is not None:
            yield there.path or "/", self._open
        if poll is not None:
            yield f"{poll[1].path.rstrip('/')}/", partial(self._poll, poll[1])

    def _join(self) -> None:
        with opened(self.place, target(self.place, "websocket"), limit_s=_SHORT_S) as link:
            Session(link).enter({"role": "client"})

    def _open(self) -> None:
        with opened(self.place, self.path, limit_s=_SHORT_S):
            pass

    def _poll(self, place: Place) -> None:
        ask(place, f"{self.path}{self.post.channel}?nowait=1", limit_s=_SHORT_S)

    def _ask_for_proxies(self) -> _Brought | None:
        """Ask the daemon, where the site posts, which proxies have brought listeners without their names."""
        if self.post.place is None or not self.post.may_post:
            return None
        place = self.post.place.without_path()
        try:
            answer = call_api(place, self.post.site.key or "", "/addresses?limit=1", limit_s=self.post.step_s)
        except Trouble:
            return None
        rows = answer.members.get("hiding_proxies")
        if not isinstance(rows, list):
            return None
        return {(str(row.get("address")), bool(row.get("trusted"))): int(row.get("requests", 0)) for row in rows}


def _is_between(seen: Mapping[str, object], own_end: str) -> bool:
    """Whether a proxy stands between: the daemon's connection is not ours, and comes from nearby.

    One from a public address is ours, most likely, behind a translation of addresses.
    """
    socket = str(seen.get("socket", ""))
    address = parse_address(socket)
    return socket != own_end and (address is None or not address.is_global)
