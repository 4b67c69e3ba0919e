"""A server of the tests' own that behaves as it is told, well or badly, on real sockets.

It knows as much of HTTP as it takes to read a request.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

Request = tuple[str, dict[str, str], bytes]
Behaviour = Callable[["Peer", socket.socket], None]


class Peer:
    """A TCP server of one behaviour; each connection has a thread."""

    def __init__(self, listener: socket.socket, behave: Behaviour) -> None:
        self.listener = listener
        self.behave = behave
        self.stop = threading.Event()
        self.connections: list[socket.socket] = []
        self.requests: list[Request] = []
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            self.behave(self, connection)

    def read_request(self, file: BinaryIO) -> Request | None:
        first = file.readline().decode().strip()
        if not first:
            return None
        headers = {}
        while line := file.readline().decode("utf-8").strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        request = (first, headers, file.read(int(headers.get("content-length", 0))))
        self.requests.append(request)
        return request

    def trickle(self, connection: socket.socket, content: bytes) -> None:
        for byte in content:
            connection.sendall(bytes([byte]))
            if self.stop.wait(0.01):
                return

    def close(self) -> None:
        self.stop.set()
        self.listener.close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


StartPeer = Callable[[Behaviour], Peer]


@contextmanager
def peers() -> Iterator[StartPeer]:
    """StartPeer peers on ports of their own; they end with the context."""
    started: list[Peer] = []

    def start(behave: Behaviour) -> Peer:
        started.append(Peer(socket.create_server(("127.0.0.1", 0)), behave))
        return started[-1]

    yield start
    for peer in started:
        peer.close()


def answer(body: object, status: str = "200 OK") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def always(content: bytes) -> Behaviour:
    """Answer each request of a connection with the same bytes."""

    def behave(peer: Peer, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        while peer.read_request(file):
            connection.sendall(content)

    return behave
