"""Is a poster judged, noted and counted in the same way, whatever door it comes by, and does guessing take time?"""

import random
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from oyez.access.enforcement import Enforcement
from oyez.access.failures import FailedAttempts
from oyez.access.ip_addresses import parse_networks
from oyez.access.keys import KeyHolder, PostPolicy, make_keys
from oyez.access.peer import Peer, Proxy
from oyez.access.poster_check import Denial, HeldAttempt, PosterCheck
from oyez.access.settings import KeySettings
from oyez.access.shares import Shares
from oyez.limits import LimitSettings
from oyez.notes import Notes
from tests.fakes import Clock, Waits

DOUBT = "it came over the network, not over loopback"
Names = tuple[str, ...]

HERE, ELSEWHERE = Peer(ip_address("192.0.2.1"), doubt=DOUBT), Peer(ip_address("192.0.2.2"), doubt=DOUBT)
NEIGHBOUR, SAME_HOST = Peer(ip_address("2001:db8:0:2::1")), Peer(ip_address("2001:db8:0:1::9"), doubt=DOUBT)
LOCAL = Peer(ip_address("192.0.2.1"))

OTHERS = (
    KeySettings("bridge", "key of the bridge", may_post=("sub_*",)),
    KeySettings("site", "old key of the site"),
    KeySettings("site", "new key of the site", from_=("198.51.100.0/24",)),
)


class Gate:
    """A check of two free failures, whose time is in the test's hands."""

    def __init__(
        self,
        *,
        key: str = "key",
        senders: Names = (),
        exempt: Names = (),
        observe: Names = (),
        draw: Callable[[int], int] = lambda number: number - 1,  # who comes too late draws no place
    ) -> None:
        self.clock = Clock()
        self.notes = Notes(self.clock)
        self.waits = Waits(self.clock)
        self.failures = FailedAttempts(2, self.clock)
        self.shares = Shares(LimitSettings(), (), self.clock)
        self.check = PosterCheck(
            PostPolicy(make_keys(key, OTHERS if key else ()), parse_networks(senders)),
            self.failures,
            Enforcement(LimitSettings(observe=observe), self.notes, self.notes.observe),
            self.waits,
            find_share=self.shares.of_peer,
            exempt_networks=parse_networks(exempt),
            draw=draw,
        )

    def guess(self, peer: Peer = HERE, count: int = 3) -> list[object]:
        return [self.check.judge("wrong", peer) for _ in range(count)]

    def hold(self, token: str, peer: Peer = HERE) -> list[object]:
        """Show a key that has to wait; what is answered is in the list, when it is."""
        answers: list[object] = []
        held = self.check.judge(token, peer)
        assert isinstance(held, HeldAttempt)
        held.then(answers.append)
        return answers


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_who_fails_too_often_is_cut_off_and_all_are_noted(gate: Gate) -> None:
    assert gate.guess() == [Denial(), Denial(), Denial(cut_off=True, wait_s=1.0)]
    assert gate.check.judge(None, ELSEWHERE) == Denial()
    assert gate.notes.counts == {"auth-failed": 4}


def test_each_address_has_its_own_count_of_refusals(gate: Gate) -> None:
    gate.guess()
    gate.hold("key")
    shares = [gate.shares.of_peer(peer) for peer in (HERE, ELSEWHERE)]
    assert [share and share.refusals for share in shares] == [{"auth-failed": 3, "auth-wait": 1}, {}]


def test_the_log_names_the_address_and_how_often_it_failed(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    gate.guess()
    gate.clock.now = 21
    assert gate.guess(count=1) == [Denial(cut_off=True, wait_s=2.0)]
    assert "auth-failed: wrong key, from 192.0.2.1" in caplog.text
    assert "all from 192.0.2.1; the last: wrong key (number 4 there, so it waits 2 s)" in caplog.text


def test_a_wait_that_is_only_observed_is_counted(gate: Gate) -> None:
    gate = Gate(observe=("auth_failures_per_minute",))
    gate.guess()
    assert isinstance(gate.check.judge("key", HERE), KeyHolder)
    assert gate.notes.observed == {"auth-wait": 1}


def test_during_the_wait_nobody_there_learns_whether_the_key_is_right(gate: Gate) -> None:
    gate.guess()
    right, wrong = gate.hold("key"), gate.hold("wrong")
    gate.waits.pass_by(0.75)
    assert (right, wrong) == ([], [])
    gate.waits.pass_by(0.25)
    assert isinstance(right[0], KeyHolder)
    assert wrong == [Denial(cut_off=True, wait_s=2.0)]
    assert gate.failures.wait_s(HERE.counted_as) == 2.0


def test_others_do_not_wait(gate: Gate) -> None:
    gate.guess()
    assert isinstance(gate.check.judge("key", ELSEWHERE), KeyHolder)
    gate.guess(SAME_HOST)
    assert isinstance(gate.check.judge("key", Peer(ip_address("2001:db8:0:1::2"), doubt=DOUBT)), HeldAttempt)
    assert isinstance(gate.check.judge("key", NEIGHBOUR), KeyHolder)


@pytest.mark.parametrize(
    "peer",
    [
        LOCAL,
        Peer(ip_address("198.51.100.7"), doubt=DOUBT),
        Peer(ip_address("203.0.113.7"), doubt=DOUBT, proxy=Proxy.NAMES),
    ],
    ids=["proved-to-be-local", "of-a-key", "exempt"],
)
def test_the_right_key_from_a_known_place_never_waits_for_the_failures_of_others(peer: Peer) -> None:
    gate = Gate(exempt=("203.0.113.0/24",))
    gate.guess(peer, 9)
    assert isinstance(gate.check.judge("key", peer), KeyHolder)
    assert isinstance(gate.check.judge("wrong", peer), HeldAttempt)


def test_a_wrong_key_from_a_known_place_is_answered_before_posters_give_up(gate: Gate) -> None:
    gate.guess(LOCAL)
    waits = []
    for _ in range(6):
        answers = gate.hold("wrong", LOCAL)
        gate.waits.pass_by(4)
        (denial,) = answers
        assert isinstance(denial, Denial)
        waits.append(denial.wait_s)
    assert waits == [2.0, 4.0, 4.0, 4.0, 4.0, 4.0]


def test_sender_addresses_are_known_places() -> None:
    gate = Gate(senders=("192.0.2.0/24",))
    gate.guess()
    assert isinstance(gate.check.judge("key", HERE), KeyHolder)


def test_a_proxy_that_hides_its_clients_is_no_known_place() -> None:
    gate = Gate(exempt=("192.0.2.1",))
    hidden = HERE._replace(proxy=Proxy.HIDES)
    gate.guess(hidden)
    assert isinstance(gate.check.judge("key", hidden), HeldAttempt)


def test_parallel_guesses_are_put_off_without_a_look_at_them(gate: Gate) -> None:
    gate.guess()
    waiting = [gate.hold("wrong") for _ in range(10)]
    assert gate.check.judge("key", HERE) == Denial(cut_off=True, wait_s=1.0, judged=False)
    assert isinstance(gate.check.judge("key", LOCAL), KeyHolder)  # at the same address, but proved to be local
    assert gate.notes.counts == {"auth-failed": 3, "auth-wait": 11}
    gate.waits.pass_by(1)
    assert all(len(answers) == 1 for answers in waiting)
    assert gate.failures.wait_s(HERE.counted_as) == 2.0  # one wait for all of them
    gate.hold("key")


def test_whoever_draws_the_place_of_another_waits_instead_of_that_one() -> None:
    gate = Gate(draw=lambda number: 3)
    gate.guess()
    waiting = [gate.hold("wrong") for _ in range(10)]
    gate.waits.pass_by(0.25)
    right = gate.hold("key")
    assert [answers for answers in waiting if answers] == [[Denial(cut_off=True, wait_s=0.75, judged=False)]]
    gate.waits.pass_by(0.75)
    assert isinstance(right[0], KeyHolder)
    assert gate.notes.counts == {"auth-failed": 12, "auth-wait": 11}


def test_no_guesser_keeps_the_right_key_out_for_ever() -> None:
    gate = Gate(draw=random.Random(5).randrange)
    gate.guess()
    let_in = 0
    for _ in range(200):
        right: list[object] = []
        for number in range(40):
            held = gate.check.judge("key" if number == 30 else "wrong", HERE)
            if isinstance(held, HeldAttempt):
                held.then(right.append if number == 30 else lambda _: None)
        gate.waits.pass_by(30)
        let_in += any(isinstance(answer, KeyHolder) for answer in right)
    assert 30 <= let_in <= 70  # ten of forty, of which each has the same chance


def test_who_gives_up_makes_room_and_gets_no_answer(gate: Gate) -> None:
    gate.guess()
    answers: list[object] = []
    for _ in range(30):
        held = gate.check.judge("wrong", HERE)
        assert isinstance(held, HeldAttempt)
        held.then(answers.append)
        held.give_up()
        held.give_up()
    gate.waits.pass_by(40)
    assert answers == []
    assert gate.notes.counts == {"auth-failed": 3, "auth-wait": 30}
    assert not gate.waits.planned


def test_at_the_stop_nobody_waits_and_nobody_learns_anything(gate: Gate) -> None:
    gate.guess()
    waiting = [gate.hold("key"), gate.hold("wrong")]
    gate.check.stop()
    assert waiting == [[Denial(cut_off=True, judged=False)]] * 2
    assert gate.check.judge("key", HERE) == Denial(cut_off=True, wait_s=1.0, judged=False)
    gate.waits.pass_by(40)
    assert [len(answers) for answers in waiting] == [1, 1]
    assert gate.notes.counts["auth-failed"] == 3


def test_who_finds_the_right_key_on_the_same_connection_was_not_guessing(gate: Gate) -> None:
    gate.guess(LOCAL)
    assert isinstance(gate.check.judge("key", LOCAL, failed_before=3), KeyHolder)
    assert gate.guess(LOCAL, 1) == [Denial()]


def test_a_key_for_some_channels_buys_no_guesses_at_others(gate: Gate) -> None:
    gate.guess(LOCAL, 2)
    assert isinstance(gate.check.judge("key of the bridge", LOCAL, failed_before=2), KeyHolder)
    assert gate.guess(LOCAL, 1) == [Denial(cut_off=True, wait_s=1.0)]


def test_posts_are_counted_by_the_name_of_the_key(gate: Gate) -> None:
    for token, peer in (
        ("key", HERE),
        ("old key of the site", HERE),
        ("new key of the site", Peer(ip_address("198.51.100.7"))),
    ):
        holder = gate.check.judge(token, peer)
        assert isinstance(holder, KeyHolder)
        holder.posts += 2
    gate.check.keyless.posts += 1
    assert gate.check.count_posts() == {"": 3, "bridge": 0, "site": 4}


def test_without_a_key_nobody_is_let_in() -> None:
    gate = Gate(key="")
    assert not gate.check.has_key
    assert gate.check.judge("", HERE) == Denial()
    assert Gate().check.has_key


@pytest.mark.parametrize(("wait_s", "retry_after_s"), [(0.0, 1), (0.01, 1), (1.0, 1), (1.01, 2), (30.0, 30)])
def test_a_header_says_whole_seconds(wait_s: float, retry_after_s: int) -> None:
    assert Denial(cut_off=True, wait_s=wait_s).retry_after_s == retry_after_s
