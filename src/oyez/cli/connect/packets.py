"""Engine.IO and Socket.IO packets by their names, and events out of typed lines.

Knows texts only. Must not know sockets or what the packets lead to.
"""

import json
import re

from oyez.errors import OyezError, ProtocolError
from oyez.json_scan import SCANNER
from oyez.wire import engineio, json_text
from oyez.wire.json_text import Json
from oyez.wire.socketio import Packet, PacketType
from oyez.wire.socketio_client import Received

_ENGINEIO_NAMES = {
    engineio.OPEN: "open",
    engineio.CLOSE: "close",
    engineio.PING: "ping",
    engineio.PONG: "pong",
    engineio.UPGRADE: "upgrade",
    engineio.NOOP: "noop",
}
_TYPED = re.compile(r'\s*(?P<name>[^\s"\[{]+)(?P<args>.*)', re.DOTALL)
_PLAIN_NAME = re.compile(r"[\w.:-]+")


class BadLine(OyezError):  # noqa: N818 - named after what it is about
    """What was typed cannot be sent."""


def name_packet(received: Received) -> str:
    """Say what came, such as ``event message {"id":5}`` or ``ack 3 [{"id":5}]``."""
    if received.packet is not None:
        return _name_message(received, received.packet)
    if received.type == engineio.MESSAGE:
        return f"no packet ({received.error}): {received.text[1:]}"
    if received.type in _ENGINEIO_NAMES:
        return f"{_ENGINEIO_NAMES[received.type]} {received.text[1:]}".rstrip()
    return f"no packet: {received.text}"


def _name_message(received: Received, packet: Packet) -> str:
    words = [packet.type.name.lower(), packet.namespace.removeprefix("/") and packet.namespace]
    args = list(map(_text, packet.args or ()))
    if packet.type in (PacketType.CONNECT, PacketType.CONNECT_ERROR):
        words.append(received.payload)
    elif packet.type in (PacketType.ACK, PacketType.BINARY_ACK):
        words += [str(packet.ack_id), f"[{','.join(args)}]"]
    elif packet.args is not None:
        words += [_name_event(packet.event, received.text), *args]
        words += [] if packet.ack_id is None else [f"(asks for ack {packet.ack_id})"]
    return " ".join(filter(None, words))


def _name_event(event: str | None, text: str) -> str:
    """Return an event's name, as it has to be typed; a number is left as it is."""
    if event is None:
        return text[text.index("[") + 1 :].partition(",")[0].strip(" ]")
    return event if _PLAIN_NAME.fullmatch(event) else json.dumps(event)


def name_connect(namespace: str, payload: str) -> str:
    """Say what a client's CONNECT is: of its payload the names only, since one of them is the token's."""
    try:
        shown = list(json_text.split_object(payload.encode())) if payload else []
    except ProtocolError:
        shown = ["what is not an object"]
    words = ["connect", namespace if namespace != "/" else "", f"(with {', '.join(shown)})" if shown else ""]
    return " ".join(filter(None, words))


def _text(value: Json) -> str:
    return bytes(value).decode()


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
