"""Are complaints counted, but not repeated in the log, and does it name who was behind most of them?"""

import logging
from collections.abc import Iterator

import pytest

from oyez.access.ip_addresses import parse_address
from oyez.access.peer import FindPeer, Peer
from oyez.notes import Notes
from tests.fakes import Clock


@pytest.fixture(autouse=True)
def _logs_all(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO):
        yield


def peer(address: str) -> Peer:
    return Peer(parse_address(address))


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_notes_are_all_counted_and_seldom_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(1000.0)
    note = Notes(clock)
    for _ in range(50):
        note("bad-frame", "x" * 1000)
    note("other", "y")
    clock.now += 19.9
    note("bad-frame", "z")
    assert lines(caplog) == ["bad-frame: " + "x" * 200, "other: y"]
    clock.now += 0.1
    note("bad-frame", "last")
    assert lines(caplog) == ["bad-frame: 51 more in 20 s; the last: last"]
    clock.now += 20
    note("bad-frame", "z")
    assert lines(caplog) == ["bad-frame: 1 more in 20 s; the last: z"]
    assert note.counts == {"bad-frame": 53, "other": 1}


def test_an_interval_is_told_though_nothing_more_comes(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(0.0)
    note = Notes(clock)
    note("bad-frame", "x")
    note("bad-frame", "y")
    clock.now = 19.9
    note.tell_what_is_due()
    assert lines(caplog) == ["bad-frame: x"]
    clock.now = 20.0
    note.tell_what_is_due()
    assert lines(caplog) == ["bad-frame: 1 more in 20 s; the last: y"]


def test_after_a_quiet_interval_the_next_is_logged_at_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(0.0)
    note = Notes(clock)
    note("bad-frame", "x")
    for _ in range(2):
        clock.now += 20
        note.tell_what_is_due()
    note("bad-frame", "y", peer("203.0.113.9"))
    assert lines(caplog) == ["bad-frame: x", "bad-frame: y, from 203.0.113.9"]


def test_the_worst_address_of_an_interval_is_named_with_its_count(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(0.0)
    note = Notes(clock)
    note("at-capacity", "a session", peer("192.0.2.1"))
    for number in range(1234):
        note("at-capacity", "a session", peer("192.0.2.2" if number % 100 == 0 else "203.0.113.9"))
    clock.now = 20.0
    note.tell_what_is_due()
    assert lines(caplog)[1:] == ["at-capacity: 1,234 more in 20 s, 1,221 of them from 203.0.113.9; the last: a session"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "1 more in 20 s, from 203.0.113.9"),
        (["203.0.113.9"], "2 more in 20 s, all from 203.0.113.9"),
        (["192.0.2.1", "203.0.113.9"], "3 more in 20 s, 2 of them from 203.0.113.9"),
        (
            ["203.0.113.9"] * 39 + ["192.0.2.7"] * 5 + ["192.0.2.9"] * 30 + ["192.0.2.8"] * 4 + ["192.0.2.10"] * 20,
            "99 more in 20 s, 40 of them from 203.0.113.9, 30 from 192.0.2.9, 20 from 192.0.2.10",
        ),
        (
            ["203.0.113.9"] * 39 + ["192.0.2.7"] * 5 + ["192.0.2.8"] * 4,
            "49 more in 20 s, 40 of them from 203.0.113.9, 5 from 192.0.2.7",
        ),
    ],
)
def test_an_interval_says_how_much_came_from_one(caplog: pytest.LogCaptureFixture, more: list[str], words: str) -> None:
    clock = Clock(0.0)
    note = Notes(clock)
    for address in ("198.51.100.1", "203.0.113.9", *more):
        note("bad-packet", "x", peer(address))
    clock.now = 20.0
    note.tell_what_is_due()
    assert lines(caplog)[1:] == [f"bad-packet: {words}; the last: x"]


def test_addresses_of_one_host_count_together(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(0.0)
    note = Notes(clock)
    for number in range(100):
        note("bad-packet", "x", peer(f"2001:db8:0:1::{number:x}"))
    clock.now = 20.0
    note.tell_what_is_due()
    assert lines(caplog)[1:] == ["bad-packet: 99 more in 20 s, all from 2001:db8:0:1::/64; the last: x"]


def test_among_any_number_of_addresses_the_worst_is_found_and_blamed_for_no_more_than_it_did(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock(0.0)
    note = Notes(clock)
    for number in range(20_000):
        note("at-capacity", "x", peer(f"10.{number >> 8}.{number & 255}.1" if number % 5 else "203.0.113.9"))
    interval = note._intervals["at-capacity"]  # what it holds is the point
    assert len(interval._hosts) <= 64
    clock.now = 20.0
    note.tell_what_is_due()
    (line,) = lines(caplog)[1:]
    words, _, rest = line.partition(" of them from 203.0.113.9")
    named = int(words.rpartition("at least ")[2].replace(",", ""))
    assert rest
    assert 4000 - 20_000 // 65 <= named <= 4000


def test_many_addresses_with_one_each_are_nobodys_blame(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(0.0)
    note = Notes(clock)
    for number in range(66):
        note("at-capacity", "x", peer(f"10.0.{number}.1"))
    clock.now = 20.0
    note.tell_what_is_due()
    assert lines(caplog)[1:] == ["at-capacity: 65 more in 20 s, from many addresses; the last: x"]


def test_who_cannot_be_told_is_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(0.0)
    note = Notes(clock)
    hidden = Peer(parse_address("127.0.0.1"), named=False)
    for _ in range(3):
        note("bad-packet", "x", hidden)
    clock.now = 20.0
    note.tell_what_is_due()
    assert lines(caplog) == [
        "bad-packet: x, from somebody behind 127.0.0.1",
        "bad-packet: 2 more in 20 s, all from where no address can be told; the last: x",
    ]


def test_a_peer_may_be_found_out_by_the_note(caplog: pytest.LogCaptureFixture) -> None:
    find_peer: FindPeer = lambda: peer("203.0.113.9")  # noqa: E731
    Notes(Clock())("refused-command", "bad-command", find_peer)
    assert lines(caplog) == ["refused-command: bad-command, from 203.0.113.9"]


def test_what_is_only_observed_is_counted_and_logged_apart(caplog: pytest.LogCaptureFixture) -> None:
    note = Notes(Clock())
    note.observe("address-connects", "a session", peer("203.0.113.9"))
    note("address-connects", "a session", peer("203.0.113.9"))
    assert (note.observed, note.counts) == ({"address-connects": 1}, {"address-connects": 1})
    assert lines(caplog) == [
        "address-connects (only observed): a session, from 203.0.113.9",
        "address-connects: a session, from 203.0.113.9",
    ]


@pytest.mark.parametrize(
    ("reason", "level"), [("refused-command", "INFO"), ("bad-request", "INFO"), ("auth-failed", "WARNING")]
)
def test_a_visitors_slip_is_no_warning(caplog: pytest.LogCaptureFixture, reason: str, level: str) -> None:
    Notes()(reason, "x")
    assert [record.levelname for record in caplog.records] == [level]
