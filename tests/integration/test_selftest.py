"""Does `oyez selftest` pass against Oyez and against every server that keeps the contract, and against no other?"""

import json
import re
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oyez.contract.findings import Door
from tests.clients.contract_peer import ContractPeer
from tests.command import NOWHERE, OYEZ, Done, Running, oyez
from tests.conftest import StartDaemon
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.integration.links import metrics
from tests.integration.test_nginx import DOORS, port_of
from tests.nginx import Nginx, lqdoj
from tests.peer import always, answer, peers
from tests.raw import request
from tests.sandbox import environment
from tests.terminal import Terminal

pytestmark = pytest.mark.slow

SOCKETIO = ("--only", "socketio", "--only", "polling", "--only", "upgrade")

Check = dict[str, Any]


class Run:
    """One run of the command, with ``--json``."""

    def __init__(self, url: str, *arguments: str, key: str = KEY) -> None:
        named = ("--key", key) if key else ()
        done = oyez("selftest", url, "--json", *named, *arguments)
        assert done.stderr == ""
        self.code = done.returncode
        self.text = done.stdout
        self.report = json.loads(done.stdout)
        self.checks: list[Check] = self.report["checks"]

    def codes(self, outcome: str) -> set[str]:
        return {check["code"] for check in self.checks if check["outcome"] == outcome}

    def reasons(self, outcome: str) -> set[str]:
        return {check["reason"] for check in self.checks if check["outcome"] == outcome}

    def doors(self, outcome: str) -> set[str]:
        return {check["door"] for check in self.checks if check["outcome"] == outcome}

    def assert_passed(self) -> None:
        failed = [check for check in self.checks if check["outcome"] == "failed"]
        assert failed == []
        assert (self.code, self.report["ok"]) == (0, True)


def plain(*arguments: str) -> Done:
    return oyez("selftest", *arguments)


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with all its addresses, that makes nobody wait for long."""
    quick = {"http.long_poll_timeout_s": 0.5, "http.stream_heartbeat_s": 0.5, "limits.auth_failures_per_minute": 1000}
    settings = DOORS | quick
    with Daemon(tmp_path_factory.mktemp("selftest"), settings=settings) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def shared_peer() -> Iterator[ContractPeer]:
    with ContractPeer() as peer:
        yield peer


@pytest.fixture
def contract_peer(shared_peer: ContractPeer) -> Iterator[ContractPeer]:
    """A server that keeps the contract until it is told to break one promise of it."""
    yield shared_peer
    shared_peer.break_promise("")


@pytest.fixture(scope="module")
def strict_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Run]]:
    """A daemon that bears few wrong keys, after a run over all its doors."""
    with Daemon(tmp_path_factory.mktemp("strict"), settings={"limits.auth_failures_per_minute": 3}) as daemon:
        yield daemon, Run(daemon.url)


# --- Oyez -------------------------------------------------------------------------------------------------------------


def test_oyez_passes_every_check_on_its_main_port(open_house: Daemon) -> None:
    run = Run(open_house.url, "--slow")
    run.assert_passed()
    assert run.codes("ok") == {check["code"] for check in run.checks}
    assert run.doors("ok") == set(Door)
    assert run.report["counts"] == {"ok": len(run.checks), "failed": 0, "skipped": 0, "not-offered": 0}


def test_oyez_passes_on_its_other_addresses(open_house: Daemon) -> None:
    post_url = f"ws://127.0.0.1:{port_of(open_house, 'posters')}"
    poll_url = f"http://127.0.0.1:{port_of(open_house, 'long polls')}"
    urls = ("--post-url", post_url, "--poll-url", poll_url)
    run = Run(open_house.url, *urls, "--only", "post", "--only", "long-poll", "--only", "across")
    run.assert_passed()
    assert run.codes("not-offered") == {"post.key-needed"}
    keyless = Run(open_house.url, *urls, "--only", "post", "--only", "websocket", key="")
    keyless.assert_passed()
    assert keyless.codes("skipped") == set()


def test_oyez_passes_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    daemon = Running(
        "serve", "--uds", str(path), "--key", KEY, "--broker", "memory://", env={}, stdout=subprocess.DEVNULL
    )
    try:
        daemon.lines.wait_until(lambda: any("listening on unix:" in line for line in daemon.lines.of("err")), "daemon")
        Run(f"http+unix://{path}").assert_passed()
    finally:
        daemon.process.kill()
        daemon.end()


def test_doors_below_socketio_are_found_where_a_site_passes_on_nothing_else(open_house: Daemon, tmp_path: Path) -> None:
    with Nginx(tmp_path, lqdoj(open_house.port)) as nginx:
        run = Run(nginx.url, "--only", "sse", "--only", "websocket", "--only", "long-poll")
    run.assert_passed()
    assert {"sse.opens", "sse.delivered", "websocket.opens", "long-poll.opens", "long-poll.goes-on"} <= run.codes("ok")
    assert run.codes("not-offered") == set()


def test_a_run_leaves_nothing_behind_but_channels_of_its_own(strict_house: tuple[Daemon, Run]) -> None:
    daemon, _ = strict_house
    request = urllib.request.Request(
        f"{daemon.url}/api/channels?limit=1000", headers={"Authorization": f"Bearer {KEY}"}
    )
    with urllib.request.urlopen(request) as page:
        names = [channel["name"] for channel in json.load(page)["channels"]]
    assert len({re.fullmatch(r"(oyez-selftest-[0-9a-f]{12})-[0-9]+x*", name)[1] for name in names}) == 1  # type: ignore[index]
    deadline = time.monotonic() + PATIENCE_S
    while open_sessions(daemon):
        assert time.monotonic() < deadline


def open_sessions(daemon: Daemon) -> float:
    with urllib.request.urlopen(f"{daemon.url}/metrics") as page:
        found = re.search(r"^oyez_sessions ([0-9.]+)$", page.read().decode(), re.MULTILINE)
    assert found
    return float(found[1])


def test_wrong_keys_of_earlier_runs_are_not_held_against_the_daemon(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.auth_failures_per_minute": 1})
    Run(daemon.url, "--only", "socketio", "--only", "polling", "--only", "post", "--only", "api").assert_passed()


def test_a_run_leaves_its_own_address_room_for_others_mistakes(strict_house: tuple[Daemon, Run]) -> None:
    """Three wrong keys in a minute are few; a run over every door shows more, and takes back what it can."""
    daemon, run = strict_house
    run.assert_passed()
    assert metrics(daemon.port)['oyez_refusals_total{reason="auth-failed"}'] > 3
    assert request(daemon.port, "GET", "/api/last", Authorization="Bearer wrong").status == 401


def test_limits_of_its_own_are_no_failure(start_daemon: StartDaemon) -> None:
    limits = {"max_subscriptions": 12, "max_channel_length": 150, "max_receiver_message_bytes": 20_000}
    settings = {f"limits.{name}": value for name, value in limits.items()} | {"history.replay_without_start": 0}
    run = Run(start_daemon(settings=settings).url, "--only", "socketio", "--only", "long-poll")
    run.assert_passed()
    assert run.codes("not-offered") == {"socketio.replays-without-start", "long-poll.begins-without-id"}


# --- the key ----------------------------------------------------------------------------------------------------------


def test_without_a_key_posting_is_skipped_and_the_rest_decides(open_house: Daemon) -> None:
    run = Run(open_house.url, key="")
    run.assert_passed()
    assert {"socketio.post-acknowledged", "api.publish", "across.from-api", "sse.delivered"} <= run.codes("skipped")
    assert {"socketio.refuses-wrong-key", "websocket.refuses-bad-filter", "sse.gap"} <= run.codes("ok")
    assert run.reasons("skipped") == {"posting needs --key", "it takes long: --slow"}
    assert (
        plain(open_house.url, "--only", "api")
        .stdout.splitlines()[-1]
        .endswith("Nothing failed; of what was skipped nothing is known.")
    )


def test_wrong_key_fails_and_what_depends_on_it_is_skipped(open_house: Daemon) -> None:
    run = Run(open_house.url, "--only", "socketio", "--only", "websocket", key="another key")
    assert run.code == 1
    assert run.codes("failed") == {"socketio.sender-joins"}
    assert {"socketio.sender-joins has to hold first", "no door lets this run post"} == run.reasons("skipped")
    assert "another key" not in run.text


# --- servers that keep the contract, and servers that do not ----------------------------------------------------------


def test_every_server_that_keeps_the_contract_passes(contract_peer: ContractPeer) -> None:
    run = Run(contract_peer.url, *SOCKETIO)
    run.assert_passed()
    extensions = {"large-posts", "recovered", "gap", "filter-again-no-doubles"}
    assert run.codes("not-offered") == {f"{door}.{name}" for door in ("socketio", "polling") for name in extensions}
    assert run.codes("skipped") == set()


def test_doors_that_are_not_there_are_named_and_no_failure(contract_peer: ContractPeer) -> None:
    run = Run(contract_peer.url)
    run.assert_passed()
    absent = {"websocket.opens", "post.opens", "long-poll.opens", "sse.opens", "api.opens"}
    assert absent | {"status.healthz", "status.metrics", "across.from-api"} <= run.codes("not-offered")
    per_door = Counter(check["door"] for check in run.checks)
    assert [per_door[code.partition(".")[0]] for code in sorted(absent)] == [1] * len(absent)
    assert {"across.from-socketio", "across.from-polling"} <= run.codes("ok")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("no-acks", "post-acknowledged"),
        ("acks-as-events", "post-acknowledged"),
        ("other-words", "refuses-no-filter"),
        ("any-key", "refuses-wrong-key"),
        ("newest-first", "catch-up-in-order"),
        ("replay-loses-one", "catch-up-in-order"),
        ("replay-before-status", "catch-up-in-order"),
        ("replay-doubles", "catch-up-no-doubles"),
        ("live-doubles", "delivered"),
        ("ids-as-text", "post-acknowledged"),
        ("no-message-key", "message-unchanged"),
        ("all-channels", "only-followed-channels"),
    ],
)
def test_a_broken_promise_is_named(contract_peer: ContractPeer, fault: str, code: str) -> None:
    contract_peer.break_promise(fault)
    run = Run(contract_peer.url, "--only", "socketio")
    assert (run.code, run.report["ok"]) == (1, False)
    failed = [check for check in run.checks if check["outcome"] == "failed"]
    assert failed[0]["code"] == f"socketio.{code}"
    assert failed[0]["expected"]
    assert failed[0]["came"]
    assert len(failed) <= 2, "one fault should not be told again and again"


def test_a_door_that_was_named_has_to_be_there(open_house: Daemon) -> None:
    away = f"http://127.0.0.1:{port_of(open_house, 'posters')}"
    assert Run(open_house.url, "--only", "long-poll", "--poll-url", away).codes("failed") == {"long-poll.opens"}
    away = f"http://127.0.0.1:{port_of(open_house, 'long polls')}"
    assert Run(open_house.url, "--only", "post", "--post-url", away).codes("failed") == {"post.opens"}


def test_what_is_no_daemon_does_not_pass() -> None:
    with peers() as start:
        done = plain(start(always(answer(b"It works!"))).url)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].endswith("Nothing could be checked: is this the address of an event daemon?")


def test_every_door_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text("utf-8")
    rows = re.search(r"^\| door \|.*\n\|[ -|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert rows
    assert set(re.findall(r"`([a-z-]+)`", "".join(row.split("|")[1] for row in rows[1].splitlines()))) == set(Door)


# --- how it ends, and what it shows -----------------------------------------------------------------------------------


def test_nobody_there_is_exit_code_3(own_daemon: Daemon) -> None:
    done = plain(NOWHERE)
    assert (done.returncode, done.stdout) == (3, "")
    assert "nothing listens on 127.0.0.1:1" in done.stderr
    assert plain(own_daemon.url, "--post-url", NOWHERE).returncode == 3
    own_daemon.suspend()
    done = plain(own_daemon.url)
    own_daemon.resume()
    assert (done.returncode, done.stdout) == (3, "")
    assert "did not answer" in done.stderr


@pytest.mark.parametrize("arguments", [["--only", "window"], ["--key", "a\nb"], ["gopher://a.example"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    done = plain(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_lines_in_a_pipe(contract_peer: ContractPeer) -> None:
    done = plain(contract_peer.url, "--key", "another key", *SOCKETIO[:2])
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"ok +socketio\.opens +A session opens.*  [0-9.]+ ms", lines[0])
    place = next(number for number, line in enumerate(lines) if line.startswith("failed "))
    assert re.fullmatch(r"failed +socketio\.sender-joins .*  [0-9.]+ ms", lines[place])
    assert re.fullmatch(r' +expected +40\{"sid":…\}', lines[place + 1])
    assert re.fullmatch(r' +came +44\{"message":"Authentication failed"\}', lines[place + 2])
    assert re.search(
        r"^skipped +socketio\.post-acknowledged .*\(socketio\.sender-joins has to hold", done.stdout, re.MULTILINE
    )
    assert re.fullmatch(r"\d+ ok, 1 failed, \d+ skipped, 1 not-offered, in [0-9.]+ s", lines[-1])
    assert "\x1b" not in done.stdout


def test_tables_on_a_terminal(open_house: Daemon) -> None:
    command = [*OYEZ, "selftest", open_house.url, "--only", "api", "--only", "status"]
    with Terminal(command, environment()) as terminal:
        assert terminal.end() == 0
        shown = terminal.text
    assert "HTTP API" in shown
    assert re.search(r"ok +api\.opens +Without the key the API tells nothing", shown)
    assert re.search(r"skipped +10 checks +posting needs --key", shown)
    assert shown.index("HTTP API") < shown.index("health and metrics") < shown.index("6 ok, 10 skipped")


def test_interrupt_ends_the_run(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    command = [*OYEZ, "selftest", daemon.url, "--key", KEY, "--only", "long-poll", "--slow"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True)
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("ok           long-poll.nowait"):
            break  # the next takes half a minute
    run.send_signal(signal.SIGINT)
    _, complaint = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 130
    assert "Traceback" not in complaint
