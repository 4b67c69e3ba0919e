"""Revocations as daemons tell each other of them, and as stores keep them.

Knows their JSON. Must not know what they take back.
"""

from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.wire import json_text


class Revocation(NamedTuple):
    """What is taken back: grants for a subject, a channel (None: any), or both, issued up to a second."""

    subject: str | None
    channel: str | None
    before_s: int
    """Since 1970; what was issued in this second is taken back too."""
    until_s: int
    """Since 1970; what it takes back is no longer good then in any case."""

    def encode_name(self) -> bytes:
        """Return ``{"subject":"42","channel":"tickets"}``: a later one of the same name is in place of this one."""
        members = [
            b'"%b":%b' % (name, json_text.encode_string(value))
            for name, value in ((b"subject", self.subject), (b"channel", self.channel))
            if value is not None
        ]
        return b"{%b}" % b",".join(members)

    def encode(self) -> bytes:
        """Return ``{"subject":"42","channel":"tickets","before":1795391142,"until":1795434343}``."""
        return b'%b,"before":%d,"until":%d}' % (self.encode_name()[:-1], self.before_s, self.until_s)


_SECOND = msgspec.json.Decoder(int)


def parse(text: bytes) -> Revocation:
    """Read what `Revocation.encode` writes; further members are passed over.

    Raises:
        ProtocolError: it is none.
    """
    members = json_text.split_object(text)
    subject, channel = (
        json_text.decode_string(members[name]) if name in members else None for name in ("subject", "channel")
    )
    if not (subject or channel):
        raise ProtocolError("it names neither a subject nor a channel")
    try:
        before_s, until_s = (_SECOND.decode(members.get(name, b"")) for name in ("before", "until"))
    except msgspec.DecodeError as error:
        raise ProtocolError("it does not say from when until when it counts") from error
    return Revocation(subject, channel, before_s, until_s)
