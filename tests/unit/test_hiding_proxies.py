"""Is a proxy that names no visitors found out, once, and nobody else taken for one?"""

import logging

import pytest

from oyez.access.hiding_proxies import HidingProxies
from oyez.access.ip_addresses import parse_networks
from oyez.access.locality import RawHeaders
from oyez.access.peer import Peer, Peers

TRUSTED = parse_networks(("127.0.0.1", "::1", "10.9.0.0/16"))

BY_NGINX: RawHeaders = [(b"host", b"judge.example"), (b"x-real-ip", b"203.0.113.9")]
NAMED: RawHeaders = [(b"host", b"judge.example"), (b"x-forwarded-for", b"203.0.113.9")]
UNREADABLE: RawHeaders = [(b"host", b"judge.example"), (b"x-forwarded-for", b"unknown")]
BARE: RawHeaders = [(b"host", b"judge.example")]
LOCAL: RawHeaders = [(b"host", b"127.0.0.1:15100")]


def peer_of(headers: RawHeaders, far_end: str) -> Peer:
    return Peers(TRUSTED).finder(headers, lambda: (far_end, 4711 if far_end else 0))()


def met(headers: RawHeaders, far_end: str) -> list[tuple[str, bool, int]]:
    proxies = HidingProxies(TRUSTED)
    peer = peer_of(headers, far_end)
    has_share = peer.address is not None and not any(peer.address in network for network in TRUSTED)
    if proxies.brought(peer, has_share=has_share):
        proxies.count(peer)
    return [(one.address, one.trusted, one.requests) for one in proxies.all()]


@pytest.mark.parametrize("headers", [BY_NGINX, UNREADABLE])
@pytest.mark.parametrize(("far_end", "name"), [("127.0.0.1", "127.0.0.1"), ("10.9.0.7", "10.9.0.7"), ("::1", "::1"),
                                               ("", "a Unix socket")])  # fmt: skip
def test_a_trusted_proxy_that_names_nobody_is_found(headers: RawHeaders, far_end: str, name: str) -> None:
    assert met(headers, far_end) == [(name, True, 1)]


def test_a_trusted_address_that_shows_no_proxy_may_be_one() -> None:
    assert met(BARE, "10.9.0.7") == [("10.9.0.7", True, 1)]
    assert met(BARE, "127.0.0.1") == [("127.0.0.1", True, 1)]


def test_a_proxy_nearby_that_nobody_trusts_is_found() -> None:
    assert met(NAMED, "172.18.0.3") == [("172.18.0.3", False, 1)]


@pytest.mark.parametrize(
    ("headers", "far_end"),
    [
        (NAMED, "127.0.0.1"),
        (NAMED, "::1"),
        (LOCAL, "127.0.0.1"),  # a program of this machine
        (LOCAL, ""),
        (BARE, "8.8.8.8"),  # a visitor without a proxy
        (NAMED, "8.8.8.8"),  # one who writes what a proxy writes
        (BY_NGINX, "8.8.8.8"),
        (BARE, "172.18.0.3"),
    ],
)
def test_nobody_else_is_taken_for_one(headers: RawHeaders, far_end: str) -> None:
    assert met(headers, far_end) == []


def test_it_is_logged_once_for_each_with_the_missing_header(caplog: pytest.LogCaptureFixture) -> None:
    proxies = HidingProxies(TRUSTED)
    with caplog.at_level(logging.INFO):
        for far_end in ("127.0.0.1", "10.9.0.7", "127.0.0.1"):
            proxies.count(peer_of(BY_NGINX, far_end))
    first, second = [record.getMessage() for record in caplog.records]
    assert "the proxy at 127.0.0.1 " in first
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in first
    assert "X-Real-IP is not believed" in first
    assert "the proxy at 10.9.0.7 " in second
    assert [one.requests for one in proxies.all()] == [2, 1]


def test_a_few_of_each_kind_are_remembered(caplog: pytest.LogCaptureFixture) -> None:
    proxies = HidingProxies(TRUSTED)
    for number in range(100):
        proxies.count(peer_of(NAMED, f"172.18.0.{number}"))
        proxies.count(peer_of(BY_NGINX, f"10.9.0.{number}"))
    assert [sum(one.trusted is kind for one in proxies.all()) for kind in (True, False)] == [16, 16]
    assert len(caplog.records) == 32
