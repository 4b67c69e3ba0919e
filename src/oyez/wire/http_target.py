"""What a request asks for: its target in each of the forms that HTTP knows, and the host that it means.

Knows RFC 9112 §3.2. Must not know which paths there are.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from oyez.errors import ProtocolError
from oyez.wire.authority import is_authority

ASTERISK = b"*"

Headers = Sequence[tuple[bytes, bytes]]
"""As they came, names in lower case."""

_ABSOLUTE = re.compile(rb"(?:https?|wss?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_ESCAPE_OF_PLAIN = re.compile(rb"%(?:2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])")


class RequestTarget(NamedTuple):
    """What a request asks for, in origin form."""

    path: bytes
    """With the query, beginning with a slash; or an asterisk, for the server as a whole."""
    authority: bytes | None
    """The host that the target itself names; it counts instead of the header."""


def read_target(method: bytes, target: bytes) -> RequestTarget:
    """Read the target of a request; letters that are escaped in its path without need are taken out of their escapes.

    Raises:
        ProtocolError: it is no form that a server has to know.
    """
    if target == ASTERISK and method == b"OPTIONS":  # RFC 9112 §3.2.4
        return RequestTarget(ASTERISK, None)
    if target.startswith(b"/"):
        return RequestTarget(_plain(target.partition(b"#")[0]), None)
    absolute = _ABSOLUTE.match(target)  # RFC 9112 §3.2.2
    if absolute is None or not absolute[1] or not is_authority(absolute[1]):
        raise ProtocolError("the target is neither a path nor the address of one")
    rest = absolute[2]
    if method == b"OPTIONS" and not rest:  # RFC 9112 §3.2.4: a proxy writes the asterisk so
        return RequestTarget(ASTERISK, absolute[1])
    return RequestTarget(_plain(rest if rest.startswith(b"/") else b"/" + rest), absolute[1])


def check_host(headers: Headers) -> None:
    """Require that a request names one host at most.

    Raises:
        ProtocolError: there are several, or what is named is none (RFC 9112 §3.2).
    """
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1:
        raise ProtocolError("Host is given twice")
    if hosts and not is_authority(hosts[0]):
        raise ProtocolError("Host is no name of a host")


def _plain(target: bytes) -> bytes:
    """Write a path in the form that it is compared in (RFC 3986 §6.2.2.2)."""
    path, mark, query = target.partition(b"?")
    if b"%" in path:
        path = _ESCAPE_OF_PLAIN.sub(lambda escape: bytes((int(escape[0][1:], 16),)), path)
    return path + mark + query
