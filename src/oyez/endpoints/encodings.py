"""How each kind of listener wants its bytes.

Knows publications and wire formats. Must not know who listens.
"""

from oyez.hub.publication import Publication
from oyez.wire import commands, engineio, eventsource, socketio
from oyez.wire.websocket import binary_frame, text_frame


def _event(publication: Publication) -> bytes:
    return commands.encode_event(publication.id, publication.channel, publication.message)


def _event_packet(publication: Publication) -> bytes:
    body = _event(publication)
    if not publication.attachments:
        return b'42["message",%b]' % body
    return socketio.encode_event("message", body, attachments=len(publication.attachments))


class SocketIOFrames:
    """Socket.IO on a WebSocket: ready-made frames, one after the other."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        """Give the packet's frame, and one for each attachment."""
        frame = text_frame(_event_packet(publication))
        return frame + b"".join(map(binary_frame, publication.attachments)) if publication.attachments else frame

    def join(self, parts: list[bytes]) -> bytes:
        """Frames need nothing between them."""
        return parts[0] if len(parts) == 1 else b"".join(parts)


class SocketIOPackets:
    """Socket.IO on polling: packets with separators between them."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        """Give the packet, and one for each attachment."""
        packets = [_event_packet(publication), *map(engineio.encode_binary, publication.attachments)]
        return engineio.encode_payload(packets)

    def join(self, parts: list[bytes]) -> bytes:
        """Make one payload."""
        return engineio.encode_payload(parts)


class RawFrames:
    """The event itself in a WebSocket's frame; attachments have no place in it."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        """Give the frame."""
        return text_frame(_event(publication))

    def join(self, parts: list[bytes]) -> bytes:
        """Frames need nothing between them."""
        return parts[0] if len(parts) == 1 else b"".join(parts)


class StreamRecords:
    """Records of an event stream, one after the other."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        """Give the record, with the event's id as the client's position."""
        return eventsource.encode_record(_event(publication), position=publication.id)

    def join(self, parts: list[bytes]) -> bytes:
        """Records need nothing between them."""
        return parts[0] if len(parts) == 1 else b"".join(parts)


class PollAnswers:
    """The answer to a long poll: one event and no more."""

    max_events = 1

    def encode(self, publication: Publication) -> bytes:
        """Give the event."""
        return _event(publication)

    def join(self, parts: list[bytes]) -> bytes:
        """There is one."""
        return parts[0]


SOCKETIO_FRAMES = SocketIOFrames()
SOCKETIO_PACKETS = SocketIOPackets()
RAW_FRAMES = RawFrames()
STREAM_RECORDS = StreamRecords()
POLL_ANSWERS = PollAnswers()
