"""Which host and path does a request mean, in each form that its target may have?"""

import pytest

from oyez.errors import ProtocolError
from oyez.wire.http_target import check_host, read_target


@pytest.mark.parametrize(
    ("target", "path", "authority"),
    [
        (b"/", b"/", None), (b"/sse?channel=a", b"/sse?channel=a", None), (b"//x/y", b"//x/y", None),
        (b"/a#b", b"/a", None), (b"/a?b#c", b"/a?b", None), (b"/x?/sse", b"/x?/sse", None),
        (b"http://judge.example/sse?a=b", b"/sse?a=b", b"judge.example"),
        (b"HTTPS://Judge.Example:8443/a?b#c", b"/a?b", b"Judge.Example:8443"), (b"ws://[::1]:8/", b"/", b"[::1]:8"),
        (b"wss://x", b"/", b"x"), (b"http://x?a=b", b"/?a=b", b"x"), (b"http://x#a", b"/", b"x"),
        (b"http://x/http://y/", b"/http://y/", b"x"),
        (b"/%73s%65?%73", b"/sse?%73", None), (b"/socket%2Eio/", b"/socket.io/", None),
        (b"http://x/%2Dok%7e", b"/-ok~", b"x"), (b"/%7C%2F%20%C3%A9%zz%", b"/%7C%2F%20%C3%A9%zz%", None),
    ],
)  # fmt: skip
def test_a_target_is_a_path_or_the_address_of_one(target: bytes, path: bytes, authority: bytes | None) -> None:
    assert read_target(b"GET", target) == (path, authority)
    assert read_target(b"GET", path) == (path, None)


@pytest.mark.parametrize(
    "target",
    [b"", b"*", b"sse", b"x:1", b"http:/x/", b"http://", b"http:///sse", b"http://u@x/", b"http://u:p@x/", b"http://[::1/",
     b"http://x:y/", b"http://a b/", b"ftp://x/", b"file:///x", b"http://\xc3\xa9/"],
)  # fmt: skip
def test_what_no_server_has_to_know_is_refused(target: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_target(b"GET", target)


def test_an_asterisk_is_for_options_alone() -> None:
    assert read_target(b"OPTIONS", b"*") == (b"*", None)
    assert read_target(b"OPTIONS", b"http://x:1") == (b"*", b"x:1")
    assert read_target(b"OPTIONS", b"http://x/") == (b"/", b"x")


@pytest.mark.parametrize("host", [b"", b"x", b"Judge.Example:443", b"127.0.0.1", b"[::1]:80", b"a_b", b"x:"])
def test_a_host_is_a_name_or_an_address_with_or_without_a_port(host: bytes) -> None:
    check_host([(b"accept", b"*/*"), (b"host", host)])


@pytest.mark.parametrize(
    "hosts",
    [
        [b"a", b"a"],
        [b"a", b"b"],
        [b"a/b"],
        [b"u@a"],
        [b"a, b"],
        [b"a b"],
        [b"http://a"],
        [b"[::1"],
        [b"\xe9"],
        [b"a:b"],
    ],
)
def test_several_hosts_or_what_is_none_are_refused(hosts: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        check_host([(b"host", host) for host in hosts])


def test_who_names_no_host_need_not() -> None:
    check_host([(b"hostess", b"a/b")])
