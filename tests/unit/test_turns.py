"""Does each address get its slice of a turn, and nobody more?"""

import pytest

from oyez.net.turns import SLICE_S, Turns
from tests.fake_sockets import Loop
from tests.fakes import Clock


class Greedy:
    """Has more to read for ever; each read takes a while."""

    def __init__(self, turns: Turns, clock: Clock, payer: object, read_s: float) -> None:
        self._turns = turns
        self._clock = clock
        self._payer = payer
        self._read_s = read_s
        self.reads = 0

    def read_on(self) -> None:
        self.reads += 1
        self._clock.now += self._read_s
        self._turns.add(self, self._payer)


class Site:
    """Turns of a loop that is turned by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = Loop(monkeypatch.setattr)
        self.clock = Clock()
        self.order: list[str] = []
        self.turns = Turns(self.clock, before_serving=lambda: self.order.append("others"))

    def flood(self, payer: object, read_s: float) -> Greedy:
        reader = Greedy(self.turns, self.clock, payer, read_s)
        self.turns.add(reader, payer)
        return reader

    def turn(self) -> float:
        """Do a turn of the loop; how long it took."""
        began = self.clock.now
        due, self.loop.ready[:] = self.loop.ready[:], []
        for function in due:
            function()
        return self.clock.now - began


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


def test_twenty_connections_of_an_address_have_one_slice_of_a_turn(site: Site) -> None:
    flood = [site.flood("one", SLICE_S / 4) for _ in range(20)]
    for _ in range(20):
        assert SLICE_S <= site.turn() <= SLICE_S * 1.5
    reads = [reader.reads for reader in flood]
    assert max(reads) - min(reads) <= 1


def test_two_addresses_have_the_same_of_each_turn(site: Site) -> None:
    many = [site.flood("many", SLICE_S / 4) for _ in range(20)]
    one = site.flood("one", SLICE_S / 4)
    for _ in range(10):
        site.turn()
    assert one.reads == sum(reader.reads for reader in many)


def test_what_is_due_to_others_goes_before_each_turn_of_those_who_waited(site: Site) -> None:
    flood = site.flood("one", SLICE_S * 2)
    for turns in range(1, 4):
        site.turn()
        assert (len(site.order), flood.reads) == (turns, turns)


def test_all_addresses_together_have_a_bounded_turn_and_whoever_is_new_comes_first(site: Site) -> None:
    for number in range(50):
        site.flood(number, SLICE_S)
    for _ in range(20):
        assert site.turn() <= 5 * SLICE_S
    new = site.flood("new", SLICE_S / 100)
    site.turn()
    assert new.reads > 0


def test_what_comes_beyond_the_slice_has_to_wait_and_what_others_say_has_not(site: Site) -> None:
    began = site.turns.begin("busy")
    assert began is not None
    site.clock.now += SLICE_S * 1.1
    assert site.turns.end("busy", began) == pytest.approx(SLICE_S * 1.1)
    assert site.turns.begin("busy") is None
    assert site.turns.begin("other") is not None
    site.turn()
    assert site.turns.begin("busy") is not None


def test_nobody_waits_where_little_is_done(site: Site) -> None:
    for _ in range(100):
        began = site.turns.begin("one")
        assert began is not None
        site.clock.now += 0.0001
        site.turns.end("one", began)
        site.clock.now += 0.005
    assert not site.loop.ready


def test_an_error_of_ours_costs_its_reader_alone(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def read_on(self) -> None:
            raise ArithmeticError

    site.turns.add(Broken(), "one")
    other = site.flood("one", SLICE_S / 4)
    site.turn()
    assert other.reads > 0
    assert "ArithmeticError" in caplog.text
