"""Does guessing at keys take time at every door, and does nobody pay for it who has the right one?"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from threading import Thread

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.dialects import RawPoster
from tests.integration.links import Link, eventually, metrics
from tests.raw import Answer, Call, request

FREE = 3
SETTINGS = {"limits.auth_failures_per_minute": FREE}
TOO_MANY = "Too many wrong keys from this address; try again later"

_hosts = count(1)

By = dict[str, str]
"""The header that says where a request comes from; none: this machine, by proof."""

LOCAL: By = {}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that bears few wrong keys, behind a proxy: each test guesses from an address of its own."""
    with Daemon(tmp_path_factory.mktemp("strict"), settings=SETTINGS) as daemon:
        yield daemon


@pytest.fixture
def guesser() -> By:
    return next_guesser()


def next_guesser() -> By:
    return {"X_Forwarded_For": f"203.0.113.{next(_hosts)}"}


def ask(daemon: Daemon, key: str, by: By) -> Answer:
    return request(daemon.port, "GET", "/api/last", Authorization=f"Bearer {key}", **by)


def exhaust(daemon: Daemon, by: By) -> None:
    """Show wrong keys until the address has to wait for a second."""
    assert [ask(daemon, "guess", by).status for _ in range(FREE)] == [401] * FREE
    refused = ask(daemon, "guess", by)
    assert (refused.status, refused.headers["retry-after"], refused.headers["connection"]) == (429, "1", "close")
    assert json.loads(refused.body)["code"] == "too-many-failures"


def counts(daemon: Daemon) -> tuple[float, float]:
    """Return how many keys were wrong, and how many were shown during a wait."""
    found = metrics(daemon.port)
    failed, waited = (
        found.get(f'oyez_refusals_total{{reason="{reason}"}}', 0) for reason in ("auth-failed", "auth-wait")
    )
    return failed, waited


def by_socketio(daemon: Daemon, key: str, by: By) -> bool:
    with Link(daemon.port, {"role": "sender", "token": key}, receive_buffer=None, **by) as link:
        assert link.connected.startswith('40{"sid":') or link.connected == '44{"message":"Authentication failed"}'
        return link.connected.startswith("40")


def by_raw_websocket(daemon: Daemon, key: str, by: By) -> bool:
    with RawPoster(daemon.port, key=None, **by) as poster:
        answer = poster.ask("auth", key=key)
        assert answer.get("code", "auth-failed") == "auth-failed"
        return bool(answer["status"] == "success")


def by_api(daemon: Daemon, key: str, by: By) -> bool:
    answer = ask(daemon, key, by)
    assert answer.status in (200, 429)
    return answer.status == 200


Shows = Callable[[Daemon, str, By], bool]
DOORS = pytest.mark.parametrize("shows", [by_socketio, by_raw_websocket, by_api])


@DOORS
def test_a_key_that_is_shown_during_a_wait_is_answered_after_it(strict: Daemon, guesser: By, shows: Shows) -> None:
    exhaust(strict, guesser)
    failed, waited = counts(strict)
    assert shows(strict, strict.key, guesser)
    ask(strict, "guess", guesser)  # the wait is over: this one is judged at once, and begins one of 2 s
    assert not shows(strict, "guess", guesser)
    assert counts(strict) == (failed + 2, waited + 2)


@DOORS
def test_who_is_proved_to_be_local_waits_for_nobody(start_daemon: StartDaemon, shows: Shows) -> None:
    daemon = start_daemon(settings=SETTINGS)
    exhaust(daemon, LOCAL)
    assert shows(daemon, daemon.key, LOCAL)
    assert counts(daemon) == (FREE + 1, 0)


def test_others_do_not_wait_and_the_log_names_the_guesser(start_daemon: StartDaemon) -> None:
    daemon, guesser, other = start_daemon(settings=SETTINGS), {"X_Forwarded_For": "2001:db8::9"}, "2001:db8:0:1::9"
    exhaust(daemon, guesser)
    assert ask(daemon, "guess", {"X_Forwarded_For": other}).status == 401
    assert ask(daemon, daemon.key, {"X_Forwarded_For": other}).status == 200
    assert counts(daemon) == (FREE + 2, 0)
    daemon.stop()
    assert "auth-failed: wrong key, from 2001:db8::9" in daemon.stderr
    assert "auth-failed: 4 more in" in daemon.stderr
    assert "3 of them from 2001:db8::/64" in daemon.stderr


def test_parallel_guesses_are_put_off_and_whoever_is_local_is_not(strict: Daemon, guesser: By) -> None:
    exhaust(strict, guesser)
    ask(strict, "guess", guesser)
    failed, waited = counts(strict)
    calls = [Call(strict.port, "GET", "/api/last", Authorization=f"Bearer {n}", **guesser) for n in range(40)]
    answers: list[Answer] = []
    threads = [Thread(target=lambda call=call: answers.append(call.answer())) for call in calls]
    for thread in threads:
        thread.start()
    assert ask(strict, strict.key, LOCAL).status == 200
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {429}
    codes = Counter(json.loads(answer.body)["code"] for answer in answers)
    assert codes == {"too-many-failures": 10, "address-waits": 30}
    assert {answer.headers["retry-after"] for answer in answers} <= {"1", "2", "4"}
    assert counts(strict) == (failed + 10, waited + 40)  # no more than ten were judged


def test_who_is_put_off_is_told_so_at_the_other_doors_too(strict: Daemon) -> None:
    told: set[str] = set()
    while told != {"link", "poster"}:  # who waits is drawn by lot, so either may have to be asked again
        guesser = next_guesser()  # each wait of an address is twice as long as the one before
        exhaust(strict, guesser)
        ask(strict, "guess", guesser)
        _, waited = counts(strict)
        calls = [Call(strict.port, "GET", "/api/last", Authorization="Bearer x", **guesser) for _ in range(60)]
        eventually(lambda waited=waited: counts(strict)[1] == waited + 60, "sixty who want to wait")  # type: ignore[misc]
        with (
            Link(strict.port, receive_buffer=None, **guesser) as link,
            RawPoster(strict.port, key=None, **guesser) as poster,
        ):
            link.send("41", f'40{{"role":"sender","token":"{strict.key}"}}')
            poster.command("auth", key=strict.key)
            if (said := link.receive()) == f'44{{"message":"{TOO_MANY}"}}':
                assert link.close_code() == 1005
                told.add("link")
            else:
                assert str(said).startswith("40")
            if (answer := poster.value())["status"] == "error":
                assert answer == {"status": "error", "code": "address-waits", "message": TOO_MANY}
                assert poster.close_code() == 1008
                told.add("poster")
        for call in calls:
            call.drop()


def test_who_asks_too_much_cannot_tell_the_right_key_by_who_is_put_off(start_daemon: StartDaemon, guesser: By) -> None:
    daemon = start_daemon(settings=SETTINGS | {"limits.commands_per_second_per_address": "0.5 burst 5"})
    while request(daemon.port, "GET", "/healthz", **guesser).status != 429:
        pass
    exhaust(daemon, guesser)
    assert ask(daemon, daemon.key, guesser).status == 200
    assert request(daemon.port, "GET", "/api/nothing", Authorization="Bearer x", **guesser).status == 429
    failed, _ = counts(daemon)
    assert failed == FREE + 1


def test_who_goes_away_makes_room_for_others(strict: Daemon, guesser: By) -> None:
    exhaust(strict, guesser)
    ask(strict, "guess", guesser)
    failed, waited = counts(strict)
    for _ in range(10):
        Call(strict.port, "GET", "/api/last", Authorization="Bearer x", **guesser).drop()
    for _ in range(10):
        with RawPoster(strict.port, key=None, **guesser) as poster:
            poster.command("auth", key="x")
    eventually(lambda: metrics(strict.port)["oyez_sessions"] == 0, "end of the links")
    assert ask(strict, strict.key, guesser).status == 200
    assert counts(strict) == (failed, waited + 21)


def test_the_body_of_a_request_that_waited_is_read_as_it_came(strict: Daemon, guesser: By) -> None:
    exhaust(strict, guesser)
    for size in (10, 300_000):
        body = json.dumps({"channel": "x", "message": "y" * size})
        answer = request(strict.port, "POST", "/api/publish", body, Authorization=f"Bearer {strict.key}", **guesser)
        assert answer.status == 200
        ask(strict, "guess", guesser)


def test_a_raw_poster_that_does_not_wait_for_its_answer_is_refused_what_it_asks_meanwhile(
    strict: Daemon, guesser: By
) -> None:
    exhaust(strict, guesser)
    with RawPoster(strict.port, key=None, **guesser) as poster:
        poster.command("auth", key=strict.key)
        poster.command("post", channel="x")
        poster.command("auth", key=strict.key)
        assert poster.value() == {"status": "success"}
        assert [poster.value()["code"] for _ in range(2)] == ["unauthorized", "address-waits"]
        poster.post("x", 1)


@pytest.mark.slow
def test_the_stop_waits_for_nobody_who_waits(start_daemon: StartDaemon, guesser: By) -> None:
    daemon = start_daemon(settings=SETTINGS)
    exhaust(daemon, guesser)
    for _ in range(3):
        ask(daemon, "guess", guesser)  # it waits for 8 s then
    waiting = Call(daemon.port, "GET", "/api/last", Authorization="Bearer guess", **guesser)
    with (
        RawPoster(daemon.port, key=None, **guesser) as poster,
        Link(daemon.port, receive_buffer=None, **guesser) as link,
    ):
        poster.command("auth", key="guess")
        link.send("41")
        link.send('40{"role":"sender","token":"guess"}')
        eventually(lambda: counts(daemon)[1] >= 6, "their wait")
        assert daemon.stop(within_s=6) == 0
    waiting.drop()


def test_observed_only_nobody_waits(start_daemon: StartDaemon, guesser: By) -> None:
    daemon = start_daemon(settings=SETTINGS | {"limits.observe": ["auth_failures_per_minute"]})
    exhaust(daemon, guesser)
    assert ask(daemon, daemon.key, guesser).status == 200
    assert counts(daemon) == (FREE + 1, 0)
    assert metrics(daemon.port)['oyez_observed_total{reason="auth-wait"}'] == 1
