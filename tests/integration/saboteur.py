"""Starts ``oyez`` with bugs in it: what a message asks for, fails. ``saboteur.py serve …``

Knows three places: encodings, writes to listeners, and answers to posters. Everything else is the daemon as it is.
"""

import sys
from collections.abc import Callable
from typing import Any

BREAK_ENCODING = "break the encoding "
"""Followed by the name of one: it cannot encode this message."""
BREAK_WRITE = b"break a write"
"""The first write of this message, to whomever, raises."""
BREAK_ANSWER = 666
"""An acknowledgement with this number raises."""


def break_encodings() -> None:
    """Let each encoding refuse the message that names it."""
    from oyez.endpoints import encodings  # noqa: PLC0415 - the program is patched before it starts

    for kind in (type(value) for name, value in vars(encodings).items() if name.isupper()):
        kind.encode = _refuse(kind.encode, f"{BREAK_ENCODING}{kind.__name__}".encode())


def _refuse(encode: Callable[..., bytes], words: bytes) -> Callable[..., bytes]:
    def encode_or_fail(self: object, publication: Any) -> bytes:
        if words in (publication.message or b""):
            raise RuntimeError("sabotage of an encoding")
        return encode(self, publication)

    return encode_or_fail


def break_write() -> None:
    """Let one write raise."""
    from oyez.net.socket import SocketConnection  # noqa: PLC0415

    write, once = SocketConnection.write, [True]

    def write_or_fail(self: SocketConnection, data: bytes) -> bool:
        if once and BREAK_WRITE in data:
            once.clear()
            raise RuntimeError("sabotage of a write")
        return write(self, data)

    SocketConnection.write = write_or_fail  # type: ignore[method-assign]


def break_answers() -> None:
    """Let some acknowledgements raise."""
    from oyez.wire import plain_posts  # noqa: PLC0415

    encode = plain_posts.encode_ack

    def encode_or_fail(ack_id: bytes, event_id: int) -> bytes:
        if ack_id == b"%d" % BREAK_ANSWER:
            raise RuntimeError("sabotage of an answer")
        return encode(ack_id, event_id)

    plain_posts.encode_ack = encode_or_fail


if __name__ == "__main__":
    break_encodings()
    break_write()
    break_answers()
    from oyez.cli import main

    sys.argv = ["oyez", *sys.argv[1:]]
    main()
