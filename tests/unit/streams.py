"""Event streams as a peer serves them: a daemon's records, and a script for each connection."""

import json
import socket

from tests.peer import Behaviour, Peer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n"


def status(position: int, retry_ms: int = 1) -> bytes:
    return b'retry: %d\nid: %d\nevent: status\ndata: {"status":"success"}\n\n' % (retry_ms, position)


def event(event_id: int, message: object = None, channel: str = "news") -> bytes:
    body = json.dumps({"id": event_id, "channel": channel, "message": message})
    return f"id: {event_id}\ndata: {body}\n\n".encode()


def gap(after: int, oldest: int, channel: str = "news") -> bytes:
    return f"event: gap\ndata: {json.dumps({'channel': channel, 'from': after, 'oldest': oldest})}\n\n".encode()


def full(retry_ms: int) -> bytes:
    body = json.dumps({"status": "error", "code": "server-capacity", "message": "Server at capacity"})
    return f"retry: {retry_ms}\nevent: status\ndata: {body}\n\n".encode()


def links(*scripts: bytes | Behaviour) -> Behaviour:
    """Serve one script a connection; the last one stays open, those before it end the connection."""
    numbers = iter(range(len(scripts)))

    def behave(peer: Peer, connection: socket.socket) -> None:
        number = next(numbers, len(scripts) - 1)
        script = scripts[number]
        peer.read_request(connection.makefile("rb"))
        if callable(script):
            script(peer, connection)
            return
        connection.sendall(script)
        if number == len(scripts) - 1:
            peer.stop.wait()

    return behave
