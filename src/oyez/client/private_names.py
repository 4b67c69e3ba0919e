"""Names of channels that only those know, or may use, for whom they were made. Nobody is asked: the key is enough.

It must not know the daemon, nor who the subjects are.
"""

import time

from oyez import grants
from oyez.client.events import check_channel, encode_json


def grant(channel: str, subject: object = "", *, key: str, issued_at: float | None = None) -> str:
    """Return the name by which a page may follow a channel that needs a grant: ``tickets!42.t0k3f9.Zk3vQ…``.

    Args:
        channel: what the page wants to follow.
        subject: for whom the page is, such as the number of a user: up to 32 of ``A-Z a-z 0-9 _ -``, or nothing.
        key: one that the daemon knows, and that may be used for the channel.
        issued_at: from when on it is good, in seconds since 1970; None: from now on.

    Raises TypeError or ValueError for what cannot be in a grant.
    """
    if subject is None:
        raise TypeError("the subject is None, which would be a grant for nobody in particular")
    if not key:
        raise ValueError("a grant is signed with the daemon's key, and the key is empty")
    issued_s = int(time.time() if issued_at is None else issued_at)
    return grants.sign(grants.derive_key(key), check_channel(channel), str(subject), issued_s)


def encode_revoke(subject: object, channel: str | None) -> bytes:
    """Write ``{"subject":"42","channel":"tickets"}``: whose grants end, and for what; None: anybody's, and for all.

    Raises TypeError or ValueError for what can be in no grant.
    """
    if subject is None and channel is None:
        raise ValueError("name a subject, a channel, or both: whose grants end")
    members = {"subject": None if subject is None else str(subject), "channel": channel and check_channel(channel)}
    return encode_json({name: value for name, value in members.items() if value is not None})
