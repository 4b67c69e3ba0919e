"""One visitor that means ill: links from one address, threads that use them, and counts of what became of them.

Knows sockets and time. What is done with them is the attacks'.
"""

import contextlib
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from weakref import WeakSet

from tests.integration.links import Link
from tests.raw import Closed, dial, upgrade_request

# A refusal fails one of these: a link that is cut, a WebSocket that is closed, a status that is not the one expected.
ENDS = (OSError, Closed, AssertionError, ValueError)

_REST_S = 0.002  # after a refusal, so that an attacker that is shut out does not spend its core on asking
_ANSWER = b"HTTP/1.1 "
_AHEAD = 16  # more than so many requests before their answers are cut off
_THREAD_BYTES = 256 * 1024
_PATIENCE_S = 20.0


@dataclass(slots=True)
class Foe:
    """An attacker.

    Attributes:
        source: the address that its links come from.
        forwarded: the address that a proxy would name for it; empty: there is no proxy.
        key: what posters show; one attack is a poster's.
    """

    port: int
    source: str
    forwarded: str
    key: str
    until: float
    random: Random
    counts: Counter[str] = field(default_factory=Counter)
    most_open: int = 0
    held: list[object] = field(default_factory=list)
    _links: "WeakSet[socket.socket]" = field(default_factory=WeakSet)
    _patient_until: float = 0.0
    _is_refused: bool = False

    @property
    def goes_on(self) -> bool:
        now = time.monotonic()
        return now < self.until or (now < self._patient_until and not self._is_refused)

    @property
    def headers(self) -> dict[str, str]:
        return {"X_Forwarded_For": self.forwarded} if self.forwarded else {}

    def crowd(self, size: int, work: Callable[[], object], *, until_refused: bool = False) -> None:
        """Let so many threads do something over and over until the time is up.

        Args:
            size: how many threads.
            work: what each of them does.
            until_refused: go on for longer, if need be, until something is refused: on a slow machine an attacker that
                takes what it gets may not have met its limit yet, and so is nobody to be named.
        """
        threading.stack_size(_THREAD_BYTES)
        self._patient_until = self.until + _PATIENCE_S if until_refused else self.until
        threads = [threading.Thread(target=self._repeat, args=(work,), daemon=True) for _ in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(self._patient_until - time.monotonic(), 0))

    def _repeat(self, work: Callable[[], object]) -> None:
        while self.goes_on:
            try:
                work()
                self.counts["done"] += 1
            except ENDS as error:
                self.counts[f"refused: {type(error).__name__}"] += 1
                self._is_refused = True
                time.sleep(_REST_S)

    def dial(self, *, receive_buffer: int | None = None) -> socket.socket:
        return self._opened(dial(self.port, receive_buffer=receive_buffer, source=self.source))

    def listen(self, *channels: str, start: object = None, receive_buffer: int | None = None) -> Link:
        """Open a listener by Socket.IO on a WebSocket; the answers to what it says are still to be read."""
        link = Link(self.port, receive_buffer=receive_buffer, source=self.source, **self.headers)
        self._opened(link.link)
        if not link.connected.startswith('40{"sid":'):
            link.drop()
            raise ConnectionRefusedError(link.connected)
        if start is not None:
            link.emit("start-msg", {"start": start})
        if channels:
            link.emit("set-filter", {"filter": channels})
        return link

    def upgrade(self, target: str) -> socket.socket:
        """Open a WebSocket that is let in; what follows the head of the answer is still to be read."""
        link = self.dial()
        link.sendall(upgrade_request(target, **self.headers))
        answer = link.recv(4096)
        if not answer.startswith(b"HTTP/1.1 101"):
            link.close()
            raise ConnectionRefusedError(answer[:40])
        return link

    def ask(self, method: str, target: str, *lines: str, body: bytes = b"") -> bytes:
        """Write one HTTP request that keeps its connection."""
        named = [f"{name.replace('_', '-')}: {value}" for name, value in self.headers.items()]
        size = [f"Content-Length: {len(body)}"] if body else []
        head = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *named, *lines, *size, "", ""]
        return "\r\n".join(head).encode() + body

    def pump(self, link: socket.socket, data: bytes, *, reads: bool = True) -> None:
        """Send the same bytes over and over, as fast as they are taken, and throw away what comes back."""
        link.setblocking(False)
        poll = select.poll()
        poll.register(link, select.POLLOUT | (select.POLLIN if reads else 0))
        view, at = memoryview(data), 0
        while self.goes_on:
            for _, events in poll.poll(200):
                if events & (select.POLLIN | select.POLLHUP | select.POLLERR) and not link.recv(1 << 18):
                    raise ConnectionResetError
                if events & select.POLLOUT:
                    with contextlib.suppress(BlockingIOError):
                        sent = link.send(view[at:])
                        self.counts["bytes"] += sent
                        at = (at + sent) % len(data)

    def ask_ahead(self, link: socket.socket, request: bytes) -> None:
        """Send the same request over and over, as many before their answers as one may."""
        while self.goes_on:
            link.sendall(request * _AHEAD)
            answers, data = 0, b""
            while answers < _AHEAD:
                part = link.recv(1 << 18)
                if not part:
                    raise ConnectionResetError
                data = data[-len(_ANSWER) + 1 :] + part
                answers += data.count(_ANSWER)
            self.counts["requests"] += _AHEAD

    def swallow(self, link: socket.socket, size: int) -> None:
        """Read so many bytes, or all there are."""
        while size > 0 and self.goes_on:
            data = link.recv(1 << 18)
            if not data:
                raise ConnectionResetError
            size -= len(data)

    def hold(self, link: object) -> None:
        """Keep a link until the end."""
        self.held.append(link)

    def _opened(self, link: socket.socket) -> socket.socket:
        self._links.add(link)
        self.most_open = max(self.most_open, len(self._links))
        return link
