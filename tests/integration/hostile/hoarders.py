"""Visitors without a key who each make the daemon hold as much as they can, one way a function, at every door.

Each is given the port and a channel with old events, and returns what has to stay open. Nothing here is polite.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.integration.dialects import RawListener
from tests.integration.links import Link, Poller
from tests.raw import BINARY, CONT, TEXT, Polling, WebSocket, dial, frame

Hoarder = Callable[[int, str], object]

RAW, SOCKETIO = "/event/", "/socket.io/?EIO=4&transport=websocket"
SMALL_BUFFER = 4096
LONGEST_NAMES = ["\N{GRINNING FACE}" * 47 + f"{number:06}" for number in range(10)]
LAST = '42["last-msg"]'


def send_without_reading(link: socket.socket, data: bytes, most_bytes: int, patience_s: float = 0.1) -> None:
    """Send the same again and again, until the daemon does not read any more."""
    link.settimeout(patience_s)
    with suppress(TimeoutError):
        for _ in range(most_bytes // len(data)):
            link.sendall(data)


# Unfinished messages


def fragments(port: int, _: str) -> object:
    link = WebSocket(port, RAW)
    link.raw(frame(TEXT, b"x", fin=False) + frame(CONT, b"x", fin=False) * 9_900)
    return link


def fragments_of_socketio(port: int, _: str) -> object:
    link = Link(port)
    link.raw(frame(TEXT, b"x", fin=False) + frame(CONT, b"", fin=False) * 4_000)
    link.raw(frame(CONT, b"x", fin=False) * 5_900)
    return link


def half_frame(port: int, _: str) -> object:
    link = WebSocket(port, RAW)
    link.raw(frame(TEXT, b"x" * 2**20)[:10_000])
    return link


def attachments(port: int, _: str) -> object:
    link = Link(port)
    slots = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(10))
    link.send(f'4510-["post",{slots}]')
    for _number in range(9):
        link.raw(frame(BINARY, b"x" * 9_900))
    return link


# What is not read


def unread_answers(port: int, _: str) -> object:
    link = WebSocket(port, RAW, receive_buffer=SMALL_BUFFER)
    send_without_reading(link.link, frame(TEXT, b'{"command":"' + b"x" * 100 + b'"}') * 50, 2**20)
    return link


def unread_small_answers(port: int, _: str) -> object:
    """Each in a segment of its own, with a moment between."""
    link = Link(port, receive_buffer=SMALL_BUFFER)
    send_without_reading(link.link, frame(TEXT, LAST.encode()), 2**20)
    return link


def unread_history(port: int, channel: str) -> object:
    link = RawListener(port, receive_buffer=SMALL_BUFFER)
    link.command("start-msg", start=1)
    link.follow(channel)
    send_without_reading(link.link, frame(TEXT, b'{"command":"' + b"x" * 100 + b'"}') * 50, 2**20)
    return link


def unread_stream(port: int, channel: str) -> object:
    link = dial(port, receive_buffer=SMALL_BUFFER)
    link.sendall(f"GET /sse?channels={channel}&last=1 HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    send_without_reading(link, b"x" * 10_000, 2**18)
    return link


def unread_polls(port: int, channel: str) -> object:
    session = Poller(port)
    session.post('42["start-msg",{"start":1}]')
    session.post(f'42["set-filter",{{"filter":["{channel}"]}}]')
    asking = post_without_reading(port, session, "\x1e".join([LAST] * 650).encode())
    return session, asking


def post_without_reading(port: int, session: Polling, body: bytes, length: int | None = None) -> socket.socket:
    link = dial(port)
    head = f"POST {session.target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length or len(body)}\r\n\r\n"
    link.sendall(head.encode() + body)
    return link


# What is remembered of them


def longest_names(port: int, _: str) -> object:
    link = Link(port)
    for number in range(30):
        link.emit("set-filter", {"filter": [f"{name[:-4]}{number:02}{name[-2:]}" for name in LONGEST_NAMES]})
        assert link.event()[0] == "status"
    return link


# Requests under way


def half_head(port: int, _: str) -> object:
    link = dial(port)
    lines = b"".join(b"x%d: %b\r\n" % (number, b"y" * 300) for number in range(50))
    link.sendall(b"GET / HTTP/1.1\r\n" + lines)
    return link


def head_of_tiny_lines(port: int, _: str) -> object:
    link = dial(port)
    link.sendall(b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 4_000)
    return link


def half_body(port: int, _: str) -> object:
    session = Polling(port)
    return session, post_without_reading(port, session, b"x" * 9_990, length=10_000)


def body_in_bytes(port: int, _: str) -> object:
    session = Polling(port)
    link = dial(port)
    link.sendall(f"POST {session.target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    for _number in range(99):
        link.sendall(b"1\r\nx\r\n" * 100)
        time.sleep(0.001)
    return session, link


def body_without_a_key(port: int, _: str) -> object:
    link = dial(port)
    link.sendall(b"POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 16000000\r\n\r\n")
    send_without_reading(link, b"x" * 100_000, 2**20)
    return link


def long_poll(port: int, _: str) -> object:
    names = "|".join("%F0%9F%98%80" * 47 + f"{number:06}" for number in range(10))
    link = dial(port)
    rest = b"".join(b"x%d: %b\r\n" % (number, b"y" * 300) for number in range(30))
    link.sendall(f"GET /channels/{names}?last=99999999999999 HTTP/1.1\r\nHost: a\r\n".encode() + rest + b"\r\n")
    return link


def pipelined(port: int, channel: str) -> object:
    link = dial(port)
    link.sendall(f"GET /channels/{channel}-silent HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    lines = b"".join(b"x%d: %b\r\n" % (number, b"y" * 300) for number in range(50))
    for _ in range(15):
        link.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
    return link


def pipelined_body(port: int, channel: str) -> object:
    link = dial(port)
    link.sendall(f"GET /channels/{channel}-silent HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    link.sendall(b"POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 16000000\r\n\r\n")
    with suppress(ConnectionError):
        send_without_reading(link, b"x" * 100_000, 2**20)
    return link


# The same doors without any of it


def idle_websocket(port: int, _: str) -> object:
    return WebSocket(port, RAW)


def idle_socketio(port: int, _: str) -> object:
    return Link(port)


def idle_poller(port: int, _: str) -> object:
    return Poller(port), dial(port)


def idle_stream(port: int, channel: str) -> object:
    link = dial(port)
    link.sendall(f"GET /sse?channels={channel}-silent HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return link


def idle_poll(port: int, channel: str) -> object:
    link = dial(port)
    link.sendall(f"GET /channels/{channel}-silent HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return link


def idle_request(port: int, _: str) -> object:
    link = dial(port)
    link.sendall(b"GET / HTTP/1.1\r\n")
    return link


def drop(held: Any) -> None:
    """Go away without a word."""
    for one in held if isinstance(held, tuple) else (held,):
        if isinstance(one, socket.socket):
            one.close()
        elif isinstance(one, WebSocket):
            one.drop()
