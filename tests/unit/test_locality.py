"""Is it proved that a request was made on this machine, or does anything in it speak against that?"""

import asyncio
import socket

import pytest

from oyez.access.ip_addresses import parse_networks
from oyez.access.locality import BY_PAGE, BY_PROXY, FROM_AFAR, REPEATED, WITHOUT_HOST
from oyez.access.peer import FarEnd, Peers
from oyez.net.socket import far_end_of

PEERS = Peers(parse_networks(["127.0.0.1"]), ["Events.Internal", "box."])
HERE: FarEnd = ("127.0.0.1", 5)
UNIX: FarEnd = ("", 0)
HOST = ("host", "127.0.0.1:15100")


def doubt(*headers: tuple[str, str], far_end: FarEnd | None = HERE, version: str = "1.1") -> str:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    peer = PEERS.finder(raw, lambda: far_end, version)()
    assert peer.local is not bool(peer.doubt)
    return peer.doubt


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:15100", "127.0.0.1", "127.8.9.1:80", "localhost", "LOCALHOST:15100", "localhost.", "localhost.:15100",
     "[::1]", "[::1]:15100", "[0:0::1]:80", "[::ffff:127.0.0.1]:80", "0.0.0.0:15100", "[::]:80",
     "judge.localhost:15100", "events.internal", "EVENTS.internal:15100", "events.internal.", "box:1"],
)  # fmt: skip
@pytest.mark.parametrize("far_end", [HERE, UNIX, ("::1", 5), ("::ffff:127.0.0.1", 5), ("127.9.9.9", 5)])
def test_who_names_this_machine_from_this_machine_is_here(host: str, far_end: FarEnd) -> None:
    assert doubt(("host", host), far_end=far_end) == ""


@pytest.mark.parametrize(
    "host",
    ["", "judge.example", "judge.example:15100", "203.0.113.9:15100", "192.168.1.5", "[2001:db8::1]:80", "::1",
     "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "localhost:port", "localhost:99999", "127.1",
     "2130706433", "0x7f000001", "localhost, evil.example", "a@localhost", "localhost/x", "localhost?", "[localhost]",
     "localho\xadst", "[::1", "localhost" + ".localhost" * 40, "%6cocalhost", "internal",
     "events.internal.evil.example"],
    ids=lambda host: ascii(host)[:30],
)  # fmt: skip
def test_who_names_another_is_not(host: str) -> None:
    assert doubt(("host", host)) == WITHOUT_HOST
    assert doubt(("host", host), far_end=UNIX) == WITHOUT_HOST


def test_who_names_nobody_or_two_is_not() -> None:
    assert doubt() == WITHOUT_HOST
    assert doubt(HOST, ("host", "judge.example")) == REPEATED
    assert doubt(("host", "judge.example"), HOST) == REPEATED
    assert doubt(HOST, HOST) == REPEATED


@pytest.mark.parametrize("far_end", [("203.0.113.9", 5), ("192.168.1.5", 5), ("fe80::1%eth0", 5), ("::2", 5)])
def test_another_machine_is_not_this_one(far_end: FarEnd) -> None:
    assert doubt(HOST, far_end=far_end) == FROM_AFAR


def test_of_a_socket_that_is_closed_nothing_is_proved() -> None:
    peer = PEERS.finder([(b"host", b"localhost")], lambda: None)()
    assert (peer.local, peer.named, peer.address) == (False, False, None)
    assert str(peer) == "an address that could not be told"


def test_a_socket_whose_other_end_is_gone_is_no_unix_socket() -> None:
    """The system names no other end of a TCP socket that was reset, and never one of a Unix socket."""
    for family, far_end in ((socket.AF_UNIX, ("", 0)), (socket.AF_INET, None), (socket.AF_INET6, None)):
        with socket.socket(family) as unconnected:
            assert far_end_of(asyncio.BaseTransport({"peername": None, "socket": unconnected})) == far_end
    assert far_end_of(asyncio.BaseTransport({"peername": ("fe80::1%eth0", 5, 0, 2)})) == ("fe80::1%eth0", 5)
    assert far_end_of(asyncio.BaseTransport()) is None


@pytest.mark.parametrize(
    "header",
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip", "forwarded", "via",
     "x-forwarded-client-cert", "x-forward-for", "forwarded-for", "cf-connecting-ip", "true-client-ip", "x-client-ip",
     "client-ip", "x-nginx-proxy"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["", "127.0.0.1", "garbage"])
def test_what_a_proxy_says_that_it_passed_on_is_not(header: str, value: str) -> None:
    assert doubt(HOST, (header, value)) == BY_PROXY
    assert doubt((header, value), HOST, far_end=UNIX) == BY_PROXY


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.0", [HOST, ("connection", "close")]),
        ("1.1", [("connection", "upgrade"), HOST]),
        ("1.1", [HOST, ("connection", "upgrade")]),
        ("1.1", [HOST, ("connection", "Upgrade")]),
        ("1.1", [("upgrade", "websocket"), ("connection", "upgrade"), HOST]),
        ("1.1", [("connection", "close"), HOST]),
    ],
)
def test_nginx_is_known_by_its_hand_if_it_says_nothing(version: str, headers: list[tuple[str, str]]) -> None:
    assert doubt(*headers, version=version) == BY_PROXY


@pytest.mark.parametrize(
    "headers",
    [
        # As the clients of today write them: websocket-client, websockets, ws, undici, requests, urllib, curl
        [("upgrade", "websocket"), HOST, ("origin", "http://127.0.0.1:15100"), ("connection", "Upgrade")],
        [HOST, ("upgrade", "websocket"), ("connection", "Upgrade")],
        [("connection", "Upgrade"), ("upgrade", "websocket"), HOST],
        [HOST, ("connection", "upgrade"), ("upgrade", "websocket")],
        [HOST, ("user-agent", "python-requests"), ("connection", "keep-alive")],
        [("accept-encoding", "identity"), HOST, ("connection", "close")],
        [HOST, ("accept", "*/*")],
        [HOST, ("connection", "keep-alive"), ("connection", "x"), ("cookie", "a"), ("cookie", "b")],
    ],
)
def test_back_ends_are_not_taken_for_nginx(headers: list[tuple[str, str]]) -> None:
    assert doubt(*headers) == ""


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:15100", "http://127.0.0.1:15100"),
        ("127.0.0.1:15100", "ws://127.0.0.1:15100"),
        ("localhost", "http://localhost"),
        ("localhost", "http://localhost:80"),
        ("localhost:80", "http://localhost"),
        ("LOCALHOST.:15100", "http://localhost:15100"),
        ("[::1]:15100", "http://[0::1]:15100"),
        ("events.internal:15100", "http://events.internal:15100"),
        ("127.0.0.1:15100", "http://127.0.0.1:15100/a/page?of=it"),
    ],
)
@pytest.mark.parametrize("header", ["origin", "referer"])
def test_a_client_that_names_the_host_itself_is_no_foreign_page(host: str, origin: str, header: str) -> None:
    assert doubt(("host", host), (header, origin)) == ""


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://127.0.0.1:8000", "http://localhost:15100", "https://127.0.0.1", "https://judge.example",
     "http://judge.example:15100", "http://127.0.0.1:15100.evil.example", "http://127.0.0.1:15100@evil.example",
     "http://evil.example/http://127.0.0.1:15100", "file://127.0.0.1:15100", "127.0.0.1:15100", "chrome-extension://abc",
     "http://[::1", "http://" + "x" * 400],
    ids=lambda origin: origin[:30],
)  # fmt: skip
@pytest.mark.parametrize("header", ["origin", "referer"])
def test_a_page_of_another_site_is_not_here(origin: str, header: str) -> None:
    assert doubt(HOST, (header, origin)) == BY_PAGE
    assert doubt(HOST, ("origin", "http://127.0.0.1:15100"), ("origin", origin)) == REPEATED


@pytest.mark.parametrize(
    ("site", "said"), [("cross-site", BY_PAGE), ("same-site", BY_PAGE), ("same-origin", ""), ("none", "")]
)
def test_a_browser_says_itself_whose_page_asks(site: str, said: str) -> None:
    assert doubt(HOST, ("sec-fetch-site", site)) == said


def test_a_page_whose_name_was_made_to_lead_here_is_not() -> None:
    rebound = ("host", "evil.example:15100")
    assert doubt(rebound) == WITHOUT_HOST
    assert doubt(rebound, ("origin", "http://evil.example:15100")) == WITHOUT_HOST


def test_several_lines_of_the_forwarding_header_are_one_list() -> None:
    headers = [(b"x-forwarded-for", b"1.1.1.1"), (b"host", b"x"), (b"x-forwarded-for", b"203.0.113.9:5")]
    peer = PEERS.finder(headers, lambda: HERE)()
    assert str(peer) == "203.0.113.9"
    assert peer.socket == "127.0.0.1:5"
