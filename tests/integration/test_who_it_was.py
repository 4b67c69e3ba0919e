"""Does the operator see who did it: in the log, in the metrics and at /api/addresses?"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.api import call
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.eventsource import Stream
from tests.integration.links import TARGET, Link, Sender, eventually, listen, metrics
from tests.nginx import FORWARDED, UPGRADE, Nginx, location, pass_to
from tests.raw import Polling, WebSocket, dial, frame, read_to_end, request, text_frame

VISITOR = "203.0.113.9"


def addresses(daemon: Daemon, query: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = call(daemon, "GET", f"addresses{query}").data
    return answer


def row_of(daemon: Daemon, address: str = VISITOR) -> dict[str, Any]:
    rows = {row["address"]: row for row in addresses(daemon)["addresses"]}
    return dict(rows.get(address, {}))


def wait_for_line(daemon: Daemon, pattern: str) -> str:
    """Wait until the log has a line with the pattern; returns it."""

    def find() -> str | None:
        return next((line for line in daemon.log.of("line") if re.search(pattern, line)), None)

    daemon.log.wait_until(lambda: find() is not None, pattern)
    return find() or ""


def listen_from(daemon: Daemon, stack: ExitStack, address: str = VISITOR) -> WebSocket:
    return stack.enter_context(WebSocket(daemon.port, "/event/", X_Forwarded_For=address))


# --- limits of one address --------------------------------------------------------------------------------------------


def test_the_start_says_what_one_address_may_have_and_what_only_counts(start_daemon: StartDaemon) -> None:
    settings: dict[str, object] = {
        "limits.max_connections_per_address": 70,
        "limits.connects_per_second_per_address": "0.5 burst 20",
        "limits.auth_failures_per_minute": 4,
    }
    observe = ["auth_failures_per_minute", "max_connections_per_address"]
    said = (
        "one address: up to 70 listeners; connects 0.5/s burst 20; commands 2,000/s burst 60,000"
        " (one listener 50/s burst 300); bytes of old events 4,194,304/s burst 33,554,432;"
        " a wait after 4 wrong keys in a minute"
    )
    assert f"{said}\n" in start_daemon(settings=settings).stderr
    observing = start_daemon(settings=settings | {"limits.observe": observe})
    assert f"{said}; only observed: {', '.join(observe)}\n" in observing.stderr


LIMITS = [
    ({"limits.max_connections_per_address": 2}, "address-connections", "max_connections_per_address"),
    ({"limits.connects_per_second_per_address": "1 burst 2"}, "address-connects", "connects_per_second_per_address"),
]


def test_who_finds_no_room_at_all_is_among_those_that_were_refused(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections": 1})
    with ExitStack() as stack:
        assert [listen_from(daemon, stack, address).status for address in ("198.51.100.7", VISITOR)] == [101, 503]
        assert addresses(daemon, "?sort=refusals&limit=1")["addresses"] == [
            row_of(daemon) | {"address": VISITOR, "refusals": {"at-capacity": 1}}
        ]


def test_who_asks_for_too_much_is_named_also_where_nothing_is_shared_out(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(
        settings={"limits.commands_per_second_per_connection": "1 burst 5", "limits.exempt_networks": [f"{VISITOR}/24"]}
    )
    with Link(daemon.port, X_Forwarded_For=VISITOR) as link:
        link.send(*['42["last-msg"]'] * 9)
        assert f"from {VISITOR}\n" in wait_for_line(daemon, "connection-commands:")
    assert row_of(daemon) == {}


@pytest.mark.parametrize(("settings", "reason", "limit"), LIMITS)
def test_what_is_over_a_limit_is_refused_and_named(
    start_daemon: StartDaemon, settings: dict[str, object], reason: str, limit: str
) -> None:
    daemon = start_daemon(settings=settings)
    with ExitStack() as stack:
        assert [listen_from(daemon, stack).status for _ in range(3)] == [101, 101, 429]
        assert listen_from(daemon, stack, "198.51.100.7").status == 101
        assert row_of(daemon) == {
            "address": VISITOR, "connections": 2, "listeners": 2, "commands": row_of(daemon)["commands"],
            "refusals": {reason: 1},
        }  # fmt: skip
        assert row_of(daemon, "198.51.100.7")["refusals"] == {}
    assert metrics(daemon.port)[f'oyez_refusals_total{{reason="{reason}"}}'] == 1
    line = wait_for_line(daemon, f"{reason}:")
    assert "WARNING" in line
    assert f"from {VISITOR}" in line


@pytest.mark.parametrize(("settings", "reason", "limit"), LIMITS)
def test_a_limit_that_observes_refuses_nothing_and_counts_all(
    start_daemon: StartDaemon, settings: dict[str, object], reason: str, limit: str
) -> None:
    daemon = start_daemon(settings=settings | {"limits.observe": [limit]})
    with ExitStack() as stack:
        assert [listen_from(daemon, stack).status for _ in range(4)] == [101] * 4
        assert row_of(daemon)["listeners"] == 4
        assert row_of(daemon)["refusals"] == {reason: 2}
    assert addresses(daemon)["observed"] == [reason, "address-sockets"][: 1 + (limit == LIMITS[0][2])]
    counted = metrics(daemon.port)
    assert counted[f'oyez_observed_total{{reason="{reason}"}}'] == 2
    assert f'oyez_refusals_total{{reason="{reason}"}}' not in counted
    assert f"from {VISITOR}" in wait_for_line(daemon, rf"{reason} \(only observed\):")


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("commands_per_second_per_connection", "connection-commands"),
        ("commands_per_second_per_address", "address-commands"),
    ],
)
def test_a_limit_of_commands_that_observes_holds_nobody_up(start_daemon: StartDaemon, limit: str, reason: str) -> None:
    daemon = start_daemon(settings={f"limits.{limit}": "1 burst 5", "limits.observe": [limit]})
    with Link(daemon.port, X_Forwarded_For=VISITOR) as link:
        for _ in range(50):  # the last of them would wait for most of a minute
            link.emit("last-msg")
            assert link.event()[0] == "last-response"
        assert row_of(daemon)["refusals"][reason] > 0
    counted = metrics(daemon.port)
    assert counted[f'oyez_observed_total{{reason="{reason}"}}'] > 0
    assert f'oyez_refusals_total{{reason="{reason}"}}' not in counted
    assert f"from {VISITOR}" in wait_for_line(daemon, rf"{reason} \(only observed\):")


def test_the_last_line_says_how_much_of_it_came_from_one(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections_per_address": 1})
    with ExitStack() as stack:
        for _ in range(5):
            listen_from(daemon, stack)
        for _ in range(3):
            listen_from(daemon, stack, "198.51.100.7")
        daemon.stop()
    wait_for_line(daemon, rf"address-connections: 5 more in \d+ s, 3 of them from {VISITOR}, 2 from 198.51.100.7;")


def test_addresses_are_sorted_by_what_is_asked(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections_per_address": 2})
    with ExitStack() as stack:
        for address, count in ((VISITOR, 2), ("198.51.100.7", 6), ("2001:db8::5", 1)):
            for _ in range(count):
                listen_from(daemon, stack, address)
        link = stack.enter_context(Link(daemon.port, X_Forwarded_For="2001:db8::6"))
        for _ in range(30):
            link.emit("last-msg")
            link.event()
        by_refusals, by_connections, by_commands = (
            [row["address"] for row in addresses(daemon, f"?sort={sort}")["addresses"]]
            for sort in ("refusals", "connections", "commands")
        )
        assert by_refusals[0] == "198.51.100.7"
        assert set(by_connections[:3]) == {VISITOR, "198.51.100.7", "2001:db8::/64"}
        assert by_commands[0] == "2001:db8::/64"
        assert row_of(daemon, "2001:db8::/64")["connections"] == 2
        assert len(addresses(daemon, "?limit=1")["addresses"]) == 1
    eventually(lambda: row_of(daemon)["connections"] == 0, "no connection left")


def test_whoever_shows_no_key_learns_nothing(daemon: Daemon) -> None:
    assert request(daemon.port, "GET", "/api/addresses").status == 401
    for query in ("?sort=x", "?limit=0", "?limit=1001", "?after=x"):
        assert call(daemon, "GET", f"addresses{query}").error == (400, "bad-request")


# --- whatever a peer did wrong ----------------------------------------------------------------------------------------


def break_frame(port: int) -> None:
    with WebSocket(port, "/event/", X_Forwarded_For=VISITOR) as link:
        link.raw(frame(1, b"{}", masked=False))
        link.rest()


def send_too_much(port: int) -> None:
    with WebSocket(port, "/event/", X_Forwarded_For=VISITOR) as link:
        link.raw(text_frame("x" * 20_000))
        link.rest()


def break_packet(port: int) -> None:
    with Link(port, X_Forwarded_For=VISITOR) as link:
        link.send("x")
        link.rest()


def ask_nonsense(port: int) -> None:
    with WebSocket(port, "/event/", X_Forwarded_For=VISITOR) as link:
        link.send("nonsense")
        link.receive()


def knock_at_no_session(port: int) -> None:
    assert request(port, "GET", "/socket.io/?EIO=4&transport=polling&sid=x", X_Forwarded_For=VISITOR).status == 400


def open_websocket_nowhere(port: int) -> None:
    with WebSocket(port, "/nowhere", X_Forwarded_For=VISITOR) as link:
        assert link.status == 404


def open_websocket_wrongly(port: int) -> None:
    with WebSocket(port, TARGET, X_Forwarded_For=VISITOR, Sec_WebSocket_Version="7") as link:
        assert link.status in (400, 426)


def poll_nothing(port: int) -> None:
    assert request(port, "GET", "/channels/", X_Forwarded_For=VISITOR).status == 400


def stream_nothing(port: int) -> None:
    assert request(port, "GET", "/sse", X_Forwarded_For=VISITOR).status == 400


def poll_twice(port: int) -> None:
    polling = Polling(port, X_Forwarded_For=VISITOR)
    first = polling.begin_get()  # kept, so that its connection is
    assert polling.get().status == 400
    first.drop()


def speak_no_http(port: int) -> None:
    link = dial(port)
    link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\nHost: y\r\n\r\n")
    read_to_end(link)


def ask_the_api_wrongly(port: int) -> None:
    assert request(port, "GET", "/api/nothing", X_Forwarded_For=VISITOR).status == 404


def show_a_wrong_key(port: int) -> None:
    assert request(port, "GET", "/api/last", Authorization="Bearer x", X_Forwarded_For=VISITOR).status == 401


def never_answer_a_ping(port: int) -> None:
    with WebSocket(port, "/event/", X_Forwarded_For=VISITOR) as link:
        link.rest()


Wrongs = dict[str, Callable[[int], None]]

# Of each reason only the first is logged at once, so what shares a reason needs a daemon each.
ROUNDS: list[Wrongs] = [
    {
        "bad-frame": break_frame,
        "too-big": send_too_much,
        "bad-packet": break_packet,
        "refused-command": ask_nonsense,
        "bad-handshake": knock_at_no_session,
        "bad-request": poll_nothing,
        "auth-failed": show_a_wrong_key,
        "ping-timeout": never_answer_a_ping,
    },
    {"bad-handshake": open_websocket_nowhere, "bad-request": stream_nothing},
    {"bad-handshake": open_websocket_wrongly, "bad-request": poll_twice},
    {"bad-request": speak_no_http},
    {"bad-request": ask_the_api_wrongly},
]


@pytest.mark.parametrize("wrongs", ROUNDS)
def test_every_line_names_the_address(start_daemon: StartDaemon, wrongs: Wrongs) -> None:
    daemon = start_daemon(settings={"websocket.ping_interval_s": 0.2, "websocket.ping_timeout_s": 0.1})
    for reason, do in wrongs.items():
        do(daemon.port)
        assert f"from {VISITOR}" in wait_for_line(daemon, f" {reason}:")


# --- proxies that name nobody -----------------------------------------------------------------------------------------

REAL_IP = "    proxy_set_header X-Real-IP $remote_addr;\n"
HIDING = "does not say for whom it asks"
FEW = {"limits.max_connections_per_address": 2}


@pytest.mark.parametrize("block", [UPGRADE, UPGRADE + REAL_IP, UPGRADE + "    proxy_set_header Host $host;"])
def test_a_proxy_that_names_nobody_is_told_of_once_and_nothing_is_shared_out(
    start_daemon: StartDaemon, tmp_path: Path, block: str
) -> None:
    daemon = start_daemon(settings=FEW)
    with Nginx(tmp_path, location("/event/", pass_to(daemon.port), block)) as nginx, ExitStack() as stack:
        links = [stack.enter_context(WebSocket(nginx.port, "/event/", Host="judge.example")) for _ in range(4)]
        assert [link.status for link in links] == [101] * 4
        answer = addresses(daemon)
    assert (answer["addresses"], answer["hiding_proxies"]) == (
        [],
        [{"address": "127.0.0.1", "trusted": True, "requests": 4}],
    )
    line = wait_for_line(daemon, HIDING)
    assert "WARNING" in line
    assert "127.0.0.1" in line
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in line
    assert "X-Real-IP is not believed" in line
    assert daemon.stderr.count(HIDING) == 1


def test_a_proxy_that_names_its_visitors_is_not_told_of(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon(settings=FEW)
    with Nginx(tmp_path, location("/event/", pass_to(daemon.port), UPGRADE, FORWARDED)) as nginx, ExitStack() as stack:
        # nginx adds 127.0.0.1, which is trusted too
        links = [stack.enter_context(WebSocket(nginx.port, "/event/", X_Forwarded_For=VISITOR)) for _ in range(3)]
        assert [link.status for link in links] == [101, 101, 429]
        assert addresses(daemon)["hiding_proxies"] == []
    assert HIDING not in daemon.stderr


def test_what_runs_on_this_machine_is_no_proxy(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    with ExitStack() as stack:
        stack.enter_context(WebSocket(daemon.port, "/event/"))
        stack.enter_context(listen(daemon.port, "x"))
        stack.enter_context(Sender(daemon.port)).post("x", 1)
        stack.enter_context(Stream(daemon.port, "/sse?channel=x"))
        assert request(daemon.port, "GET", "/channels/x?nowait=1").status == 200
        daemon.post("x", 2)
        assert addresses(daemon)["hiding_proxies"] == []
    assert "X-Forwarded-For" not in daemon.stderr
