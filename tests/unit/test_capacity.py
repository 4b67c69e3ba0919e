"""Do the limits leave room for what stands above them, and are complaints counted but not repeated?"""

import logging
import resource

import pytest

from oyez.access import capacity
from oyez.access.capacity import FailedAttempts, Notes, Seats, derive_capacity, raise_open_files
from tests.fakes import Clock


@pytest.mark.parametrize("open_files", [0, 64, 100, 256, 1024, 4096, 65_536, 2**20, 2**30])
def test_capacity_leaves_room_at_every_level(open_files: int) -> None:
    capacity = derive_capacity(open_files, 0)
    assert 0 < capacity.listeners < capacity.sessions < capacity.sockets
    assert capacity.sessions <= 100_000
    assert open_files < 100 or capacity.sockets <= open_files - 64


def test_capacity_obeys_the_setting_as_far_as_files_allow() -> None:
    assert derive_capacity(1024, 10).listeners == 10
    assert derive_capacity(1024, 10**6) == derive_capacity(1024, 0)


@pytest.mark.parametrize(
    ("soft", "hard", "effective"),
    [(1024, 4096, 4096), (4096, 4096, 4096), (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 200_000)],
)
def test_soft_limit_is_raised(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, effective: int) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: calls.append(pair))
    assert raise_open_files() == effective
    assert calls == ([] if soft == hard else [(hard, hard)])


def test_a_limit_that_cannot_be_raised_is_lived_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int, __: tuple[int, int]) -> None:
        raise ValueError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_open_files() == 256


def test_notes_are_all_counted_and_seldom_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(1000.0)
    note = Notes(clock)
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            note("bad-frame", "x" * 1000)
        note("other", "y")
        clock.now += 19.9
        note("bad-frame", "z")
        clock.now += 0.1
        note("bad-frame", "z")
        clock.now += 20
        note("bad-frame", "z")
    assert note.counts == {"bad-frame": 53, "other": 1}
    assert [record.getMessage() for record in caplog.records] == [
        "bad-frame: " + "x" * 200,
        "other: y",
        "bad-frame: z (50 more of this kind since the last line)",
        "bad-frame: z",
    ]


def test_notes_are_logged_from_the_first_second_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Notes(Clock(0.0))("bad-frame", "x")
    assert len(caplog.records) == 1


def test_a_note_says_who_it_was_and_asks_only_for_a_line(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def find_peer() -> str:
        asked.append("asked")
        return "203.0.113.9"

    note = Notes(Clock(1000.0))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            note("refused-command", "bad-command", find_peer)
    assert [record.getMessage() for record in caplog.records] == ["refused-command: bad-command, from 203.0.113.9"]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("reason", "level"), [("refused-command", "INFO"), ("bad-request", "INFO"), ("auth-failed", "WARNING")]
)
def test_a_visitors_slip_is_no_warning(caplog: pytest.LogCaptureFixture, reason: str, level: str) -> None:
    with caplog.at_level(logging.INFO):
        Notes()(reason, "x")
    assert [record.levelname for record in caplog.records] == [level]


def test_failures_are_free_up_to_the_limit_of_each_minute_and_address() -> None:
    clock = Clock()
    failures = FailedAttempts(3, clock)
    assert [failures.add("a") for _ in range(5)] == [False, False, False, True, True]
    assert failures.add("b") is False
    clock.now = 59.9
    assert failures.add("a") is True
    clock.now = 60
    assert failures.add("a") is False


def test_who_shows_the_right_key_takes_its_own_failures_back_and_no_others() -> None:
    failures = FailedAttempts(3, Clock())
    for _ in range(4):
        failures.add("a")
    failures.take_back("a", 2)
    assert [failures.add("a"), failures.add("a")] == [False, True]
    failures.take_back("a", 0)
    assert failures.add("a") is True
    failures.take_back("a", 99)
    assert failures.add("a") is False
    failures.take_back("unknown", 5)
    assert failures.add("unknown") is False


def test_addresses_are_not_remembered_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "_ADDRESSES_REMEMBERED", 2)
    failures = FailedAttempts(1, Clock())
    for address in ("a", "b", "a", "c"):  # b has been quiet for longest
        failures.add(address)
    assert failures.add("a") is True
    assert failures.add("b") is False


def test_seats_are_taken_one_by_one_until_none_is_left() -> None:
    seats = Seats(2)
    assert [seats.take() for _ in range(4)] == [True, True, False, False]
    assert (seats.taken, seats.size) == (2, 2)
    seats.free()
    assert [seats.take(), seats.take()] == [True, False]


def test_where_there_are_no_seats_nobody_takes_one() -> None:
    seats = Seats(0)
    assert not seats.take()
    assert seats.taken == 0
