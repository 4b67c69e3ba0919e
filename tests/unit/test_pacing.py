"""Does a request wait for what its address may ask for, and only for that?"""

import pytest
from starlette.responses import PlainTextResponse

from oyez.access.ip_addresses import parse_networks
from oyez.access.origins import Origins
from oyez.access.peer import Peers
from oyez.access.places import Places
from oyez.limits import LimitSettings
from oyez.net.http import pacing
from oyez.net.http.pacing import PacedRequests
from oyez.net.http.request_waits import RequestWaits
from oyez.net.turns import Turns
from tests.fakes import Clock, places_with
from tests.unit.asgi import Answer, ask

PAGE = "https://judge.example"
GUESSER = "192.0.2.66"


class Site:
    """An application of one address that may ask for two requests, and for another after half a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.slept: list[float] = []
        monkeypatch.setattr(pacing, "sleep", self._sleep)
        limits = LimitSettings(commands_per_second_per_address="10 burst 10")
        self.places: Places = places_with(limits, self.clock)
        self.turns = Turns(self.clock)
        self.app = PacedRequests(
            PlainTextResponse("served"),
            peers=Peers(parse_networks(("127.0.0.1",))),
            places=self.places,
            turns=self.turns,
            waits=RequestWaits(),
            origins=Origins([PAGE]),
            shows_key=lambda scope, peer: scope["path"] == "/with-key",
            keys_wait=lambda peer: str(peer.address) == GUESSER,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def ask(self, path: str = "/", address: str = "192.0.2.1") -> Answer:
        return ask(self.app, "GET", path, [("Origin", PAGE)], client=address)


def test_a_request_waits_for_as_long_as_its_address_has_to(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch)
    assert [site.ask().body for _ in range(4)] == [b"served"] * 4
    assert site.slept == [pytest.approx(0.5), pytest.approx(1.0)]
    assert site.ask(address="192.0.2.2").status == 200
    assert len(site.slept) == 2


def test_who_would_wait_for_too_long_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch)
    answers = [site.ask() for _ in range(14)]
    assert [answer.status for answer in answers] == [200] * 12 + [429] * 2
    assert answers[-1].headers["retry-after"] == "6"
    assert answers[-1].headers["connection"] == "close"
    assert answers[-1].headers["access-control-allow-origin"] == PAGE
    site.clock.now += 0.6
    assert site.ask().status == 200  # what was put off has cost nothing


@pytest.mark.parametrize(("path", "address"), [("/with-key", "192.0.2.1"), ("/", "127.0.0.1")])
def test_posters_and_who_is_not_shared_out_never_wait(monkeypatch: pytest.MonkeyPatch, path: str, address: str) -> None:
    site = Site(monkeypatch)
    assert {site.ask(path, address).status for _ in range(100)} == {200}
    assert not site.slept


def test_who_shows_a_key_where_keys_have_to_wait_has_its_turn_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    site, taken = Site(monkeypatch), []

    async def take(payer: object, busy_s: float) -> None:
        taken.append(str(payer))

    monkeypatch.setattr(site.turns, "take", take)
    assert {site.ask("/with-key", address).status for address in (GUESSER, "192.0.2.1") for _ in range(20)} == {200}
    assert taken == [GUESSER] * 20
    assert not site.slept


def test_who_shows_a_key_there_waits_for_the_debt_of_its_address_and_is_never_put_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site(monkeypatch)
    share = site.places.shares.of_host(GUESSER)
    assert share is not None
    site.places.work.charge_address(share, 15)
    assert site.ask("/with-key", GUESSER).status == 200
    site.places.work.charge_address(share, 1000)
    assert site.ask("/with-key", GUESSER).status == 200
    assert site.slept == [pytest.approx(0.5), 1.0], "the right key may be among them"
