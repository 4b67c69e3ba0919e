"""How each kind of listener wants its bytes.

Knows publications and wire formats. Must not know who listens.
"""

from oyez.hub.publication import Publication
from oyez.wire import commands, engineio, eventsource, socketio
from oyez.wire.json_text import encode_string
from oyez.wire.websocket import binary_frame, text_frame


def _event(publication: Publication) -> bytes:
    """Return ``{"id":7,"channel":"a","message":…}``, as every dialect has it; without ``message`` if there is none."""
    return commands.encode_event(publication.id, publication.channel, publication.message)


def _event_packet(publication: Publication) -> bytes:
    """Return ``42["message",{…}]``, or ``451-["message",{…}]`` with the number of attachments that follow."""
    body = _event(publication)
    if not publication.attachments:
        return b'42["message",%b]' % body
    return socketio.encode_event("message", body, attachments=len(publication.attachments))


class SocketIOFrames:
    """Socket.IO on a WebSocket: ready-made frames, one after the other."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        """Return the packet in a text frame, and each attachment in a binary frame behind it."""
        if publication.message is not None and not publication.attachments:  # nearly all: in one piece
            return text_frame(
                b'42["message",{"id":%d,"channel":%b,"message":%b}]'
                % (publication.id, encode_string(publication.channel), publication.message)
            )
        frame = text_frame(_event_packet(publication))
        return frame + b"".join(map(binary_frame, publication.attachments)) if publication.attachments else frame

    def join(self, parts: list[bytes]) -> bytes:
        """Return the frames as they are: a frame says itself where it ends."""
        return parts[0] if len(parts) == 1 else b"".join(parts)


class SocketIOPackets:
    """Socket.IO on polling: packets of one payload, with the separator 0x1E between them (Engine.IO 4, "Polling")."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        """Return the packet and, as ``b`` and base64, each attachment behind it."""
        packets = [_event_packet(publication), *map(engineio.encode_binary, publication.attachments)]
        return engineio.encode_payload(packets)

    def join(self, parts: list[bytes]) -> bytes:
        """Return one payload of several."""
        return engineio.encode_payload(parts)


class RawFrames:
    """The event itself in a WebSocket's text frame; attachments have no place in it."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        """Return the frame of the event's JSON."""
        return text_frame(_event(publication))

    def join(self, parts: list[bytes]) -> bytes:
        """Return the frames as they are: a frame says itself where it ends."""
        return parts[0] if len(parts) == 1 else b"".join(parts)


class StreamRecords:
    """Records of an event stream, one after the other."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        r"""Return ``id: 7\ndata: {"id":7,…}\n\n``: the id is the position that the client names when it comes back."""
        return eventsource.encode_record(_event(publication), position=publication.id)

    def join(self, parts: list[bytes]) -> bytes:
        """Return the records as they are: an empty line ends each."""
        return parts[0] if len(parts) == 1 else b"".join(parts)


class PollAnswers:
    """The answer to a long poll: one event and no more."""

    max_events = 1

    def encode(self, publication: Publication) -> bytes:
        """Return the event's JSON, which is the answer's body."""
        return _event(publication)

    def join(self, parts: list[bytes]) -> bytes:
        """Return the only part: the hub writes no more than `max_events` at a time."""
        return parts[0]


SOCKETIO_FRAMES = SocketIOFrames()
SOCKETIO_PACKETS = SocketIOPackets()
RAW_FRAMES = RawFrames()
STREAM_RECORDS = StreamRecords()
POLL_ANSWERS = PollAnswers()
