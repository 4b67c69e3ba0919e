"""A poster as judge sites have it in their web processes: whatever happens, it must not hurt the site.

A call returns the event's id, or 0 for whatever went wrong; it raises nothing, and each step of it has a time-out.
"""

import threading
import time
from typing import Any

import socketio

from tests.inbox import PATIENCE_S

STEP_TIMEOUT_S = 0.5  # of the site; how soon a step is done is a test of its own, and a busy machine takes longer
ACK_TIMEOUT_S = 5.0
MUTE_S = 60.0


class SitePoster:
    """One connection for each thread; a thread whose connect failed stays mute for a minute."""

    def __init__(self, url: str, key: str, *, step_timeout_s: float = PATIENCE_S) -> None:
        self._step_timeout_s = step_timeout_s
        self._url = url
        self._key = key
        self._own = threading.local()

    def post(self, channel: str, message: object) -> int:
        return self._ask("post", {"channel": channel, "message": message})

    def last(self) -> int:
        return self._ask("last-msg")

    def transport(self) -> str:
        return str(self._own.client.transport())

    def close(self) -> None:
        """Drop this thread's connection, as after any failure."""
        client, self._own.client = getattr(self._own, "client", None), None
        if client is not None:
            client.disconnect()

    def _ask(self, event: str, *args: object) -> int:
        client = self._connected()
        if client is None:
            return 0
        try:
            answer = client.call(event, args, timeout=ACK_TIMEOUT_S)
            if answer and answer.get("status") != "error":
                return int(answer.get("id", 0))
        except socketio.exceptions.SocketIOError:
            pass
        self.close()
        return 0

    def _connected(self) -> Any:
        client = getattr(self._own, "client", None)
        if client is None and time.monotonic() >= getattr(self._own, "mute_until", 0.0):
            client = self._connect()
            self._own.client = client
            if client is None:
                self._own.mute_until = time.monotonic() + MUTE_S
        return client

    def _connect(self) -> Any:
        client = socketio.Client(
            reconnection=False,
            request_timeout=self._step_timeout_s,
            websocket_extra_options={"timeout": self._step_timeout_s},
            handle_sigint=False,
        )
        try:
            client.connect(self._url, auth={"role": "sender", "token": self._key}, wait_timeout=self._step_timeout_s)
        except socketio.exceptions.SocketIOError:
            return None
        return client
