"""A poster as DMOJ and VNOJ sites have it: a raw WebSocket for each thread, one request, one reply, no time-outs.

What is refused raises, and no site catches that; what is lost on the way is tried again, and then is 0.
"""

import json
import threading
from typing import Any

import websocket

MOST_RETRIES = 11


class PostRefused(Exception):  # noqa: N818 - the word that sites have for it
    """The daemon answered with an error: a page of the site would fail now."""


class RawSitePoster:
    """One connection for each thread; `key` None: the site has no setting for one and sends no auth."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._url = url
        self._key = key
        self._own = threading.local()

    def post(self, channel: str, message: object) -> int:
        return self._ask({"command": "post", "channel": channel, "message": message})

    def last(self) -> int:
        return self._ask({"command": "last-msg"})

    def close(self) -> None:
        link, self._own.link = getattr(self._own, "link", None), None
        if link is not None:
            link.close()

    def _ask(self, request: dict[str, object]) -> int:
        for _ in range(MOST_RETRIES):
            try:
                return int(self._exchange(self._connected(), request)["id"])
            except websocket.WebSocketException:
                self.close()
            except OSError:
                break
        self._own.link = None
        return 0

    def _connected(self) -> Any:
        link = getattr(self._own, "link", None)
        if link is None:
            link = websocket.create_connection(self._url)
            if self._key is not None:
                self._exchange(link, {"command": "auth", "key": self._key})
            self._own.link = link
        return link

    @staticmethod
    def _exchange(link: Any, request: dict[str, object]) -> Any:
        link.send(json.dumps(request))
        reply = json.loads(link.recv())
        if reply["status"] == "error":
            raise PostRefused(reply.get("code"), reply.get("message"))
        return reply
