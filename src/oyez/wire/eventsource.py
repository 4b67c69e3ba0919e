"""Records of an event stream, as the HTML standard has browsers read them (§9.2.5, "Parsing an event stream").

Knows lines and fields. Must not know who reads them, nor what the data mean.
"""

import re

_LINE_ENDS = re.compile(rb"\r\n|\n|\r")


def encode_heartbeat(position: int) -> bytes:
    """Write a sign of life that moves the reader's position, and is no event: it has no data."""
    return b"id: %d\n:\n\n" % position


def encode_record(data: bytes, *, event: str = "", position: int | None = None, retry_ms: int | None = None) -> bytes:
    r"""Write one record.

    Args:
        data: text without NUL; each line of it becomes a line of the record, and the reader joins them with ``\n``.
        event: the type; empty: ``message``.
        position: what the reader names as ``Last-Event-ID`` when it comes back.
        retry_ms: how long the reader waits before it comes back.
    """
    if b"\n" in data or b"\r" in data:  # in JSON they are white space between tokens, never within a string
        data = b"\ndata: ".join(_LINE_ENDS.split(data))
    head = b"" if retry_ms is None else b"retry: %d\n" % retry_ms
    if position is not None:
        head += b"id: %d\n" % position
    if event:
        head += b"event: %b\n" % event.encode()
    return b"%bdata: %b\n\n" % (head, data)
