"""Header fields that are lists, with weights and parameters: read as their grammar has it.

Knows RFC 9110 §5.6 and the fields that the doors look at. Must not know what follows from them.
"""

import re

from oyez.errors import ProtocolError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def elements(*lines: str) -> list[str]:
    """Split a list, which may be spread over several lines of the same name; empty elements do not count."""
    return [element for line in lines for element in map(_stripped, line.split(",")) if element]


def lower_elements(*lines: str) -> list[str]:
    """Split a list whose elements are compared without regard to case."""
    return [element.lower() for element in elements(*lines)]


def is_token(text: str) -> bool:
    """Return whether a text is a token (RFC 9110 §5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def prefers_gzip(*accept_encoding: str) -> bool:
    """Return whether an answer should be compressed (RFC 9110 §12.5.3).

    It is if that is acceptable, and not liked less than the answer as it is.
    """
    weights = dict(map(_read_weight, lower_elements(*accept_encoding)))
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def names_tag(tag: str, *if_none_match: str) -> bool:
    """Return whether a condition names an entity tag, compared weakly (RFC 9110 §8.8.3.2 and §13.1.2)."""
    if any(_stripped(line) == "*" for line in if_none_match):
        return True
    known = _TAG.fullmatch(tag)
    return known is not None and any(known[1] in _TAG.findall(line) for line in if_none_match)


def media_type(content_type: str) -> str:
    """Return the type alone, in lower case; empty when there is none."""
    return _stripped(content_type.partition(";")[0]).lower()


def read_subprotocols(*lines: str) -> list[str]:
    """Read what a WebSocket client offers, most wanted first (RFC 6455 §4.1, 10).

    Raises:
        ProtocolError: one is no token, or comes twice.
    """
    offered = elements(*lines)
    if not all(map(is_token, offered)) or len(set(offered)) < len(offered):
        raise ProtocolError("Sec-WebSocket-Protocol has to be a list of different tokens")
    return offered


def _read_weight(element: str) -> tuple[str, float]:
    """Read ``name;q=0.5``; what is no weight leaves it at 1."""
    name, _, parameters = element.partition(";")
    weight = next(filter(None, (_WEIGHT.fullmatch(_stripped(part)) for part in parameters.split(";"))), None)
    return _stripped(name), float(weight[1]) if weight else 1.0


def _stripped(text: str) -> str:
    return text.strip(" \t")
