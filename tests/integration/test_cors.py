"""Do all doors say the same to browsers: who may read, with credentials or without, and what may be sent?"""

from collections.abc import Iterator

import pytest

from tests.daemon import Daemon
from tests.eventsource import Stream
from tests.integration.dialects import POLL_LISTENER, poll_port
from tests.raw import WebSocket, request

JUDGE = "https://judge.example"
SETTINGS = POLL_LISTENER | {
    "http.allowed_origins": ["https://Judge.Example:443", "https://*.judge.example", "null"],
    "http.long_poll_timeout_s": 0.05,
}
POLL = "/socket.io/?EIO=4&transport=polling"
PAGES_DOORS = [POLL, "/channels/x?nowait=1", "/event.js", "/socket.io/event.mjs", "/socket.io/channels/x?nowait=1"]
SOCKETS = ["/event/", "/socket.io/event/", "/socket.io/?EIO=4&transport=websocket"]
REFUSED = ["/channels/", POLL.replace("=4", "=3"), POLL + "&sid=nobody"]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon that names the sites whose pages may listen."""
    with Daemon(tmp_path_factory.mktemp("cors"), settings=SETTINGS) as daemon:
        yield daemon


def check_named(headers: dict[str, str], origin: str) -> None:
    assert headers["access-control-allow-origin"] == origin
    assert headers["access-control-allow-credentials"] == "true"
    assert "Origin" in headers["vary"].split(", ")


@pytest.mark.parametrize("origin", [JUDGE, "https://contest.judge.example", "https://a.b.judge.example"])
def test_pages_of_named_sites_may_read_every_answer_with_credentials(named: Daemon, origin: str) -> None:
    for target in PAGES_DOORS + REFUSED:
        check_named(request(named.port, "GET", target, Origin=origin).headers, origin)
    check_named(request(poll_port(named), "GET", "/channels/x?nowait=1", Origin=origin).headers, origin)
    check_named(request(named.port, "GET", POLL + "&x=" + "x" * 17_000, Origin=origin).headers, origin)
    for target in ("/sse?channel=x", "/socket.io/sse?channel=x"):
        with Stream(named.port, target, Origin=origin) as stream:
            check_named(stream.headers, origin)
    check_named(request(named.port, "GET", "/sse", Origin=origin).headers, origin)
    check_named(request(named.port, "POST", POLL, Origin=origin, Content_Encoding="gzip").headers, origin)
    for target in SOCKETS:
        with WebSocket(named.port, target, Origin=origin) as link:
            assert link.status == 101
            check_named(link.headers, origin)


def test_pages_of_other_sites_may_read_nothing_and_caches_know_that_it_depends(named: Daemon) -> None:
    for origin in ("https://evil.example", "http://judge.example", "https://judge.example.evil.example"):
        for target in [*PAGES_DOORS, "/sse?channel=x"]:
            answer = request(named.port, "GET", target, Origin=origin)
            assert answer.status == 403 or "event." in target, target
            assert "Origin" in answer.headers["vary"].split(", ")
            assert not [name for name in answer.headers if name.startswith("access-control-allow")]
        for target in SOCKETS:
            with WebSocket(named.port, target, Origin=origin) as link:
                assert link.status == 403
                assert "access-control-allow-origin" not in link.headers


def test_pages_without_an_origin_may_read_without_credentials(named: Daemon) -> None:
    answer = request(named.port, "GET", "/channels/x?nowait=1", Origin="null")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "null")
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("target", [*PAGES_DOORS, "/sse?channel=x"])
@pytest.mark.parametrize("wanted", ["Last-Event-ID", "x-csrftoken, cache-control,x-requested-with"])
def test_every_door_lets_pages_send_what_headers_they_like(named: Daemon, target: str, wanted: str) -> None:
    answer = request(
        named.port, "OPTIONS", target, Origin=JUDGE,
        Access_Control_Request_Method="GET", Access_Control_Request_Headers=wanted,
    )  # fmt: skip
    assert answer.status == 204
    check_named(answer.headers, JUDGE)
    assert answer.headers["access-control-allow-headers"] == wanted
    assert "GET" in answer.headers["access-control-allow-methods"]
    assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize("target", [*PAGES_DOORS, "/sse?channel=x"])
def test_pages_of_other_sites_are_told_so_before_they_send(named: Daemon, target: str) -> None:
    answer = request(named.port, "OPTIONS", target, Origin="https://evil.example", Access_Control_Request_Method="GET")
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


def test_where_all_may_listen_nothing_depends_on_who_asks(daemon: Daemon) -> None:
    for target in (POLL, "/channels/x?nowait=1"):
        answer = request(daemon.port, "GET", target, Origin=JUDGE)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert "vary" not in answer.headers
    with WebSocket(daemon.port, "/event/", Origin=JUDGE) as link:
        assert link.headers["access-control-allow-origin"] == "*"


# --- what files and streams are answered besides --------------------------------------------------------------------


def test_a_script_is_packed_for_those_who_want_it_so(daemon: Daemon) -> None:
    for accepted, coding in (
        ("gzip", "gzip"),
        ("br, *;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("*;q=0", None),
        ("", None),
    ):
        answer = request(daemon.port, "GET", "/event.js", Accept_Encoding=accepted)
        assert answer.headers.get("content-encoding") == coding, accepted
    page = "/api/openapi.json"  # packed by the daemon as it goes
    assert request(daemon.port, "GET", page, Accept_Encoding="gzip").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in request(daemon.port, "GET", page, Accept_Encoding="gzip;q=0, identity").headers


def test_a_script_that_has_not_changed_is_known_by_its_tag_in_any_list(daemon: Daemon) -> None:
    tag = request(daemon.port, "GET", "/event.js").headers["etag"]
    for condition in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        assert request(daemon.port, "GET", "/event.js", If_None_Match=condition).status == 304, condition
    for condition in ('"x"', tag.replace('"', ""), "x" + tag[3:-1]):
        assert request(daemon.port, "GET", "/event.js", If_None_Match=condition).status == 200, condition
