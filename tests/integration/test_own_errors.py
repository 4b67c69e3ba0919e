"""What does an error of the daemon's own cost, at each door? One event of one kind of listener, or one connection."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.doors import (
    DOORS,
    DoorListener,
    LongPollListener,
    PollingListener,
    RawWebSocketListener,
    SocketIOListener,
    StreamListener,
    enter,
)
from tests.daemon import KEY, Daemon
from tests.integration import saboteur
from tests.integration.dialects import RawListener, RawPoster
from tests.integration.links import Poller, Sender, eventually
from tests.raw import Closed
from tests.scenarios import new_channel

ENCODINGS: dict[type[DoorListener], str] = {
    SocketIOListener: "SocketIOFrames",
    PollingListener: "SocketIOPackets",
    RawWebSocketListener: "RawFrames",
    StreamListener: "StreamRecords",
    LongPollListener: "PollAnswers",
}


class Sabotaged(Daemon):
    """A daemon with bugs."""

    def _command(self) -> list[str]:
        _, _, _, *serve = super()._command()
        return [sys.executable, "-P", saboteur.__file__, *serve]

    def check_log(self) -> None:
        """Its tracebacks are what is wanted here."""


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def daemon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sabotaged]:
    folder = tmp_path_factory.mktemp("own_errors")
    store = "memory://" if request.param == "memory" else f"sqlite://{folder / 'events.sqlite3'}"
    with Sabotaged(folder, "--broker", store) as daemon:
        yield daemon


@pytest.mark.parametrize("broken", DOORS.values())
def test_an_event_that_one_encoding_cannot_write_reaches_all_others(
    daemon: Sabotaged, broken: type[DoorListener]
) -> None:
    channel = new_channel()
    with RawPoster(daemon.port) as poster, ExitStack() as stack:
        start = poster.last()
        listeners = {door: stack.enter_context(enter(door, daemon.port, channel, start=start)) for door in ENCODINGS}
        (before,) = poster.post(channel, "before")
        for listener in listeners.values():
            assert listener.events(1) == [before]
        (bad,) = poster.post(channel, saboteur.BREAK_ENCODING + ENCODINGS[broken])
        (after,) = poster.post(channel, "after")
        for door, listener in listeners.items():
            if door is broken:
                gap = {"channel": channel, "from": bad["id"] - 1, "oldest": bad["id"] + 1}
                assert listener.take(2) == [("gap", gap), ("message", after)]
            else:
                assert listener.events(2) == [bad, after]
        with enter(broken, daemon.port, channel, start=start) as late:
            names = [name for name, _ in late.read_to(after["id"])]
            assert sorted(names) == ["gap", "message", "message"]


def test_a_listener_whose_write_fails_is_cut_off_and_gets_it_when_it_comes_back(daemon: Sabotaged) -> None:
    channel = new_channel()
    with RawPoster(daemon.port) as poster, ExitStack() as stack:
        start = poster.last()
        listeners = [stack.enter_context(RawListener(daemon.port, channel, start=start)) for _ in range(3)]
        (before,) = poster.post(channel, "before")
        assert [listener.events(1) for listener in listeners] == [[before]] * 3
        (event,) = poster.post(channel, saboteur.BREAK_WRITE.decode())
        codes = []
        for listener in listeners:
            try:
                assert listener.events(1) == [event]
            except Closed as closed:
                codes.append(closed.code)
        assert codes == [1006], "as when a link breaks: clients of old come back from that"
        with RawListener(daemon.port, channel, start=before["id"]) as again:
            assert again.events(1) == [event]
        eventually(lambda: "sabotage of a write" in daemon.stderr, "traceback")


def test_a_poster_that_cannot_be_answered_is_cut_off_and_the_next_ones_are_answered(daemon: Sabotaged) -> None:
    channel = new_channel()
    with Sender(daemon.port) as bad, Sender(daemon.port) as good:
        for sender, ack in ((bad, saboteur.BREAK_ANSWER), (good, 1), (good, 2)):
            sender.emit("post", {"channel": channel, "message": 1}, ack=ack)
        assert str(good.receive()).startswith('431[{"status":"success"')
        assert str(good.receive()).startswith('432[{"status":"success"')
        assert bad.close_code() == 1006


def test_a_polled_session_ends_with_the_packet_that_fails(daemon: Sabotaged) -> None:
    poller = Poller(daemon.port, {"role": "sender", "token": KEY})
    event = '["post",{"channel":"c","message":1}]'
    poller.post(f"421{event}", f"42{saboteur.BREAK_ANSWER}{event}", f"422{event}")
    eventually(lambda: poller.is_gone, "end of the session")
