"""Bytes on a socket, as they are: HTTP requests, WebSocket frames and Engine.IO polls, with no client library between.

Breaks rules when told to, and holds the server to them: a masked frame or a reserved bit from it fails the test.
"""

import http.client
import json
import socket
import struct
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from websockets.speedups import apply_mask

from tests.inbox import PATIENCE_S

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the example of RFC 6455 §1.3
MASK = b"\x37\xfa\x21\x3d"  # of the example in §5.7; always the same, so that a failure can be repeated
NO_CODE = 1005  # RFC 6455 §7.1.5: what a peer sees when the close frame is empty


class Answer(NamedTuple):
    """One HTTP answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.body


class Call:
    """One HTTP request under way."""

    def __init__(
        self,
        port: int,
        method: str,
        target: str,
        body: str | bytes | None = None,
        *,
        source: str | None = None,
        **headers: str | None,
    ) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, PATIENCE_S, None if source is None else (source, 0))
        named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        self._http.request(method, target, body.encode() if isinstance(body, str) else body, named)

    def answer(self) -> Answer:
        response = self._http.getresponse()
        body = response.read().decode("utf-8", "backslashreplace")
        self._http.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

    def drop(self) -> None:
        """Go away without waiting for the answer."""
        self._http.close()


def request(port: int, method: str, target: str, body: str | bytes | None = None, **headers: str | None) -> Answer:
    return Call(port, method, target, body, **headers).answer()


def dial(port: int, *, receive_buffer: int | None = None, source: str | None = None) -> socket.socket:
    """Open a TCP connection, from an address of this machine; a small receive buffer makes a reader that stops a
    stalled one soon."""
    link = socket.socket()
    if receive_buffer is not None:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    link.settimeout(PATIENCE_S)
    if source is not None:
        link.bind((source, 0))
    link.connect(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def read_to_end(link: socket.socket) -> bytes:
    """Give all that the server sends until it closes; a reset counts as an end."""
    parts = []
    try:
        while part := link.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    finally:
        link.close()
    return b"".join(parts)


def read_answers(link: socket.socket, count: int) -> list[Answer]:
    """Read answers to requests on one connection, each with a length; the connection stays as it is."""
    unread = link.makefile("rb")
    answers = []
    for _ in range(count):
        status = int(unread.readline().split()[1])
        lines = iter(lambda: unread.readline().decode("latin-1").rstrip("\r\n"), "")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        answers.append(Answer(status, headers, unread.read(int(headers.get("content-length", "0"))).decode()))
    return answers


def upgrade_request(target: str, **headers: str) -> bytes:
    fields = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return "\r\n".join([f"GET {target} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items()), "", ""]).encode()


def frame(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """Write one client's frame (RFC 6455 §5.2)."""
    first, mask_bit, size = fin << 7 | rsv << 4 | opcode, masked << 7, len(payload)
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    if not masked:
        return head + payload
    return head + MASK + apply_mask(payload, MASK)


def text_frame(text: str) -> bytes:
    return frame(TEXT, text.encode())


def texts_in(data: bytes) -> list[bytes]:
    """Give what is in a server's frames: whole ones of text alone, each shorter than 64 KiB."""
    texts = []
    while data:
        assert data[0] == 0x81, data
        size, begin = (data[1], 2) if data[1] < 126 else (int.from_bytes(data[2:4]), 4)
        texts.append(data[begin : begin + size])
        data = data[begin + size :]
    return texts


class Closed(Exception):  # noqa: N818 - what happened, not whose fault it is
    """The server ended the WebSocket; 1006 when it did so without a close frame."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Dropped(ABC):
    """What goes away at the end of a ``with``, and without a word."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()

    @abstractmethod
    def drop(self) -> None:
        """Go away."""


class WebSocket(Dropped):
    """A blocking WebSocket that reads when it is asked to, and not before."""

    def __init__(
        self,
        port: int,
        target: str,
        *,
        receive_buffer: int | None = None,
        source: str | None = None,
        **headers: str,
    ) -> None:
        self.link = dial(port, receive_buffer=receive_buffer, source=source)
        self._unread = bytearray()
        self.link.sendall(upgrade_request(target, **headers))
        head = self._read_head()
        self.status = int(head[0].split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        assert self.status != 101 or self.headers["sec-websocket-accept"] == ACCEPT

    def _read_head(self) -> list[str]:
        while b"\r\n\r\n" not in self._unread:
            self._fill()
        return self._take(self._unread.index(b"\r\n\r\n") + 4).decode().split("\r\n")[:-2]

    def _fill(self) -> None:
        try:
            data = self.link.recv(1 << 18)
        except ConnectionError as error:
            raise Closed(1006) from error
        if not data:
            raise Closed(1006)
        self._unread += data

    def _take(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._fill()
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken

    def send(self, *messages: str | bytes) -> None:
        """Send messages in one segment, as far as the network allows."""
        self.raw(b"".join(text_frame(m) if isinstance(m, str) else frame(BINARY, m) for m in messages))

    def raw(self, data: bytes) -> None:
        self.link.sendall(data)

    def receive_frame(self) -> tuple[int, bytes]:
        first, size = self._take(2)
        assert first & 0x70 == 0, "a reserved bit is set"
        assert size < 128, "a server's frame is masked"
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
        assert first & 0x80, "the server has no reason to fragment"
        return first & 0x0F, self._take(size)

    def receive(self, *, within_s: float = PATIENCE_S) -> str | bytes:
        """Give the next message; raises `Closed` when there is none."""
        self.link.settimeout(within_s)
        opcode, payload = self.receive_frame()
        if opcode == CLOSE:
            code = struct.unpack("!H", payload[:2])[0] if payload else NO_CODE
            self.link.sendall(frame(CLOSE, payload[:2]))
            raise Closed(code)
        assert opcode in (TEXT, BINARY), f"opcode {opcode} where a message is due"
        return payload.decode() if opcode == TEXT else payload

    def take(self, count: int) -> list[str | bytes]:
        return [self.receive() for _ in range(count)]

    def close_code(self, *, within_s: float = PATIENCE_S) -> int:
        """Read on until the server closes; gives the code."""
        try:
            while True:
                self.receive(within_s=within_s)
        except Closed as closed:
            return closed.code

    def rest(self) -> bytes:
        """Give all that comes until the end, frames or not."""
        return bytes(self._unread) + read_to_end(self.link)

    def drop(self) -> None:
        self.link.close()


class Polling:
    """An Engine.IO session over polling."""

    def __init__(self, port: int, path: str = "/socket.io/", *, source: str | None = None, **headers: str) -> None:
        self.port = port
        answer = Call(port, "GET", f"{path}?EIO=4&transport=polling", source=source, **headers).answer()
        assert answer.status == 200, answer
        self.handshake: dict[str, Any] = json.loads(answer.body[1:])
        self.sid: str = self.handshake["sid"]
        self.target = f"{path}?EIO=4&transport=polling&sid={quote(self.sid)}"

    def begin_get(self) -> Call:
        return Call(self.port, "GET", self.target)

    def get(self) -> Answer:
        return self.begin_get().answer()

    def packets(self) -> list[str]:
        answer = self.get()
        assert answer.status == 200, answer
        return answer.body.split("\x1e")

    def post(self, *packets: str, content_type: str | None = "text/plain;charset=UTF-8") -> Answer:
        return request(self.port, "POST", self.target, "\x1e".join(packets), Content_Type=content_type)

    def open_websocket(self) -> WebSocket:
        return WebSocket(self.port, self.target.replace("=polling", "=websocket"))

    @property
    def is_gone(self) -> bool:
        """Asks the server; an answer with another error than an unknown session fails."""
        answer = self.post("6")
        if answer.status == 200:
            return False
        assert answer.error == (400, '{"code":1,"message":"Session ID unknown"}')
        return True
