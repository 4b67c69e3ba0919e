"""Is an address that is refused again and again told so at its pace, in its order and in its turn of the loop?"""

import asyncio
from collections.abc import Callable

import pytest

from oyez.access.shares import Share
from oyez.limits import LimitSettings
from oyez.net.paced_refusals import AT_ONCE, MOST_WAITING, PacedRefusals
from oyez.net.ticker import Ticker
from oyez.net.turns import SLICE_S, Turns
from tests.fake_sockets import Loop
from tests.fakes import Clock, places_with

BURST = round(AT_ONCE.burst)


class Site:
    """Refusals on a loop that is turned by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = Loop(monkeypatch.setattr)
        self.clock = Clock()
        self.ticker = Ticker(clock=self.clock)
        self.turns = Turns(self.clock)
        self.refusals = PacedRefusals(self.turns, self.ticker)
        self.given: list[object] = []
        self._shares = places_with(LimitSettings(), self.clock).shares
        self.ticker.start()

    def share(self, host: str = "192.0.2.1") -> Share:
        share = self._shares.of_host(host)
        assert share is not None
        return share

    def refuse(self, *names: object, host: str = "192.0.2.1", takes_s: float = 0.0) -> None:
        def give(name: object) -> Callable[[], None]:
            def answer() -> None:
                self.clock.now += takes_s
                self.given.append(name)

            return answer

        for name in names:
            self.refusals.add(self.share(host), give(name))

    def pass_time(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now += 0.05
            later, self.loop.later[:] = self.loop.later[:], []
            for _, function in later:
                function()
            self.loop.run()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


def test_the_first_are_given_at_once_and_those_behind_them_in_their_order_and_at_an_even_pace(site: Site) -> None:
    names = list(range(BURST + 40))
    site.refuse(*names)
    assert site.given == names[:BURST]
    site.pass_time(1)
    assert len(site.given) == pytest.approx(BURST + AT_ONCE.per_second, abs=2)
    site.pass_time(2)
    assert site.given == names


def test_who_is_seldom_refused_never_waits(site: Site) -> None:
    for number in range(3 * BURST):
        site.refuse(number)
        assert site.given[-1] == number
        site.pass_time(1 / AT_ONCE.per_second)


def test_others_do_not_wait_for_an_address_that_does(site: Site) -> None:
    site.refuse(*range(BURST + 10))
    site.refuse("other", host="192.0.2.2")
    site.refusals.add(None, lambda: site.given.append("of nobody"))
    assert site.given[BURST:] == ["other", "of nobody"]


def test_so_many_of_an_address_wait_and_no_more(site: Site) -> None:
    site.refuse(*range(BURST + MOST_WAITING))
    assert len(site.given) == BURST
    site.refuse("one too many")
    assert site.given[BURST:] == ["one too many"]
    site.pass_time(MOST_WAITING / AT_ONCE.per_second + 0.2)
    assert len(site.given) == BURST + MOST_WAITING + 1


def test_what_is_given_takes_its_address_one_slice_of_a_turn(site: Site) -> None:
    site.refuse(*range(20), takes_s=SLICE_S / 4)
    assert 4 <= len(site.given) <= 6
    site.refuse("other", host="192.0.2.2")
    assert site.given[-1] == "other"
    before = len(site.given)
    ready, site.loop.ready[:] = site.loop.ready[:], []
    for function in ready:
        function()
    assert 4 <= len(site.given) - before <= 6
    site.pass_time(0.5)
    assert [name for name in site.given if name != "other"] == list(range(20))


def test_all_that_wait_are_told_when_the_daemon_stops(site: Site) -> None:
    names = list(range(BURST + MOST_WAITING))
    site.refuse(*names)
    site.refusals.give_all()
    assert site.given == names


def test_an_address_is_forgotten_once_it_was_not_refused_for_a_while(site: Site) -> None:
    site.refuse(*range(BURST + 10))
    assert len(site.refusals) == 1
    site.pass_time(10 / AT_ONCE.per_second + BURST / AT_ONCE.per_second + 0.3)
    assert len(site.refusals) == 0
    assert not [slot for slot in site.ticker._slots.values() if slot]


def test_a_task_waits_for_the_same() -> None:
    async def be_refused() -> list[bool]:
        ticker = Ticker()
        ticker.start()
        refusals = PacedRefusals(Turns(), ticker)
        share = places_with(LimitSettings(), Clock()).shares.of_host("192.0.2.1")
        tasks = [asyncio.create_task(refusals.wait(share)) for _ in range(BURST + 1)]
        nobodys = asyncio.create_task(refusals.wait(None))
        await asyncio.gather(*tasks[:-1], nobodys)
        were_done = [task.done() for task in tasks]
        await tasks[-1]
        ticker.stop()
        return were_done

    assert asyncio.run(be_refused()) == [*[True] * BURST, False]
