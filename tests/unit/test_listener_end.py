"""A session may end in the middle of an answer that is one too many: is it really gone then?"""

from functools import partial
from itertools import cycle

import pytest

from oyez.access.failures import FailedAttempts
from oyez.access.keys import PostPolicy
from oyez.access.peer import Peer, Who
from oyez.access.places import SessionPlace
from oyez.access.poster_check import PosterCheck
from oyez.endpoints.socketio import SocketIOEndpoint
from oyez.hub.publication import Channel
from oyez.limits import LimitSettings
from oyez.net.engineio.session import EngineServer, EngineSession
from oyez.net.engineio.settings import SocketioSettings
from oyez.net.ticker import Ticker
from tests.fakes import World, context_of, places_for

NAME = "x" * 100
SET_FILTER = b'42["set-filter",{"filter":["%s"]}]' % NAME.encode()


class Door:
    """The Socket.IO door without sockets."""

    def __init__(self) -> None:
        self.world = World()
        self.notes: list[str] = []
        settings, limits, ticker = SocketioSettings(), LimitSettings(), Ticker(clock=self.world.clock)
        check = PosterCheck(PostPolicy("key"), FailedAttempts(10, self.world.clock), self.note)
        self.places = places_for(5)
        context = context_of(self.world.hub, self.note, ticker=ticker, places=self.places)
        self.endpoint = SocketIOEndpoint(context, settings, check)
        self.engine = EngineServer(settings, limits, ticker, self.endpoint.open_app, self.note, max_unread_bytes=4096)

    def note(self, reason: str, detail: str, who: Who | None = None, /) -> None:
        self.notes.append(reason)

    def open(self) -> EngineSession:
        find_peer = partial(Peer, None)
        place = self.places.take(find_peer, "a session")
        assert isinstance(place, SessionPlace)
        return self.engine.open_session(find_peer, place, polling=True)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ([], [b"40", b"41"]),
        ([b"40"], [SET_FILTER]),
        ([b"40", b'42["start-msg",{"start":1}]'], [SET_FILTER]),
        ([b"40"], [b'42["last-msg"]']),
        ([b"40"], [b'42["post"]']),
        ([b'40{"role":"sender","token":"key"}'], [b'42["post"]']),
        ([], [b'40{"role":"sender","token":"key"}', b"41"]),
    ],
    ids=["connect", "filter", "gap", "last", "refused post", "bad post", "connect sender"],
)
def test_a_client_that_never_polls_leaves_nothing_behind(first: list[bytes], again: list[bytes]) -> None:
    door = Door()
    link = door.open()
    for packet in first:
        link.receive_payload(packet)
    for packet in cycle(again):
        if not link.is_open:
            break
        link.receive_payload(packet)
    assert "unread-answers" in door.notes
    assert (door.places.listeners, door.endpoint.senders) == (0, 0)
    assert door.world.hub.listeners(Channel(NAME)) == 0
    assert not door.engine.sessions


def test_nothing_is_planned_any_more_for_a_session_that_has_ended() -> None:
    link = Door().open()
    assert link.tick_slot
    link.close()
    link.set_alarm(1.0)  # as after a refusal that was one answer too many
    assert not link.tick_slot
