"""Who a visitor of the public address is to the daemon: nobody who may post, and one of many.

Knows the doors that take a key, and the keys that everyone knows. Must not know what pages do.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial

from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.access.peer import parse_address
from oyez.cli.doctor import raw, socketio
from oyez.cli.doctor.findings import Outcome
from oyez.cli.doctor.posting import PostSide
from oyez.cli.doctor.public import Door
from oyez.cli.probe.exchange import ask
from oyez.cli.probe.failures import NotConnected, Unexpected
from oyez.cli.probe.place import Place
from oyez.cli.probe.web_socket import opened
from oyez.errors import OyezError

_SHORT_S = 3.0
_POST_PATH = "/post"
_IN_DEVELOPMENT = Outcome("browsers connect to the daemon itself, as in development", skipped=True)

Dial = Callable[[Place, Mapping[str, object]], AbstractContextManager[socketio.Session]]

Way = tuple[str, str, Callable[[], object]]
"""A way to post: in words, the path that a proxy passes on, and the attempt, which raises OyezError when refused."""


class Stranger(Door):
    """Somebody outside, who knows what stands in public places. Asks for the newest id only: nothing is posted."""

    def __init__(self, post: PostSide, name: str, place: Place) -> None:
        super().__init__(post, name, place.without_path(), socketio.PATH)

    def try_to_post(self) -> Outcome:
        """May anybody post who reaches the address, with a key that everyone knows, or none?"""
        if self._is_daemon_itself:
            return _IN_DEVELOPMENT
        for words, path, attempt in self._ways():
            self.path = path
            try:
                attempt()
            except OyezError:
                continue
            return self.found("stranger-posts", f"{self.url}: {words}", post_key=self.post.site.dialect.key)
        return Outcome("with no key, or one that everyone knows, nobody may post")

    def look(self) -> Outcome:
        """Does the daemon tell one visitor from another?"""
        key = self.post.site.key
        self.path = socketio.PATH
        if self._is_daemon_itself:
            return _IN_DEVELOPMENT
        if not key or not self.post.may_post or key in WELL_KNOWN_KEYS:
            return Outcome("a key of the daemon's own is needed to ask", skipped=True)
        try:
            with opened(self.place, socketio.WEBSOCKET, limit_s=_SHORT_S) as link:
                link.receive()  # Engine.IO's handshake
                seen = socketio.Session(link, {"role": "sender", "token": key}).call("who-am-i")
                own_end = link.own_end
        except NotConnected as error:
            return Outcome(f"the key is refused there: {error}", skipped=True)
        except OyezError:
            return Outcome("no door that takes a key is public, or the daemon does not tell", skipped=True)
        hides = seen.get("proxy") == "hides" or (seen.get("proxy") == "none" and _is_between(seen, own_end))
        if not hides:
            return Outcome(f"we are {seen.get('address')} to it")
        everybody = seen.get("address") or "somebody at its Unix socket"
        return self.found("visitor-hidden", f"{self.url}: to the daemon, every visitor is {everybody}")

    # Ways to post

    def _ways(self) -> Iterator[Way]:
        """Try as few wrong keys as can be: they count. A key of the site's own that works is the daemon's only one."""
        yield "one needs no key", _POST_PATH, partial(self._ask_raw, None)
        site_key = self.post.site.key
        if self.post.may_post and site_key and site_key not in WELL_KNOWN_KEYS:
            return
        for key in [site_key] if site_key in WELL_KNOWN_KEYS else sorted(WELL_KNOWN_KEYS):
            words = f"one may post with the key {key!r}"
            auth = {"role": "sender", "token": key}
            yield f"{words}, by polling", socketio.PATH, partial(self._join, socketio.by_polling, auth)
            yield f"{words}, by WebSocket", socketio.PATH, partial(self._join, socketio.by_websocket, auth)
            yield words, "/api/", partial(self._ask_api, key)
            yield words, _POST_PATH, partial(self._ask_raw, key)

    @property
    def _is_daemon_itself(self) -> bool:
        post = self.post.place
        return self.place.is_local and post is not None and post.port == self.place.port

    def _join(self, dial: Dial, auth: Mapping[str, object]) -> None:
        with dial(self.place, auth) as session:
            session.call("last-msg")

    def _ask_api(self, key: str) -> None:
        answer = ask(self.place, "/api/last", headers={"Authorization": f"Bearer {key}"}, limit_s=_SHORT_S)
        if answer.status != 200 or not isinstance(answer.parsed, dict) or "id" not in answer.parsed:
            raise Unexpected(answer)

    def _ask_raw(self, key: str | None) -> None:
        with opened(self.place, _POST_PATH, limit_s=_SHORT_S) as link:
            if key is not None:
                raw.call(link, "auth", key=key)
            raw.call(link, "last-msg")


def _is_between(seen: Mapping[str, object], own_end: str) -> bool:
    """Tell whether the daemon has another's connection than ours, and has it from nearby: from a proxy, then.

    One from a public address is ours, most likely, behind a translation of addresses.
    """
    socket = str(seen.get("socket", ""))
    address = parse_address(socket)
    return socket != own_end and (address is None or not address.is_global)
