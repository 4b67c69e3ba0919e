"""Does history take the memory that it says, whatever it is filled with?"""

import gc
import tracemalloc

import pytest

from oyez.hub.history import History
from oyez.hub.publication import Channel, EventId, Publication
from oyez.hub.settings import HistorySettings

FIRST = 1_732_723_456_789


class Frames:
    """An encoding like those of listeners: the event and some words around it."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        return b'42["event",{"id":%d,"channel":"%b"}]%b' % (
            publication.id,
            publication.channel.encode(),
            publication.message or b"",
        )

    def join(self, parts: list[bytes]) -> bytes:
        return b"".join(parts)


def fill(channels: int, events: int, size: int, name: str, listened: bool) -> History:
    one, frames = History(HistorySettings(size=10**6, max_bytes=2**40)), Frames()
    for number in range(events):
        channel = Channel(f"{name}{number % channels:06}")
        publication = Publication(EventId(FIRST + number), channel, bytes(bytearray(size)), (), float(number))
        one.append(publication)
        if listened:
            publication.encoded(frames)
    return one


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.fixture(autouse=True)
def trace() -> object:
    tracemalloc.start()
    yield None
    tracemalloc.stop()


@pytest.mark.parametrize("listened", [False, True], ids=["kept", "delivered"])
@pytest.mark.parametrize(
    ("channels", "events", "size", "name"),
    [
        (3000, 3000, 20, "sub_"),
        (3000, 3000, 300, "sub_"),
        (2800, 2800, 20, "x" * 90),
        (2500, 2500, 20, "\N{GRINNING FACE}" * 40),
        (1000, 3000, 300, "sub_"),
        (5, 4000, 20, "sub_"),
        (5, 4000, 300, "\u1ed9" * 60),
        (5, 300, 20_000, "sub_"),
        (300, 300, 20_000, "sub_"),
    ],
    ids=["tiny", "small", "long names", "emoji", "three each", "few channels", "accents", "large", "large in many"],
)
def test_the_estimate_is_what_it_takes(channels: int, events: int, size: int, name: str, listened: bool) -> None:
    before = traced()
    one = fill(channels, events, size, name, listened)
    assert 0.83 < one.bytes / (traced() - before) < 1.2


@pytest.mark.parametrize("channels", [3000, 5600])
def test_a_channel_that_is_only_remembered_costs_two_hundred_bytes(channels: int) -> None:
    before = traced()
    one = History(HistorySettings(ttl_s=1))
    for number in range(channels):
        channel = Channel(f"sub_{number:06}")
        one.append(Publication(EventId(FIRST + number), channel, b"{}", (), float(number)))
        one.expire(number + 1.0, at_most=1)
    taken = traced() - before
    assert (len(one), len(one.channels())) == (0, channels)
    assert taken < 200 * channels
    assert 0.83 < one.bytes / taken < 1.2
