"""What does a listener cost that stops reading, and what does it get when it goes on?"""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.integration.bystanders import Bystanders
from tests.integration.links import RECOVERED, Link, Poller, Sender, listen, rss_mb
from tests.scenarios import new_channel

PADDING = "x" * 4000
FEW, MANY = 250, 700  # less, and more, than history keeps of a channel

Event = tuple[str, Any]


def check_resumed(heard: Sequence[Event], posted: Sequence[dict[str, Any]]) -> None:
    """Require every event once and in order; where some are missing, a gap that names them stands in their place."""
    expected, missed = 0, 0
    for name, argument in heard:
        if name == "gap":
            assert argument["from"] == posted[expected - 1]["id"]
            resumed = next(n for n, event in enumerate(posted) if event["id"] >= argument["oldest"])
            missed += resumed - expected
            expected = resumed
        else:
            assert (name, argument) == ("message", posted[expected])
            expected += 1
    assert expected == len(posted)
    assert missed <= len(posted) - 256 if len(posted) > 256 else missed == 0


def read_to_last(link: Link, last_id: int) -> list[Event]:
    heard = [link.event()]
    while heard[-1][1].get("id") != last_id:
        heard.append(link.event())
    return heard


@pytest.mark.parametrize("count", [FEW, MANY])
def test_stalled_websockets_are_parked_and_resume(daemon: Daemon, count: int) -> None:
    channel = new_channel()
    with Sender(daemon.port) as sender, Bystanders(daemon):
        start = sender.last()
        stalled = [listen(daemon.port, channel, start=start, receive_buffer=4096) for _ in range(40)]
        assert {link.receive() for link in stalled} == {RECOVERED}
        with listen(daemon.port, channel, start=start) as reader:
            assert reader.receive() == RECOVERED
            before = rss_mb(daemon.pid)
            posted = []
            for begin in range(0, count, 50):
                posted += sender.post(channel, *(f"{n} {PADDING}" for n in range(begin, begin + 50)))
                assert reader.messages(50) == posted[-50:]
            # Unbounded buffers would hold 2.4 MB for each; history itself has a share in it.
            assert rss_mb(daemon.pid) - before < 20
        for link in stalled[:5]:
            check_resumed(read_to_last(link, posted[-1]["id"]), posted)
            live = sender.post(channel, "live again")
            posted += live
            assert link.messages(1) == live
        for link in stalled:
            link.drop()


@pytest.mark.parametrize("count", [FEW, MANY])
def test_listener_that_does_not_poll_is_parked_and_resumes(daemon: Daemon, count: int) -> None:
    channel = new_channel()
    with Sender(daemon.port) as sender, Bystanders(daemon):
        start = sender.last()
        pollers = [Poller(daemon.port) for _ in range(20)]
        for poller in pollers:
            poller.post(f'42["start-msg",{{"start":{start}}}]', f'42["set-filter",{{"filter":["{channel}"]}}]')
            assert poller.packets()[-1] == RECOVERED
        before = rss_mb(daemon.pid)
        posted = sender.post(channel, *(f"{n} {PADDING}" for n in range(count)))
        assert rss_mb(daemon.pid) - before < 20
        for poller in pollers[:3]:
            check_resumed(poll_to_last(poller, posted[-1]["id"]), posted)


def poll_to_last(poller: Poller, last_id: int) -> list[Event]:
    heard: list[Event] = []
    while not heard or heard[-1][1].get("id") != last_id:
        heard += [(name, argument) for name, argument in (json.loads(packet[2:]) for packet in poller.packets())]
    return heard


@pytest.mark.parametrize("polls", [0, 1, 2])
def test_upgrade_with_much_unread_loses_nothing(daemon: Daemon, polls: int) -> None:
    channel = new_channel()
    with Sender(daemon.port) as sender:
        start = sender.last()
        posted = sender.post(channel, *(f"{n} {PADDING}" for n in range(120)))
        poller = Poller(daemon.port)
        poller.post(f'42["start-msg",{{"start":{start}}}]', f'42["set-filter",{{"filter":["{channel}"]}}]')
        packets = [packet for _ in range(polls) for packet in poller.packets()]
        with poller.open_websocket() as websocket:
            websocket.send("2probe")
            assert websocket.receive() == "3probe"
            posted += sender.post(channel, f"during the probe {PADDING}")
            websocket.send("5")
            posted += sender.post(channel, "after the upgrade")
            while "after the upgrade" not in str(packets[-1:]):
                packets.append(str(websocket.receive()))
    heard: list[Event] = [json.loads(packet[2:]) for packet in packets if not packet.startswith('42["status"')]
    check_resumed([(name, argument) for name, argument in heard], posted)


def test_filter_of_a_stalled_listener_can_be_changed(daemon: Daemon) -> None:
    one, two = new_channel(), new_channel()
    with Sender(daemon.port) as sender:
        start = sender.last()
        posted = sender.post(one, *(f"{n} {PADDING}" for n in range(200)))
        posted += sender.post(two, *range(10))
        with listen(daemon.port, one, start=start, receive_buffer=4096) as link:
            for _ in range(20):
                link.emit("set-filter", {"filter": [one, two]})
            link.emit("set-filter", {"filter": [two, one]})
            heard = read_to_last(link, posted[-1]["id"])
            events = [argument for name, argument in heard if name == "message"]
            assert sorted(events, key=lambda event: int(event["id"])) == posted
            assert {name for name, _ in heard} == {"message", "status"}
