"""Do rules that say how often hold for listeners of a real daemon, at each door, and do they lack nothing for it?"""

import json
import re
import selectors
import time
from itertools import pairwise
from typing import Any

import pytest

from tests.api import publish
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.dialects import RawListener, begin_poll, poll
from tests.integration.granted_doors import DOORS, Door
from tests.integration.links import Link, Poller, eventually, listen, metrics
from tests.raw import request

PACE_S = SPREAD_S = 1.0
RULES = [
    {"match": "submissions", "pace_s": PACE_S, "latest_by": "id", "history_size": 1000},
    {"match": "contest_*", "spread_s": SPREAD_S},
]

# The busiest second of a national contest: 20 submissions begin in it, and each posts 11 states.
SUBMISSIONS_A_SECOND, STATES = 20, 11
SECONDS = 4
VIEWERS = 24


STATE = re.compile(rb'"id": ?(\d+), ?"state": ?(\d+)')
APART_S = 0.2  # what comes less than this after the last is of the same write

Viewer = Link | RawListener


class Watch:
    """What came to each of some listeners, and when."""

    def __init__(self, viewers: list[Viewer]) -> None:
        self._selector = selectors.DefaultSelector()
        self._came: dict[Viewer, list[tuple[float, bytes]]] = {viewer: [] for viewer in viewers}
        for viewer in viewers:
            self._selector.register(viewer.link, selectors.EVENT_READ, viewer)

    def look(self, for_s: float) -> None:
        end = time.monotonic() + for_s
        while (left := end - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                self._came[key.data].append((time.monotonic(), key.data.link.recv(1 << 20)))

    def forget(self) -> None:
        for came in self._came.values():
            came.clear()

    def times(self, viewer: Viewer) -> list[float]:
        return [at for at, _ in self._came[viewer]]

    def writes(self, viewer: Viewer) -> int:
        times = self.times(viewer)
        return 1 + sum(later - earlier > APART_S for earlier, later in pairwise(times))

    def last_states(self, viewer: Viewer) -> dict[int, float]:
        """Give when the last state of each submission came."""
        return {
            int(number): at
            for at, data in self._came[viewer]
            for number, state in STATE.findall(data)
            if int(state) == STATES - 1
        }


def start(start_daemon: StartDaemon) -> Daemon:
    return start_daemon(settings={"channels": RULES})


def post(daemon: Daemon, *states: tuple[int, int]) -> None:
    """Post states of submissions at once, and that this was done in a channel without a rule."""
    events = [{"channel": "submissions", "message": {"id": number, "state": state}} for number, state in states]
    publish(daemon, {"events": [*events, {"channel": "control", "message": 0}]})


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_at_each_door_what_comes_within_the_pace_comes_after_it_and_only_the_newest(
    start_daemon: StartDaemon, door: type[Any]
) -> None:
    daemon = start(start_daemon)
    listener: Door = door(daemon, "submissions")
    began = time.monotonic()
    post(daemon, (1, 0))
    assert listener.event()["message"] == {"id": 1, "state": 0}
    post(daemon, (1, 1), (2, 0))
    post(daemon, (1, 2))
    assert [listener.event()["message"] for _ in range(2)] == [{"id": 2, "state": 0}, {"id": 1, "state": 2}]
    assert time.monotonic() - began >= PACE_S


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_at_each_door_listeners_get_an_event_at_moments_of_their_own(
    start_daemon: StartDaemon, door: type[Any]
) -> None:
    daemon = start(start_daemon)
    listeners: list[Door] = [door(daemon, "contest_1") for _ in range(8)]
    ids = [publish(daemon, {"channel": "contest_1", "message": number})["id"] for number in range(2)]
    assert [[listener.event()["id"] for _ in ids] for listener in listeners] == [ids] * len(listeners)


def test_a_long_poll_waits_for_its_moment_and_gets_what_it_lacks_without_what_is_out_of_date(
    start_daemon: StartDaemon,
) -> None:
    daemon = start(start_daemon)
    begun = [begin_poll(daemon.port, "contest_1", last=daemon.last()) for _ in range(4)]
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] == len(begun), "polls that wait")
    publish(daemon, {"channel": "contest_1", "message": "changed"})
    assert [json.loads(call.answer().body)["message"] for call in begun] == ["changed"] * len(begun)
    before = daemon.last()
    post(daemon, (1, 0), (2, 0), (1, 1), (1, 2))
    got = []
    for _ in range(2):
        event = json.loads(poll(daemon.port, "submissions", last=before).body)
        before = event["id"]
        got.append(event["message"])
    assert got == [{"id": 2, "state": 0}, {"id": 1, "state": 2}]
    began = time.monotonic()
    post(daemon, (1, 3), (3, 0))
    post(daemon, (1, 4))
    answer = json.loads(request(daemon.port, "GET", f"/channels/submissions?last={before}&max=9").body)
    assert time.monotonic() - began >= PACE_S / 2  # it began with the first of those polls
    assert [event["message"] for event in answer["events"]] == [{"id": 3, "state": 0}, {"id": 1, "state": 4}]
    post(daemon, (1, 5))
    looked = json.loads(request(daemon.port, "GET", f"/channels/submissions?last={answer['id']}&nowait=1").body)
    assert looked["message"] == {"id": 1, "state": 5}


def test_an_upgrade_within_the_pace_loses_nothing_and_doubles_nothing(start_daemon: StartDaemon) -> None:
    daemon = start(start_daemon)
    poller = Poller(daemon.port)
    named = [["start-msg", {"start": daemon.last()}], ["set-filter", {"filter": ["submissions"]}]]
    poller.post(*("42" + json.dumps(command) for command in named))
    post(daemon, (1, 0))
    packets: list[str] = []
    while "message" not in str(packets[-1:]):
        packets += poller.packets()
    post(daemon, (1, 1), (2, 0))
    with poller.open_websocket() as websocket:
        websocket.send("2probe")
        assert websocket.receive() == "3probe"
        post(daemon, (1, 2))
        websocket.send("5")
        post(daemon, (3, 0))
        while '{"id":3' not in packets[-1].replace(" ", ""):
            packets.append(str(websocket.receive()))
    events = [argument for name, argument in (json.loads(packet[2:]) for packet in packets) if name == "message"]
    ids = [event["id"] for event in events]
    assert ids == sorted(set(ids))
    assert {event["message"]["id"]: event["message"]["state"] for event in events} == {1: 2, 2: 0, 3: 0}


def test_a_reader_that_stops_gets_the_newest_of_each_when_it_goes_on(start_daemon: StartDaemon) -> None:
    daemon = start(start_daemon)
    padding = "x" * 4000
    rounds, submissions = 40, 10
    with listen(daemon.port, "submissions", start=daemon.last(), receive_buffer=4096) as link:
        assert link.event()[0] == "status"
        for number in range(rounds):
            states = [{"id": each, "state": number, "of": padding} for each in range(submissions)]
            # What belongs to no submission supersedes nothing, so all of it is to come, and fills its socket.
            events = [{"channel": "submissions", "message": padding}] * 10
            publish(daemon, {"events": [*events, *({"channel": "submissions", "message": state} for state in states)]})
        publish(daemon, {"channel": "submissions", "message": {"id": "last"}})
        heard = link.messages(1)
        while heard[-1]["message"] == padding or heard[-1]["message"]["id"] != "last":
            heard += link.messages(1)
    ids = [event["id"] for event in heard]
    assert ids == sorted(set(ids))
    states = [event["message"] for event in heard if event["message"] != padding]
    assert len(heard) - len(states) == rounds * 10
    assert {state["id"] for state in states[-submissions - 1 : -1] if state["state"] == rounds - 1} == set(
        range(submissions)
    )
    assert len(states) < rounds * submissions / 2


def test_who_comes_back_within_the_pace_lacks_nothing_and_gets_nothing_twice(start_daemon: StartDaemon) -> None:
    daemon = start(start_daemon)
    with listen(daemon.port, "submissions", start=daemon.last()) as link:
        assert link.event()[0] == "status"
        post(daemon, (1, 0))
        (first,) = link.messages(1)
        post(daemon, (1, 1), (2, 0))
        post(daemon, (1, 2))
    with listen(daemon.port, "submissions", start=first["id"]) as link:
        assert link.event() == ("status", {"status": "success", "recovered": True})
        assert [event["message"] for event in link.messages(2)] == [{"id": 2, "state": 0}, {"id": 1, "state": 2}]
        link.emit("set-filter", {"filter": ["submissions", "news"]})
        assert link.event()[0] == "status"
        post(daemon, (3, 0))
        assert [event["message"] for event in link.messages(1)] == [{"id": 3, "state": 0}]
        link.check_nothing_more()


def test_a_national_contest_costs_a_viewer_one_write_a_second(start_daemon: StartDaemon) -> None:
    """The last state of each submission is there within the pace and as long as an event takes that has none."""
    daemon = start(start_daemon)
    viewers = [
        RawListener(daemon.port, "submissions", start=daemon.last())
        if number % 2
        else listen(daemon.port, "submissions", start=daemon.last())
        for number in range(VIEWERS)
    ]
    control = RawListener(daemon.port, "control", start=daemon.last())
    watch = Watch([*viewers, control])
    watch.look(0.2)
    watch.forget()
    posted: list[float] = []  # each tick
    ticks = SECONDS * SUBMISSIONS_A_SECOND
    began = time.monotonic()
    for tick in range(ticks):
        watch.look(began + tick / SUBMISSIONS_A_SECOND - time.monotonic())
        posted.append(time.monotonic())
        post(daemon, *((number, tick - number) for number in range(max(0, tick - STATES + 1), tick + 1)))
    watch.look(PACE_S + 0.5)
    lasted_s = time.monotonic() - began
    late_s = max(at - then for at, then in zip(watch.times(control), posted, strict=False))
    for viewer in viewers:
        assert watch.writes(viewer) <= lasted_s / PACE_S + 1
        came = watch.last_states(viewer)
        assert sorted(came) == list(range(ticks - STATES + 1))
        assert max(at - posted[number + STATES - 1] for number, at in came.items()) <= PACE_S + 0.2 + late_s
