"""A session may end in the middle of an answer that is one too many: is it really gone then?"""

import asyncio
import json
from functools import partial
from itertools import cycle

import pytest

from oyez.access.listen_policy import ListenPolicy, make_signers
from oyez.access.peer import Peer, Who
from oyez.access.places import SessionPlace
from oyez.access.settings import ChannelSettings
from oyez.endpoints.gate import Gate
from oyez.endpoints.socketio import SocketIOEndpoint
from oyez.hub.notices import LocalNotices
from oyez.hub.publication import Channel
from oyez.limits import LimitSettings
from oyez.net.engineio.polling import PollingTransport
from oyez.net.engineio.posts import PostedPackets
from oyez.net.engineio.session import EngineServer, EngineSession
from oyez.net.engineio.settings import SocketioSettings
from oyez.net.ticker import Ticker
from tests.fakes import World, check_of, context_of, places_for, run_without_loop

LIMITS = LimitSettings()
NAME = "x" * 100
SET_FILTER = b'42["set-filter",{"filter":["%s"]}]' % NAME.encode()


class Door:
    """The Socket.IO door without sockets."""

    def __init__(self, limits: LimitSettings = LIMITS, policy: ListenPolicy | None = None) -> None:
        self.world = World()
        self.notes: list[str] = []
        settings, ticker = SocketioSettings(), Ticker(clock=self.world.clock)
        check = check_of(self.note, ticker)
        self.places = places_for(5)
        context = context_of(self.world.hub, self.note, ticker=ticker, places=self.places)
        if policy is not None:
            context.gate = Gate(policy, self.world.wall_clock, self.world.hub, ticker, LocalNotices())
        self.endpoint = SocketIOEndpoint(context, settings, check)
        self.engine = EngineServer(settings, limits, ticker, self.endpoint.open_app, self.note)

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
        link.receive_text(packet)
    for packet in cycle(again):
        if not link.is_open:
            break
        link.receive_text(packet)
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


LAST = b'42["last-msg"]'


async def carry_out(link: EngineSession, polling: PollingTransport, body: bytes) -> None:
    posted = PostedPackets(link, polling, body)
    if not posted.go_on():
        await posted.finish()


def test_a_post_waits_while_its_answers_are_not_fetched() -> None:
    async def post_and_fetch() -> None:
        link = Door().open()
        polling = link.polling
        assert polling is not None
        link.receive_text(b"40")
        post = asyncio.create_task(carry_out(link, polling, b"\x1e".join([LAST] * 1100)))
        fetched = 0
        while not post.done():
            await asyncio.sleep(0)
            assert polling.unread < 30_000
            fetched += len(polling.take())
        assert fetched > 50_000
        assert link.is_open

    asyncio.run(post_and_fetch())


def test_a_post_that_waits_ends_with_its_session() -> None:
    async def post_and_end() -> None:
        link = Door().open()
        polling = link.polling
        assert polling is not None
        link.receive_text(b"40")
        post = asyncio.create_task(carry_out(link, polling, b"\x1e".join([LAST] * 1100)))
        await asyncio.sleep(0)
        assert not post.done()
        link.close()
        await post

    asyncio.run(post_and_end())


def test_a_post_waits_for_no_poll_while_its_client_upgrades() -> None:
    door = Door()
    link = door.open()
    polling = link.polling
    assert polling is not None
    link.receive_text(b"40")
    link.try_upgrade()
    run_without_loop(carry_out(link, polling, b"\x1e".join([LAST] * 1000)))
    assert link.is_open
    run_without_loop(carry_out(link, polling, b"\x1e".join([LAST] * 1000)))
    assert not link.is_open
    assert door.notes == ["unread-answers"]


def test_answers_to_a_sender_that_come_late_and_all_at_once_cut_nobody_off() -> None:
    door = Door()
    link = door.open()
    link.receive_text(b'40{"role":"sender","token":"key"}')
    for number in range(17_000):  # as many as fit into one POST
        link.send_text(b'43%d[{"status":"success","id":1732723456789}]' % number)
    assert link.is_open
    assert door.notes == []


def test_those_who_fetch_least_make_room_for_all() -> None:
    door = Door(LimitSettings(max_unread_polling_bytes=2**20))
    links = [door.open() for _ in range(50)]
    for number, link in enumerate(links):
        for _ in range(1000 + number):
            link.send_text(b"4" + b"x" * 25)
    assert all(link.is_open for link in links)
    door.world.clock.now += 1
    door.engine.unread.tick(door.world.clock.now)
    assert door.engine.unread.used <= 2**20 * 7 / 8
    gone = [link.is_open for link in links].index(False)
    assert 0 < gone < 40
    assert [link.is_open for link in links] == [True] * gone + [False] * (50 - gone)
    assert door.notes == ["unread-answers"] * (50 - gone)
    assert links[0].polling is not None
    assert len(links[0].polling.take()) == 27_000 - 1


def test_a_filter_that_is_refused_for_a_grant_weighs_what_it_took_to_judge_its_names() -> None:
    door = Door(policy=ListenPolicy([ChannelSettings("*", "grant")], make_signers("key", ())))
    wrong = [f"{number}!.t0k3f9.{'A' * 22}" for number in range(10)]
    weights = []
    for names in (wrong[:1], wrong):
        link = door.open()
        link.receive_text(b"40")
        before = link.place.paid_until
        link.receive_text(b"42" + json.dumps(["set-filter", {"filter": names}]).encode())
        weights.append(link.place.paid_until - before)
    assert weights[1] == pytest.approx(10 * weights[0])
    assert weights[0] > 0
