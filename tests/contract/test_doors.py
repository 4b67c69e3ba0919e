"""Every way in to post against every way in to listen: an event is the same whichever door it came and left by."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest

from tests.contract.doors import DOORS, Door, enter
from tests.contract.posters import POSTERS, OpenPoster
from tests.daemon import Daemon
from tests.integration.dialects import POLL_LISTENER, POST_LISTENER, RawPoster, poll, poll_port
from tests.scenarios import new_channel

MESSAGES: list[object] = [
    None, True, 0, -1.5, 2**60, "", "né ☃ 😀", "a\nb\r\n\u2028", "\ud800 lone \udfff", [], {}, {"type": "x", "n": [1]},
    "x" * 5000, [[[[]]]],
]  # fmt: skip


@pytest.fixture(scope="module")
def open_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with all of its addresses."""
    with Daemon(tmp_path_factory.mktemp("doors"), settings=POST_LISTENER | POLL_LISTENER) as daemon:
        yield daemon


@pytest.mark.parametrize("open_poster", POSTERS.values(), ids=POSTERS.keys())
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
def test_what_one_posts_the_other_hears(open_daemon: Daemon, open_poster: OpenPoster, door: Door) -> None:
    channel = new_channel()
    with RawPoster(open_daemon.port) as asker, open_poster(open_daemon) as poster:
        start = asker.last()
        posted = poster.post(channel, *MESSAGES)
        with enter(door, open_daemon.port, channel, start=start) as listener:
            assert listener.events(len(MESSAGES)) == posted
            live = poster.post(channel, *MESSAGES)
            assert listener.events(len(MESSAGES)) == live
        ids = [event["id"] for event in posted + live]
        assert start < ids[0]
        assert all(one < next_one for one, next_one in pairwise(ids))
        assert asker.last() == ids[-1]


def test_all_hear_the_same_in_the_same_order_whoever_posted(open_daemon: Daemon) -> None:
    channel = new_channel()
    with ExitStack() as stack:
        posters = [stack.enter_context(open_poster(open_daemon)) for open_poster in POSTERS.values()]
        listeners = [stack.enter_context(enter(door, open_daemon.port, channel)) for door in DOORS.values()]
        posted = [event for n in range(10) for poster in posters for event in poster.post(channel, n)]
        assert all(one["id"] < next_one["id"] for one, next_one in pairwise(posted))
        for listener in listeners:
            assert listener.events(len(posted)) == posted


def test_the_third_address_answers_the_same_polls(open_daemon: Daemon) -> None:
    channel = new_channel()
    with RawPoster(open_daemon.port) as poster:
        first, second = poster.post(channel, "first", "second")
    for port in (open_daemon.port, poll_port(open_daemon)):
        answers = [json.loads(poll(port, channel, last=first["id"] - offset).body) for offset in (1, 0)]
        assert answers == [first, second]
