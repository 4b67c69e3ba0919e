"""Whatever stands in addresses and headers, it is read or it is not; nothing is raised, and doubt is never lost."""

from hypothesis import given
from hypothesis import strategies as st

from oyez.access.ip_addresses import parse_address, parse_networks
from oyez.access.locality import find_doubt
from oyez.access.peer import Peers
from oyez.wire.authority import is_authority, split_authority
from tests.fuzz import fuzz

PEERS = Peers(parse_networks(["127.0.0.1", "10.0.0.0/8"]), ["box"])
HERE = ("127.0.0.1", 5)

hosts = st.sampled_from([b"localhost", b"127.0.0.1:80", b"[::1]:80", b"box", b"judge.example", b"[", b"a:b:c", b""])
origins = st.sampled_from([b"null", b"http://localhost", b"http://[", b"//", b"http://127.0.0.1:80/x", b"ws://box:0x1"])
names = st.sampled_from([b"host", b"origin", b"referer", b"connection", b"upgrade", b"sec-fetch-site", b"accept"])
headers = st.lists(st.tuples(names, st.one_of(hosts, origins, st.binary(max_size=20))), max_size=6)
entries = st.lists(
    st.one_of(st.sampled_from(["10.0.0.1", "[::1]:5", "1.2.3.4:80", "unknown", "_x", ""]), st.text(max_size=20)),
    max_size=80,
)


@given(st.text())
@fuzz
def test_texts_are_addresses_or_not(text: str) -> None:
    address = parse_address(text)
    assert address is None or parse_address(str(address)) == address


@given(st.text() | st.from_regex(r"\A[\[\]:.a0*%@/ ]{0,12}\Z"))
@fuzz
def test_what_may_stand_in_a_header_can_be_split_and_put_together_again(text: str) -> None:
    halves = split_authority(text)
    assert halves is not None or not is_authority(text.encode("utf-8", "surrogatepass"))
    assert halves is None or text in (f"{halves[0]}:{halves[1]}", halves[0])


@given(headers, st.sampled_from(["1.0", "1.1"]))
@fuzz
def test_a_proxys_header_leaves_no_request_local(given_headers: list[tuple[bytes, bytes]], version: str) -> None:
    find_doubt(given_headers, version, frozenset())
    assert find_doubt([*given_headers, (b"x-forwarded-for", b"")], version, frozenset())
    assert find_doubt([*given_headers, (b"host", b"judge.example")], version, frozenset())


@given(entries)
@fuzz
def test_whoever_is_named_by_proxies_is_an_address(listed: list[str]) -> None:
    lines = [(b"x-forwarded-for", ",".join(listed).encode("utf-8", "replace"))]
    peer = PEERS.finder(lines, lambda: HERE)()
    assert peer.address is not None
    assert not peer.local
    assert str(peer).isprintable()
