"""python-socketio's three clients, each as a `Client` of the scenarios."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any, Self

import socketio

from tests.inbox import PATIENCE_S, Inbox

TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}
# Comes back sooner than the library's default, so that the tests need not wait.
OPTIONS = {
    "reconnection_delay": 0.05,
    "reconnection_delay_max": 0.1,
    "randomization_factor": 0,
    "request_timeout": 2,
    "handle_sigint": False,
}


class Follower:
    """What a site's page does: on every connect name the last id it holds and its channels."""

    def __init__(self, channels: Sequence[str], start: int) -> None:
        self._channels = list(channels)
        self._last = start

    def requests(self) -> list[tuple[str, object]]:
        if not self._channels:
            return []
        return [("start-msg", {"start": self._last}), ("set-filter", {"filter": self._channels})]

    def note(self, event: str, data: Any) -> None:
        if event == "message":
            self._last = max(self._last, data["id"])


def reason_of(refusal: Any) -> str:
    """The daemon refuses with an object; where there was no connection, the library itself gives a text."""
    return str(refusal["message"] if isinstance(refusal, dict) else refusal)


class PythonClient:
    """One of the library's clients, by the session class that drives it, with one choice of transports."""

    def __init__(self, session: "SessionType", transports: str) -> None:
        self._session = session
        self._transports = TRANSPORTS[transports]
        self.transport = self._transports[-1]
        # The threaded client starts a thread for each packet: neighbours may overtake each other on their last inch.
        self.keeps_order = session is AsyncSession

    def open(
        self, url: str, *, role: str = "client", token: str = "", channels: Sequence[str] = (), start: int = 0
    ) -> "PythonSession":
        session = self._session(Follower(channels, start))
        with suppress(socketio.exceptions.ConnectionError):  # the inbox has it
            session.connect(url, {"role": role, "token": token}, self._transports)
        return session


class BlockingSession:
    """A client that sends, and waits for an answer, in the thread of the test."""

    _client: Any

    def emit(self, event: str, *args: object) -> None:
        self._client.emit(event, args)

    def call(self, event: str, *args: object) -> Any:
        return self._client.call(event, args, timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        return self


class ThreadedSession(BlockingSession):
    """socketio.Client: threads call the handlers."""

    def __init__(self, follower: Follower) -> None:
        self.inbox = Inbox()
        self._follower = follower
        self._client = socketio.Client(**OPTIONS)
        self._client.on("connect", self._on_connect)
        self._client.on("connect_error", lambda refusal: self.inbox.put("connect_error", reason_of(refusal)))
        self._client.on("*", self._on_event)

    def connect(self, url: str, auth: dict[str, str], transports: list[str]) -> None:
        self._client.connect(url, auth=auth, transports=transports)

    def _on_connect(self) -> None:
        self.inbox.put("transport", self._client.transport())
        self.inbox.put("connect")
        for event, argument in self._follower.requests():
            self._client.emit(event, argument)

    def _on_event(self, event: str, data: Any) -> None:
        self._follower.note(event, data)
        self.inbox.put(event, data)

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()


class AsyncSession:
    """socketio.AsyncClient, in an event loop and a thread of its own."""

    def __init__(self, follower: Follower, **options: Any) -> None:
        self.inbox = Inbox()
        self._follower = follower
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client = socketio.AsyncClient(**OPTIONS, **options)
        self._client.on("connect", self._on_connect)
        self._client.on("connect_error", self._on_connect_error)
        self._client.on("*", self._on_event)

    def connect(self, url: str, auth: dict[str, str], transports: list[str]) -> None:
        self._run(self._client.connect(url, auth=auth, transports=transports))

    async def _on_connect(self) -> None:
        self.inbox.put("transport", self._client.transport())
        self.inbox.put("connect")
        for event, argument in self._follower.requests():
            await self._client.emit(event, argument)

    async def _on_connect_error(self, refusal: Any) -> None:
        self.inbox.put("connect_error", reason_of(refusal))

    async def _on_event(self, event: str, data: Any) -> None:
        self._follower.note(event, data)
        self.inbox.put(event, data)

    def emit(self, event: str, *args: object) -> None:
        self._run(self._client.emit(event, args))

    def call(self, event: str, *args: object) -> Any:
        return self._run(self._client.call(event, args, timeout=PATIENCE_S))

    def _run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._client.disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


class SimpleSession(BlockingSession):
    """socketio.SimpleClient: no handlers; whoever uses it fetches the events, here a thread."""

    def __init__(self, follower: Follower) -> None:
        self.inbox = Inbox()
        self._follower = follower
        self._client = socketio.SimpleClient(**OPTIONS)
        self._client.client_class = self._new_client
        self._sid: str | None = None
        self._closing = Event()
        self._thread = Thread(target=self._fetch_events, daemon=True)

    def connect(self, url: str, auth: dict[str, str], transports: list[str]) -> None:
        self._client.connect(url, auth=auth, transports=transports)
        self._greet()
        self._thread.start()

    def _new_client(self, **options: Any) -> socketio.Client:
        """Make the client inside; the simple one does not say why it was refused."""
        client = socketio.Client(**options)
        client.on("connect_error", lambda refusal: self.inbox.put("connect_error", reason_of(refusal)))
        return client

    def _fetch_events(self) -> None:
        while not self._closing.is_set():
            try:
                if self._client.sid not in {self._sid, None}:
                    self._greet()
                event, *args = self._client.receive(timeout=0.02)
            except socketio.exceptions.TimeoutError:
                continue
            except socketio.exceptions.DisconnectedError:
                return
            self._follower.note(event, args[0])
            self.inbox.put(event, args[0])

    def _greet(self) -> None:
        """Tell of a new connection: it shows by its sid only, the library reconnects in silence."""
        self._sid = self._client.sid
        self.inbox.put("transport", self._client.transport)
        self.inbox.put("connect")
        for event, argument in self._follower.requests():
            self._client.emit(event, argument)

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S)
        self._client.disconnect()


PythonSession = ThreadedSession | AsyncSession | SimpleSession
SessionType = type[ThreadedSession] | type[AsyncSession] | type[SimpleSession]
