"""Is a poster judged, noted and counted in the same way, whatever door it comes by?"""

from oyez.access.failures import FailedAttempts
from oyez.access.ip_addresses import parse_address
from oyez.access.keys import PostPolicy
from oyez.access.peer import Peer
from oyez.access.poster_check import Admission, PosterCheck
from oyez.notes import Notes
from tests.fakes import Clock

HERE, ELSEWHERE = Peer(parse_address("192.0.2.1")), Peer(parse_address("192.0.2.2"))


def check(key: str = "key", *, free: int = 2) -> tuple[PosterCheck, Notes]:
    notes = Notes(Clock())
    return PosterCheck(PostPolicy(key), FailedAttempts(free, Clock()), notes), notes


def test_who_fails_too_often_is_cut_off_and_all_are_noted() -> None:
    one, notes = check()
    found = [one.judge("wrong", HERE) for _ in range(3)]
    assert found == [Admission.REFUSED, Admission.REFUSED, Admission.CUT_OFF]
    assert one.judge(None, ELSEWHERE) is Admission.REFUSED
    assert notes.counts == {"auth-failed": 4}


def test_the_right_key_is_taken_whatever_others_did_at_the_same_address() -> None:
    one, notes = check()
    for _ in range(9):
        one.judge("wrong", HERE)
    assert one.judge("key", HERE) is Admission.GRANTED
    assert one.judge("wrong", HERE) is Admission.CUT_OFF
    assert notes.counts == {"auth-failed": 10}


def test_who_finds_the_right_key_on_the_same_connection_was_not_guessing() -> None:
    one, _ = check()
    for _ in range(3):
        one.judge("wrong", HERE)
    assert one.judge("key", HERE, failed_before=3) is Admission.GRANTED
    assert one.judge("wrong", HERE) is Admission.REFUSED


def test_without_a_key_nobody_is_let_in() -> None:
    one, _ = check("")
    assert not one.has_key
    assert one.judge("", HERE) is Admission.REFUSED
    assert check()[0].has_key
