"""How the doors say that there is no room: of all, or for one address.

Knows reasons, codes and status. Must not know what is counted.
"""

from http import HTTPStatus

from oyez.access.places import AT_CAPACITY, NoPlace
from oyez.net.http.handshake import Refusal

_OF_ALL = b'{"code":"server-capacity","message":"Server at capacity"}'
_OF_ADDRESS = b'{"code":"too-many-connections","message":"Too many connections from your address"}'


def refuse(refused: NoPlace) -> Refusal:
    """Write a refusal with the time to come back at: 503 if nobody has room, 429 if others have."""
    status, body = (503, _OF_ALL) if refused.reason == AT_CAPACITY else (429, _OF_ADDRESS)
    return Refusal(status, HTTPStatus(status).phrase, body, refused.retry_after_s, refused.share)
