"""Engine.IO and Socket.IO packets by their names, and events out of typed lines.

Knows texts only. Must not know sockets or what the packets lead to.
"""

import json
import re
from collections.abc import Iterator

from oyez.errors import OyezError, ProtocolError
from oyez.json_scan import SCANNER
from oyez.wire import engineio, json_text, socketio
from oyez.wire.json_text import Json
from oyez.wire.socketio import PacketType

_ENGINEIO_NAMES = {
    engineio.OPEN: "open",
    engineio.CLOSE: "close",
    engineio.PING: "ping",
    engineio.PONG: "pong",
    engineio.UPGRADE: "upgrade",
    engineio.NOOP: "noop",
}
# The codec reads no payload of these: a server has no use for it.
_WITH_PAYLOAD = (PacketType.CONNECT, PacketType.CONNECT_ERROR)
_TYPED = re.compile(r'\s*(?P<name>[^\s"\[{]+)(?P<args>.*)', re.DOTALL)
_PLAIN_NAME = re.compile(r"[\w.:-]+")


class BadLine(OyezError):  # noqa: N818 - named after what it is about
    """What was typed cannot be sent."""


def name_packet(frame: str) -> str:
    """Say what a text frame is, such as ``event message {"id":5}`` or ``ack 3 [{"id":5}]``."""
    kind, data = frame[:1].encode(), frame[1:]
    if kind == engineio.MESSAGE:
        return _name_message(data)
    if kind in _ENGINEIO_NAMES:
        return f"{_ENGINEIO_NAMES[kind]} {data}".rstrip()
    return f"no packet: {frame}"


def _name_message(data: str) -> str:
    try:
        packet = socketio.decode(data.encode())
    except ProtocolError as error:
        return f"no packet ({error}): {data}"
    words = [packet.type.name.lower()]
    if packet.namespace != "/":
        words.append(packet.namespace)
    if packet.type in _WITH_PAYLOAD:
        words.append(split_head(data)[1])
    elif packet.type in {PacketType.ACK, PacketType.BINARY_ACK}:
        words += [str(packet.ack_id), f"[{','.join(_texts(packet.args or []))}]"]
    elif packet.args is not None:
        words += [_name_of(packet, data), *_texts(packet.args)]
        if packet.ack_id is not None:
            words.append(f"(asks for ack {packet.ack_id})")
    return " ".join(filter(None, words))


def split_head(data: str) -> tuple[str, str]:
    """Return the namespace and the payload of a packet that carries no number."""
    if not data.startswith("/", 1):
        return "/", data[1:]
    namespace, _, payload = data[1:].partition(",")
    return namespace, payload


def name_connect(data: str) -> str:
    """Say what a client's CONNECT is: of its payload the names only, since one of them is the token's."""
    namespace, payload = split_head(data)
    try:
        shown = [name for name, _ in json_text.split_object(payload.encode()).items()] if payload else []
    except ProtocolError:
        shown = ["what is not an object"]
    words = ["connect", namespace if namespace != "/" else "", f"(with {', '.join(shown)})" if shown else ""]
    return " ".join(filter(None, words))


def _name_of(packet: socketio.Packet, data: str) -> str:
    """Return an event's name, as it has to be typed; a number is left as it is."""
    if packet.event is None:
        return data[data.index("[") + 1 :].partition(",")[0].strip(" ]")
    return packet.event if _PLAIN_NAME.fullmatch(packet.event) else json.dumps(packet.event)


def _texts(args: list[Json]) -> Iterator[str]:
    return (bytes(arg).decode() for arg in args)


def read_event(line: str) -> tuple[str, list[bytes]]:
    """Read ``name JSON JSON …``; the name may be a JSON string. Raises BadLine."""
    if line.startswith('"'):
        name, *args = read_values(line)
        return str(json.loads(name)), args
    words = _TYPED.fullmatch(line)
    if words is None:
        raise BadLine('an event begins with its name, as in: post "hello"')
    return words["name"], read_values(words["args"])


def read_values(text: str) -> list[bytes]:
    """Split JSON values between blanks, each as it was written. Raises BadLine."""
    found, place = [], 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        try:
            _, end = SCANNER.raw_decode(text, place)
        except RecursionError as error:
            raise BadLine("the JSON is nested too deeply") from error
        except ValueError as error:
            raise BadLine(f'not JSON: {error}. A text needs quotes, as in: post "hello"') from error
        found.append(text[place:end].encode())
        place = end
    return found


def read_auth(text: str) -> bytes:
    """Read the payload of a CONNECT: a JSON object. Raises ProtocolError."""
    data = text.strip().encode()
    json_text.split_object(data)
    return data
