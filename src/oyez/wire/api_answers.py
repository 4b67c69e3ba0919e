"""The answers of the HTTP API, as bytes.

Knows their JSON and the form that all refusals share. Must not know how an answer came about, nor HTTP.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.wire import commands, json_text


class ApiError(ProtocolError):
    """A request that is refused.

    Attributes:
        status: of the answer.
        code: why, for programs.
        message: why, for people.
        headers: what the answer carries beside them.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def encode(self) -> bytes:
        """Return the body: ``{"code":"bad-request","message":"…"}``."""
        return b'{"code":%b,"message":%b}' % (json_text.encode_string(self.code), json_text.encode_string(self.message))


def encode_id(event_id: int) -> bytes:
    """Return ``{"id":7}``, of the newest event."""
    return b'{"id":%d}' % event_id


def encode_grant(name: str, ttl_s: float) -> bytes:
    """Return ``{"channel":"tickets!42.….…","ttl_s":43200}``: the name to be followed, and for how long it is good."""
    return b'{"channel":%b,"ttl_s":%b}' % (json_text.encode_string(name), b"%g" % ttl_s if ttl_s % 1 else b"%d" % ttl_s)


def encode_revoked(ended: int) -> bytes:
    """Return ``{"ended":2}``: how many channels listeners lose by a revocation."""
    return b'{"ended":%d}' % ended


def encode_reloaded(changed: Sequence[str], needs_restart: Sequence[str]) -> bytes:
    """Return ``{"changed":["keys"],"needs_restart":["port"]}``: what a second reading of the settings has come to."""
    return msgspec.json.encode({"changed": changed, "needs_restart": needs_restart})


def encode_published(ids: Sequence[int], listeners: Sequence[int], *, many: bool) -> bytes:
    """Return the answer to a request to publish.

    It is ``{"ids":[7,8],"listeners":[2,0]}``, or ``{"id":7,"listeners":2}`` where it was one event.

    Args:
        ids: of the events, in their order.
        listeners: how many the channel of each has.
        many: whether the request was one for many.
    """
    if many:
        return b'{"ids":%b,"listeners":%b}' % (msgspec.json.encode(ids), msgspec.json.encode(listeners))
    return b'{"id":%d,"listeners":%d}' % (ids[0], listeners[0])


def encode_channels(channels: Iterable[tuple[str, int, int | None]], after: str | None) -> bytes:
    """Return a page of channels: ``{"channels":[{"name":"a","listeners":2,"last_id":7},…],"next":"b"}``.

    Args:
        channels: name, number of listeners and newest id (None: null) of each, in the order of the page.
        after: what to name to get the next page; None when this is the last.
    """
    rows = [
        b'{"name":%b,"listeners":%d,"last_id":%b}' % (json_text.encode_string(name), listeners, _number(last_id))
        for name, listeners, last_id in channels
    ]
    return b'{"channels":[%b],"next":%b}' % (
        b",".join(rows),
        b"null" if after is None else json_text.encode_string(after),
    )


def encode_listeners(count: int, subjects: Sequence[str], after: str | None) -> bytes:
    """Return a page of a channel's listeners: ``{"count":3,"subjects":["42","77"],"next":null}``.

    Args:
        count: how many there are, of whatever subject or none.
        subjects: for whom the grants were made by which they listen, in the order of the page.
        after: what to name to get the next page; None when this is the last.
    """
    return msgspec.json.encode({"count": count, "subjects": subjects, "next": after})


class AddressRow(NamedTuple):
    """What is known of an address; its members are those of the JSON."""

    address: str
    connections: int
    listeners: int
    commands: int
    refusals: Mapping[str, int]


class ProxyRow(NamedTuple):
    """A proxy that names no visitors; its members are those of the JSON."""

    address: str
    trusted: bool
    requests: int


def encode_addresses(rows: Iterable[AddressRow], observed: Iterable[str], proxies: Iterable[ProxyRow]) -> bytes:
    """Return ``{"addresses":[{"address":"203.0.113.9",…}],"observed":["address-connects"],"hiding_proxies":[…]}``.

    Args:
        rows: the addresses, in their order.
        observed: the reasons that are only counted.
        proxies: those that name no visitors.
    """
    return msgspec.json.encode(
        {
            "addresses": [row._asdict() for row in rows],
            "observed": sorted(observed),
            "hiding_proxies": [row._asdict() for row in proxies],
        }
    )


def encode_history(events: Iterable[bytes], gap: tuple[str, int, int] | None, after: int | None) -> bytes:
    """Return a page of history: ``{"events":[…],"gap":{"channel":"a","from":5,"oldest":9},"next":8}``.

    Args:
        events: each as `commands.encode_event` writes it.
        gap: channel, and the ids between which events may be missing; None: null, for nothing is missing.
        after: what to name to get the next page; None when this is the last.
    """
    missing = b"null" if gap is None else commands.encode_gap(*gap)
    return b'{"events":[%b],"gap":%b,"next":%b}' % (b",".join(events), missing, _number(after))


def _number(number: int | None) -> bytes:
    return b"null" if number is None else b"%d" % number
