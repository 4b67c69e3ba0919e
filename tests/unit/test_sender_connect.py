"""Is a sender let in by its key, held while its address has to wait, and held to the channels of its key?"""

import json
from functools import partial
from ipaddress import ip_address

import pytest

from oyez.access.keys import PostPolicy, make_keys
from oyez.access.peer import Peer
from oyez.access.places import SessionPlace
from oyez.access.settings import KeySettings
from oyez.endpoints.socketio import SocketIOEndpoint
from oyez.limits import LimitSettings
from oyez.net.engineio.session import EngineServer, EngineSession
from oyez.net.engineio.settings import SocketioSettings
from oyez.net.ticker import Ticker
from oyez.notes import Notes
from tests.fakes import Clock, Waits, World, check_of, context_of, places_for

AFAR = Peer(ip_address("203.0.113.9"), doubt="it came over the network")
FAILED = '44{"message":"Authentication failed"}'
TOO_MANY = '44{"message":"Too many wrong keys from this address; try again later"}'


class Door:
    """The Socket.IO door, with one session on polling from an address that has to wait for a second."""

    def __init__(self) -> None:
        self.world, self.waits, self.notes = World(), Waits(), Notes(Clock())
        ticker, places = Ticker(clock=self.world.clock), places_for(5)
        self.check = check_of(self.notes, self.waits, KeySettings("bridge", "other key", may_post=("sub_*",)), free=1)
        context = context_of(self.world.hub, self.notes, ticker=ticker, places=places)
        self.endpoint = SocketIOEndpoint(context, SocketioSettings(), self.check)
        engine = EngineServer(SocketioSettings(), LimitSettings(), ticker, self.endpoint.open_app, self.notes)
        find_peer = partial(Peer, *AFAR)
        place = places.take(find_peer, "a session")
        assert isinstance(place, SessionPlace)
        self.link: EngineSession = engine.open_session(find_peer, place, polling=True)

    def guess(self, count: int = 2) -> None:
        for _ in range(count):
            self.check.judge("wrong", AFAR)

    def show(self, token: str) -> None:
        self.link.receive_text(b"40" + json.dumps({"role": "sender", "token": token}).encode())

    def withdraw(self) -> None:
        """Leave one key only, which nobody has shown."""
        self.check.change_policy(PostPolicy(make_keys("new", ())), ())

    def answers(self) -> list[str]:
        """Give what the session would fetch with its next poll, less the type of Engine.IO."""
        polling = self.link.polling
        assert polling is not None
        found = polling.take().decode()
        return [packet.removeprefix("4") for packet in found.split("\x1e") if packet.startswith("4")]


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_sender_joins_with_its_key(door: Door) -> None:
    door.show("key")
    (answer,) = door.answers()
    assert answer.startswith('0{"sid":')
    assert door.endpoint.senders == 1


def test_during_a_wait_nothing_is_answered_before_its_end(door: Door) -> None:
    door.guess()
    door.show("key")
    assert door.answers() == []
    door.waits.pass_by(1)
    (answer,) = door.answers()
    assert answer.startswith('0{"sid":')
    assert door.endpoint.senders == 1


def test_a_wrong_key_after_a_wait_ends_the_session(door: Door) -> None:
    door.guess()
    door.show("wrong")
    door.waits.pass_by(1)
    assert not door.link.is_open
    assert door.notes.counts["auth-failed"] == 3


def test_the_newer_of_two_attempts_counts(door: Door) -> None:
    door.guess()
    door.show("wrong")
    door.show("key")
    assert len(door.waits.planned) == 1
    door.waits.pass_by(1)
    assert door.endpoint.senders == 1
    assert door.notes.counts["auth-failed"] == 2


def test_who_becomes_a_listener_instead_waits_no_longer(door: Door) -> None:
    door.guess()
    door.show("wrong")
    door.link.receive_text(b"40")
    assert not door.waits.planned
    assert door.answers()[0].startswith('0{"sid":')


def test_whoever_goes_away_waits_no_longer(door: Door) -> None:
    door.guess()
    door.show("key")
    door.link.close()
    assert not door.waits.planned
    assert door.endpoint.senders == 0


def test_who_is_put_off_is_told_so_and_its_session_ends(door: Door) -> None:
    door.guess()
    door.check.stop()
    door.show("key")
    assert not door.link.is_open


def test_a_key_for_some_channels_is_for_no_others(door: Door) -> None:
    door.show("other key")
    door.answers()
    door.link.receive_text(b'421["post",{"channel":"sub_1","message":1}]')
    door.link.receive_text(b'422["post",{"channel":"x","message":1}]')
    door.link.receive_text(b'42["post",{"channel":"x","message":1}]')
    first, *others = door.answers()
    assert first.startswith('31[{"status":"success"')
    assert ['"code":"may-not-post"' in answer for answer in others] == [True, True]
    assert door.notes.counts == {"may-not-post": 2}
    assert door.check.count_posts() == {"": 0, "bridge": 1}


def test_a_key_that_is_none_any_more_has_its_sender_answered_and_treated_as_any_other(door: Door) -> None:
    door.show("key")
    door.answers()
    limits = door.endpoint.limits
    assert door.link.max_message_bytes == limits.max_sender_message_bytes
    door.withdraw()
    assert door.link.max_message_bytes == limits.max_receiver_message_bytes
    assert (door.link.place.is_poster, door.link.place.share) == (False, door.link.place.address)
    door.link.receive_text(b'421["post",{"channel":"x","message":1}]')
    assert '"code":"may-not-post"' in door.answers()[0]


def test_a_key_that_is_none_any_more_when_the_wait_is_over_is_a_wrong_one(door: Door) -> None:
    door.guess()
    door.show("key")
    door.withdraw()
    door.waits.pass_by(1)
    assert (door.endpoint.senders, door.link.is_open) == (0, False)
    assert door.notes.counts["auth-failed"] == 3
