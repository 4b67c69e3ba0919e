"""At every door: is a well-known key, or none, enough only where it is proved that the request was made here?"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import MANY_CLIENTS, StartDaemon
from tests.daemon import Daemon
from tests.integration.dialects import POST_LISTENER, RawPoster, post_port
from tests.integration.links import Link, Poller
from tests.raw import dial, read_to_end, request

Headers = dict[str, Any]

KEY = "lqdoj"
HOSTS = ["127.0.0.1:15100", "localhost:15100", "LOCALHOST.:80", "[::1]:15100", "events.internal:15100"]
# With any of these, the request may be anybody's.
ELSEWHERE: list[Headers] = [
    {"X_Forwarded_For": "203.0.113.9"}, {"X_Forwarded_For": "127.0.0.1:80"}, {"X_Forwarded_For": "unknown"},
    {"X_Forwarded_Proto": "https"}, {"X_Real_IP": "127.0.0.1"},
    {"Host": "judge.example"}, {"Host": "203.0.113.9:15100"}, {"Host": "localhost.evil.example:15100"},
    {"Origin": "https://judge.example"}, {"Origin": "null"}, {"Origin": "http://localhost:8000"},
    {"Host": "evil.example:15100", "Origin": "http://evil.example:15100"},
    {"Referer": "https://judge.example/problems"}, {"Sec_Fetch_Site": "cross-site"},
]  # fmt: skip
NOT_PLAIN = {"X_Note": "é"}  # the short cut for plain handshakes leaves it to the HTTP parser


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a key that everybody knows, and an address where none is needed."""
    settings = POST_LISTENER | MANY_CLIENTS | {"auth.local_hosts": ["events.internal"]}
    daemon = Daemon(tmp_path_factory.mktemp("guarded"), settings=settings)
    daemon.key = KEY
    with daemon:
        yield daemon


def asks(method: str, path: str) -> Callable[[Daemon, Headers], bool]:
    """Ask the HTTP API with the key."""
    body = '{"channel":"x"}' if method == "POST" else None
    return lambda daemon, headers: (
        request(daemon.port, method, path, body, Authorization=f"Bearer {KEY}", **headers).status == 200
    )


def asks_without_key(method: str, path: str) -> Callable[[Daemon, Headers], bool]:
    body = '{"channel":"x"}' if method == "POST" else None
    return lambda daemon, headers: request(post_port(daemon), method, path, body, **headers).status == 200


def joins_by_websocket(daemon: Daemon, headers: Headers) -> bool:
    with Link(daemon.port, {"role": "sender", "token": KEY}, **headers) as link:
        return link.connected.startswith('40{"sid"')


def joins_by_polling(daemon: Daemon, headers: Headers) -> bool:
    return Poller(daemon.port, {"role": "sender", "token": KEY}, **headers).connected.startswith('40{"sid"')


def posts_raw(daemon: Daemon, headers: Headers) -> bool:
    with RawPoster(daemon.port, key=None, **headers) as link:
        return bool(link.ask("auth", key=KEY)["status"] == "success")


def posts_raw_without_key(daemon: Daemon, headers: Headers) -> bool:
    with RawPoster(post_port(daemon), key=None, **headers) as link:
        return bool(link.ask("post", channel="x", message=1)["status"] == "success")


DOORS: dict[str, Callable[[Daemon, Headers], bool]] = {
    "publish": asks("POST", "/api/publish"),
    "last": asks("GET", "/api/last"),
    "channels": asks("GET", "/api/channels"),
    "history": asks("GET", "/api/channels/x/history"),
    "websocket": joins_by_websocket,
    "websocket, parsed": lambda daemon, headers: joins_by_websocket(daemon, headers | NOT_PLAIN),
    "polling": joins_by_polling,
    "raw": posts_raw,
    "raw, parsed": lambda daemon, headers: posts_raw(daemon, headers | NOT_PLAIN),
    "keyless raw": posts_raw_without_key,
    "keyless raw, parsed": lambda daemon, headers: posts_raw_without_key(daemon, headers | NOT_PLAIN),
    "keyless publish": asks_without_key("POST", "/api/publish"),
    "keyless channels": asks_without_key("GET", "/api/channels"),
    "keyless history": asks_without_key("GET", "/api/channels/x/history"),
}


@pytest.mark.parametrize("door", DOORS)
def test_what_may_be_from_elsewhere_is_refused(guarded: Daemon, door: str) -> None:
    own_host = {"Host": f"127.0.0.1:{guarded.port}"}
    assert [headers for headers in ELSEWHERE if DOORS[door](guarded, own_host | headers)] == []


@pytest.mark.parametrize("door", DOORS)
def test_what_is_from_here_is_taken(guarded: Daemon, door: str) -> None:
    plain = [{"Host": host} for host in HOSTS]
    as_libraries = [{"Host": host, "Origin": f"http://{host}"} for host in HOSTS]
    assert [headers for headers in plain + as_libraries if not DOORS[door](guarded, headers)] == []


@pytest.mark.parametrize("door", ["main", "keyless"])
@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "judge.example"], ["judge.example", "127.0.0.1"]], ids=str)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_no_host_and_two_hosts_prove_nothing(guarded: Daemon, door: str, hosts: list[str], version: str) -> None:
    link = dial(guarded.port if door == "main" else post_port(guarded))
    lines = [f"GET /api/last HTTP/{version}", *(f"Host: {host}" for host in hosts), "Connection: close"]
    lines += [f"Authorization: Bearer {KEY}"] if door == "main" else []
    link.sendall("\r\n".join([*lines, "", ""]).encode())
    status = read_to_end(link).split()[1]
    assert status in (b"400", b"401", b"429")


@pytest.mark.parametrize(
    ("target", "host", "is_here"),
    [("http://judge.example", "127.0.0.1", False), ("http://localhost:15100", "judge.example", True)],
)
def test_a_host_in_the_target_counts_instead_of_the_header(
    guarded: Daemon, target: str, host: str, *, is_here: bool
) -> None:
    link = dial(post_port(guarded))
    link.sendall(f"GET {target}/api/last HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert (read_to_end(link).split()[1] == b"200") is is_here


def test_the_refusal_names_its_cause_and_tells_no_secret(guarded: Daemon) -> None:
    def refuse(port: int, key: str | None, **headers: str) -> str:
        shown = None if key is None else f"Bearer {key}"
        answer = request(port, "GET", "/api/last", Authorization=shown, **headers)
        assert answer.status == 401, answer
        return str(json.loads(answer.body)["message"])

    via = {"X_Forwarded_For": "2001:db8::77"}  # of its own, with failures of its own
    for key in (KEY, "oyez-development"):  # that it is not the daemon's is not told
        assert refuse(guarded.port, key, **via).startswith(
            "This key is public knowledge, and counts on the daemon's own"
        )
    assert refuse(guarded.port, "wrong", **via) == "The key is missing or wrong"
    assert refuse(guarded.port, None, **via) == "The key is missing or wrong"
    assert "came through a proxy" in refuse(post_port(guarded), None, **via)


def test_a_real_key_is_good_from_everywhere(daemon: Daemon) -> None:
    for headers in ELSEWHERE:
        named = {name: value for name, value in headers.items() if name != "Host"} | {"Host": "judge.example"}
        answer = request(daemon.port, "GET", "/api/last", Authorization=f"Bearer {daemon.key}", **named)
        assert answer.status == 200
        with Link(daemon.port, {"role": "sender", "token": daemon.key}, **named) as link:
            assert link.connected.startswith('40{"sid"')
        assert Poller(daemon.port, {"role": "sender", "token": daemon.key}, **named).connected.startswith('40{"sid"')
        with RawPoster(daemon.port, key=daemon.key, **named):
            pass


@pytest.mark.parametrize(
    ("headers", "address", "proxy", "doubt"),
    [
        ({"Host": "localhost"}, "127.0.0.1", "none", False),
        ({"X_Forwarded_For": "[2001:db8::9]:80"}, "2001:db8::9", "names", True),
        ({"X_Forwarded_For": "unknown"}, "127.0.0.1", "hides", True),
        ({"X_Real_IP": "203.0.113.9"}, "127.0.0.1", "hides", True),
    ],
    ids=str,
)
def test_who_holds_the_key_may_ask_who_it_is(
    daemon: Daemon, headers: Headers, address: str, proxy: str, *, doubt: bool
) -> None:
    with Link(daemon.port, {"role": "sender", "token": daemon.key}, **headers) as link:
        host, port = link.link.getsockname()
        link.emit("who-am-i", ack=7)
        answer = json.loads(str(link.receive()).removeprefix("437"))[0]
        assert bool(answer.pop("doubt")) is doubt
        assert answer == {"status": "success", "address": address, "socket": f"{host}:{port}", "proxy": proxy}


def test_who_does_not_hold_the_key_is_told_nothing(daemon: Daemon) -> None:
    with Link(daemon.port, {"role": "client"}) as link:
        link.emit("who-am-i", ack=7)
        link.check_nothing_more()


def test_the_page_of_development_has_the_key_where_it_is_proved_to_be_shown_here(start_daemon: StartDaemon) -> None:
    daemon = start_daemon("--dev")

    def key_in_page(headers: Headers) -> object:
        page = request(daemon.port, "GET", "/", **{"Host": f"127.0.0.1:{daemon.port}"} | headers)
        assert page.status == 200
        assert (daemon.key in page.body) is not ('"key":null' in page.body)
        return daemon.key in page.body

    assert [headers for headers in ELSEWHERE if key_in_page(headers)] == []
    assert all(key_in_page({"Host": host}) for host in HOSTS if "events.internal" not in host)
    assert not key_in_page({"Host": "events.internal:15100"})
