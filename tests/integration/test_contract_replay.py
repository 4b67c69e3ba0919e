"""What a listener is given when it comes, and comes back: exactly what it missed, or word of a gap."""

import json
from collections.abc import Iterator

import pytest

from tests.daemon import Daemon
from tests.integration.links import NOT_RECOVERED, RECOVERED, SUCCESS, Sender, listen
from tests.scenarios import new_channel


@pytest.fixture
def sender(daemon: Daemon) -> Iterator[Sender]:
    with Sender(daemon.port) as sender:
        yield sender


def gap(channel: str, after: int, oldest: int) -> str:
    return f'42["gap",{{"channel":"{channel}","from":{after},"oldest":{oldest}}}]'


def test_event_to_the_byte(daemon: Daemon, sender: Sender) -> None:
    channel = new_channel()
    with listen(daemon.port, channel) as link:
        assert link.receive() == SUCCESS
        (event,) = sender.post(channel, {"b": 1, "a": [None]})
        assert (
            link.receive()
            == f'42["message",{{"id":{event["id"]},"channel":"{channel}","message":{{"b": 1, "a": [null]}}}}]'
        )
        sender.send(f'420["post",{{"channel":"{channel}"}}]')
        event_id = json.loads(str(sender.receive())[3:])[0]["id"]
        assert link.receive() == f'42["message",{{"id":{event_id},"channel":"{channel}"}}]'


def test_status_comes_before_a_replay_in_order_of_ids(daemon: Daemon, sender: Sender) -> None:
    one, two = new_channel(), new_channel()
    start = sender.last()
    events = [sender.post(channel, n)[0] for n, channel in enumerate([one, two, two, one, two])]
    with listen(daemon.port, two, one, start=start) as link:
        assert link.receive() == RECOVERED
        assert link.messages(5) == events
        assert sender.post(two, "live") == link.messages(1)


def test_replay_begins_after_the_id_that_is_named(daemon: Daemon, sender: Sender) -> None:
    channel = new_channel()
    events = sender.post(channel, *range(5))
    for n, event in enumerate(events):
        with listen(daemon.port, channel, start=event["id"]) as link:
            assert link.receive() == RECOVERED
            assert link.messages(4 - n) == events[n + 1 :]
            link.check_nothing_more()


@pytest.mark.parametrize("text", ["", ",null", ",5", ",{}", *(
    f',{{"start":{value}}}' for value in ("0", "null", '""', "false", '"abc"', "{}", "[]", '"0"', "-1")
)])  # fmt: skip
def test_start_that_names_nothing_replays_the_newest(daemon: Daemon, sender: Sender, text: str) -> None:
    channel = new_channel()
    events = sender.post(channel, 1, 2)
    with listen(daemon.port) as link:
        link.send(f'42["start-msg"{text}]')
        assert link.receive() == SUCCESS
        link.emit("set-filter", {"filter": [channel]})
        assert link.receive() == SUCCESS
        assert link.messages(2) == events


@pytest.mark.parametrize("form", ['"%d"', "%d", "%d.0"])
def test_start_may_be_a_numeric_string(daemon: Daemon, sender: Sender, form: str) -> None:
    channel = new_channel()
    events = sender.post(channel, 1, 2)
    with listen(daemon.port) as link:
        link.send('42["start-msg",{"start":%s}]' % (form % events[0]["id"]))
        assert link.receive() == SUCCESS
        link.emit("set-filter", {"filter": [channel]})
        assert link.receive() == RECOVERED
        assert link.messages(1) == events[1:]


def test_gap_is_told_before_the_replay_of_what_is_kept(daemon: Daemon, sender: Sender) -> None:
    busy, quiet = new_channel(), new_channel()
    start = sender.last()
    kept = sender.post(quiet, "kept")
    events = sender.post(busy, *range(300))
    with listen(daemon.port, quiet, busy, start=start) as link:
        assert link.receive() == NOT_RECOVERED
        assert link.receive() == gap(busy, start, events[-256]["id"])
        assert link.messages(257) == kept + events[-256:]
        link.check_nothing_more()
    with listen(daemon.port, busy, start=events[-257]["id"]) as link:
        assert link.receive() == RECOVERED
        assert link.messages(256) == events[-256:]


@pytest.mark.parametrize("ahead", [1000_000, 2**52, 2**60])
def test_start_from_the_future_is_a_gap_and_live_events_come(daemon: Daemon, sender: Sender, ahead: int) -> None:
    channel = new_channel()
    sender.post(channel, "old")
    start = sender.last() + ahead
    with listen(daemon.port, channel, start=start) as link:
        assert link.receive() == NOT_RECOVERED
        name, argument = link.event()
        assert name == "gap"
        assert argument["channel"] == channel
        assert sender.post(channel, "new") == link.messages(1)


def test_start_after_the_filter_waits_for_the_next_one(daemon: Daemon, sender: Sender) -> None:
    one, two = new_channel(), new_channel()
    start = sender.last()
    events = sender.post(two, 1, 2)
    with listen(daemon.port, one) as link:
        assert link.receive() == SUCCESS
        link.emit("start-msg", {"start": start})
        assert link.receive() == SUCCESS
        link.check_nothing_more()
        link.emit("set-filter", {"filter": [one, two]})
        assert link.receive() == RECOVERED
        assert link.messages(2) == events


def test_repeated_filters_repeat_no_event(daemon: Daemon, sender: Sender) -> None:
    one, two = new_channel(), new_channel()
    start = sender.last()
    events = sender.post(one, "replayed")
    with listen(daemon.port, one, start=start) as link:
        assert link.receive() == RECOVERED
        assert link.messages(1) == events
        assert sender.post(one, "live") == link.messages(1)
        for channels in ([one], [one, two], [two], [two, one], [one]):
            link.emit("set-filter", {"filter": channels})
            assert link.receive() == RECOVERED
            link.check_nothing_more()
        assert sender.post(one, "live again") == link.messages(1)
