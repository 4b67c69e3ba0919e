"""Does an answer with several events bring all of them in order, up to its bounds, and no further than it may?"""

import json

import pytest

from oyez.endpoints.encodings import POLL_ANSWERS
from oyez.endpoints.poll_batch import encode_batch, extend_batch
from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId, Post
from tests.fakes import World

A, B = Channel("a"), Channel("b")


def batch(
    world: World, channels: list[Channel], after: int, gaps: tuple[Gap, ...] = (), at_most: int = 256
) -> list[int]:
    """Return the ids of the answer to a poll whose first event is the oldest one above an id."""
    events = sorted(
        (each for channel in channels for each in world.history.since(channel, EventId(after))), key=lambda e: e.id
    )
    first = events[0].encoded(POLL_ANSWERS)
    assert first is not None
    data, last_id = extend_batch(world.hub, channels, first, events[0].id, gaps, at_most=at_most)
    body = json.loads(encode_batch(data, last_id, gaps))
    ids = [int(event["id"]) for event in body["events"]]
    assert body["id"] == ids[-1]
    assert len(json.dumps(body)) >= len(b"".join(data))
    return ids


def test_events_of_all_channels_come_in_the_order_of_ids() -> None:
    world = World()
    ids = world.post("a", "b", "c", "b", "a")
    del ids[2]  # of a channel that nobody asked for
    assert batch(world, [A, B], ids[0] - 1) == ids
    assert batch(world, [B, A], ids[0]) == ids[1:]


@pytest.mark.parametrize("at_most", [1, 2, 3, 4, 5])
def test_no_more_than_were_asked_for(at_most: int) -> None:
    world = World()
    ids = world.post("a", "b", "b", "a")
    assert batch(world, [A, B], ids[0] - 1, at_most=at_most) == ids[:at_most]


def test_an_answer_has_about_64_kib() -> None:
    world = World()
    for size in (30_000, 30_000, 30_000, 90_000, 10):
        world.hub.publish([Post(A, b'"%b"' % (b"x" * size))], lambda _: None)
    ids = [event.id for event in world.history.since(A, EventId(0))]
    assert batch(world, [A], ids[0] - 1) == ids[:2]
    assert batch(world, [A], ids[1]) == ids[2:3]
    assert batch(world, [A], ids[2]) == ids[3:4]  # one that is longer comes alone
    assert batch(world, [A], ids[3]) == ids[4:]


def test_a_gap_that_the_answer_does_not_name_ends_it() -> None:
    """The next poll is told of it, with the id of the last event as its position."""
    world = World(size=4)
    first = world.post("a")[0]
    world.post("b", "b", "b", "b", "b", "b")
    assert batch(world, [A, B], first - 1) == [first]
    told = world.history.gap(B, EventId(first - 1))
    assert told is not None
    assert len(batch(world, [A, B], first - 1, (told,))) == 5


def test_what_a_loss_took_is_not_passed_over() -> None:
    world = World()
    first = world.post("a")[0]
    world.hub.lose(EventId(5000))
    world.wall_clock.now = 6
    world.post("a")
    assert world.history.gap(A, EventId(first)) is not None
    data, last_id = extend_batch(world.hub, [A], b"{}", EventId(first), (), at_most=256)
    assert (data, last_id) == ([b"{}"], first)


def test_an_event_that_cannot_be_written_ends_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    ids = world.post("a", "a", "a")
    bad = world.history.since(A, EventId(ids[1]))[0]
    bad._encoding, bad._bytes = POLL_ANSWERS, None
    assert batch(world, [A], ids[0] - 1) == ids[:2]


def test_nothing_newer_makes_an_answer_of_one() -> None:
    world = World()
    ids = world.post("b", "a")
    assert batch(world, [A], ids[0]) == ids[1:]
    assert json.loads(encode_batch((), EventId(7), ())) == {"id": 7, "events": [], "gaps": []}
