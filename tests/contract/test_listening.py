"""What every way in promises to a listener. A new one joins by one more line in `DOORS`."""

import json
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest

from tests.contract.doors import DOORS, Door, DoorListener, Item, LongPollListener, enter
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.integration.bystanders import Bystanders
from tests.integration.dialects import RawPoster
from tests.integration.links import rss_mb
from tests.scenarios import new_channel

Events = list[dict[str, Any]]

KEPT = 256  # events of a channel
PADDING = "x" * 4000
STALLED = 30
FEW, MANY = 250, 700  # less, and more, than history keeps of a channel


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return DOORS[request.param]


@pytest.fixture
def poster(daemon: Daemon) -> Iterator[RawPoster]:
    with RawPoster(daemon.port) as poster:
        yield poster


def check_nothing_more(listener: DoorListener, poster: RawPoster, channel: str) -> None:
    """Require that the next event to be heard is one that is posted now."""
    assert poster.post(channel, "nothing before this") == listener.events(1)


def test_catches_up_and_goes_on_live(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    one, two = new_channel(), new_channel()
    start = poster.last()
    expected = poster.post(one, *range(5)) + poster.post(two, *range(5))
    with enter(door, daemon.port, two, one, start=start) as listener:
        assert listener.events(10) == expected
        for n in range(20):
            assert poster.post(one if n % 3 else two, {"n": n}) == listener.events(1)


def test_hears_its_own_channels_only(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    channel = new_channel()
    strangers = ["constructor", "toString", "__proto__", "hasOwnProperty", channel + "x", channel[:-1], "*", "#"]
    with enter(door, daemon.port, channel, start=poster.last()) as listener:
        for stranger in strangers:
            poster.post(stranger, "for nobody here")
        check_nothing_more(listener, poster, channel)


def test_gets_the_newest_fifty_if_it_names_no_start(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    one, two = new_channel(), new_channel()
    expected = (poster.post(one, *range(60)) + poster.post(two, *range(20)))[-50:]
    with enter(door, daemon.port, one, two) as listener:
        assert listener.events(50) == expected
        check_nothing_more(listener, poster, one)


def test_begins_with_what_comes_if_there_is_nothing_yet(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    channel = new_channel()
    with enter(door, daemon.port, channel) as listener:
        check_nothing_more(listener, poster, channel)
        check_nothing_more(listener, poster, channel)


def test_gets_what_it_missed_when_it_comes_back(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    one, two = new_channel(), new_channel()
    with enter(door, daemon.port, one, two, start=poster.last()) as listener:
        assert poster.post(one, "seen") + poster.post(two, "seen") == listener.events(2)
    expected = poster.post(two, *range(100)) + poster.post(one, *range(100))
    with enter(door, daemon.port, one, two, start=listener.position) as listener:
        assert listener.events(200) == expected
        check_nothing_more(listener, poster, two)


def test_has_a_position_before_its_first_event(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    channel = new_channel()
    start = poster.last()
    with enter(door, daemon.port, channel, start=start) as listener:
        position = listener.position
    missed = poster.post(channel, "missed")
    assert position is not None
    with enter(door, daemon.port, channel, start=position) as listener:
        assert listener.events(1) == missed


def test_is_told_of_a_gap_before_what_is_kept(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    busy, quiet = new_channel(), new_channel()
    start = poster.last()
    posted = poster.post(busy, *range(300))
    kept = posted[-KEPT:] + poster.post(quiet, "kept")
    with enter(door, daemon.port, busy, quiet, start=start) as listener:
        (gap,) = listener.take(1)
        assert gap == ("gap", {"channel": busy, "from": start, "oldest": kept[0]["id"]})
        assert listener.events(KEPT + 1) == kept
        check_nothing_more(listener, poster, quiet)


def test_is_told_of_a_gap_when_nothing_is_kept(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    channel = new_channel()
    with enter(door, daemon.port, channel, start=5) as listener:  # an id from before the daemon's time
        ((name, gap),) = listener.take(1)
        assert (name, gap["channel"], gap["from"]) == ("gap", channel, 5)
        assert 5 < gap["oldest"] <= poster.last()
        check_nothing_more(listener, poster, channel)


@pytest.mark.parametrize("ahead", [1_000_000, 2**52])
def test_takes_an_id_from_the_future_for_a_gap(daemon: Daemon, poster: RawPoster, door: Door, ahead: int) -> None:
    channel = new_channel()
    poster.post(channel, "old")
    start = poster.last() + ahead
    with enter(door, daemon.port, channel, start=start) as listener:
        ((name, gap),) = listener.take(1)
        assert (name, gap["channel"], gap["from"]) == ("gap", channel, start)
        check_nothing_more(listener, poster, channel)
        check_nothing_more(listener, poster, channel)


def test_follows_other_channels_without_loss_or_double(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    one, two, three = (new_channel() for _ in range(3))
    start = poster.last()
    with enter(door, daemon.port, one, start=start) as listener:
        assert poster.post(one, "first") == listener.events(1)
        missed = poster.post(two, "before it is followed")
        listener.follow(one, two)
        assert listener.events(1) == missed
        assert poster.post(one, "live") + poster.post(two, "live") == listener.events(2)
        listener.follow(two, three)
        poster.post(one, "not any more")
        assert poster.post(three, "new") + poster.post(two, "live again") == listener.events(2)
        listener.follow(three)
        check_nothing_more(listener, poster, three)


def test_hears_an_event_once_if_it_names_a_channel_twice(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    channel = new_channel()
    with enter(door, daemon.port, channel, channel, start=poster.last()) as listener:
        assert poster.post(channel, 1, 2) == listener.events(2)
        check_nothing_more(listener, poster, channel)


# --- messages ---------------------------------------------------------------------------------------------------------

MESSAGES = {
    "null": "null",
    "numbers as they were written": "[1.0,1e2,-0,0.10,12345678901234567890123,1E400]",
    "line breaks between tokens": '{\n  "a": [\r\n\t1,\r2\n\n],\n"b":\n"c"\n}',
    "spaces around": ' \n"x"\n ',
    "line breaks within strings": json.dumps("a\nb\r\nc\u2028d\u2029e\x85f"),
    "line separators as they are": '"\u2028\u2029\x85\ufeff"',
    "control characters": json.dumps("".join(map(chr, range(32))) + "\x7f"),
    "other scripts": json.dumps("né ☃ 提交 😀 \u202eabc", ensure_ascii=False),
    "what looks like a stream": json.dumps("data: x\n\nid: 5\nevent: gap\n: y\nretry: 1"),
    "lone surrogates": r'{"log":"\ud800 \udfff\ud83d","\udc00":1,"n":1.50}',
    "nothing": '""',
    "half a mebibyte": json.dumps("né" * 150_000, ensure_ascii=False),
}


@pytest.mark.parametrize("text", MESSAGES.values(), ids=MESSAGES.keys())
def test_gets_messages_as_they_were_posted(daemon: Daemon, poster: RawPoster, door: Door, text: str) -> None:
    channel = new_channel()
    start = poster.last()
    ids = [poster.post_text(channel, text)]
    with enter(door, daemon.port, channel, start=start) as listener:
        heard = listener.events(1)
        ids.append(poster.post_text(channel, text))
        heard += listener.events(1)
    assert heard == [{"id": event_id, "channel": channel, "message": json.loads(text)} for event_id in ids]


def test_gets_an_event_without_a_message(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    channel = new_channel()
    with enter(door, daemon.port, channel, start=poster.last()) as listener:
        event_id = poster.post_text(channel, None)
        assert listener.events(1) == [{"id": event_id, "channel": channel}]


@pytest.mark.parametrize(
    "channel", ["né ☃ 😀", "😀" * 50, "x" * 100, "%41", "a+b&c=d;e#f?g/h", "\x00\t\x1f", "a\nb\r", '"\\']
)
def test_follows_channels_of_any_name(daemon: Daemon, poster: RawPoster, door: Door, channel: str) -> None:
    with enter(door, daemon.port, channel, start=poster.last()) as listener:
        assert poster.post(channel, "x") == listener.events(1)


# --- load -------------------------------------------------------------------------------------------------------------


def in_background(act: Callable[[], object]) -> Thread:
    thread = Thread(target=act, daemon=True)
    thread.start()
    return thread


def test_hears_a_burst_complete_and_in_order(daemon: Daemon, poster: RawPoster, door: Door) -> None:
    channels = [new_channel() for _ in range(4 if door is LongPollListener else 10)]  # there, each takes a request
    start = poster.last()
    with enter(door, daemon.port, *channels, start=start) as listener, RawPoster(daemon.port) as other:
        posted: list[Events] = []
        threads = [
            in_background(lambda by=by, own=own: posted.extend(by.post(channel, *range(KEPT)) for channel in own))  # type: ignore[misc]
            for by, own in ((poster, channels[::2]), (other, channels[1::2]))
        ]
        heard = listener.events(len(channels) * KEPT)
        for thread in threads:
            thread.join(PATIENCE_S)
        expected = sorted((event for events in posted for event in events), key=lambda event: int(event["id"]))
        assert heard == expected
        check_nothing_more(listener, poster, channels[0])


def test_loses_and_doubles_nothing_when_it_comes_back_again_and_again(
    daemon: Daemon, poster: RawPoster, door: Door
) -> None:
    channels = [new_channel() for _ in range(3)]
    position: int | None = poster.last()
    posted: Events = []

    def post_all() -> None:
        for n in range(200):
            posted.extend(poster.post(channels[n % 3], n, n))

    posting = in_background(post_all)
    heard: Events = []
    while len(heard) < 400:
        with enter(door, daemon.port, *channels, start=position) as listener:
            heard += listener.events(min(37, 400 - len(heard)))
            position = listener.position
    posting.join(PATIENCE_S)
    assert heard == posted


def check_resumed(heard: list[Item], posted: Events, start: int) -> None:
    """Require every event once and in order; where some are missing, a gap that names them stands in their place."""
    expected, missed = 0, 0
    for name, data in heard:
        if name == "gap":
            assert data["from"] == (posted[expected - 1]["id"] if expected else start)
            resumed = next(n for n, event in enumerate(posted) if event["id"] >= data["oldest"])
            missed += resumed - expected
            expected = resumed
        else:
            assert data == posted[expected]
            expected += 1
    assert expected == len(posted)
    assert missed <= max(len(posted) - KEPT, 0)


@pytest.mark.parametrize("count", [FEW, MANY], ids=["few", "many"])
def test_costs_little_while_it_reads_nothing_and_then_goes_on(daemon: Daemon, door: Door, count: int) -> None:
    channel = new_channel()
    with RawPoster(daemon.port) as poster, Bystanders(daemon):
        start = poster.last()
        stalled = [enter(door, daemon.port, channel, start=start, stalls=True) for _ in range(STALLED)]
        before = rss_mb(daemon.pid)
        posted = [event for n in range(0, count, 50) for event in poster.post(channel, *[f"{n} {PADDING}"] * 50)]
        # Unbounded buffers would hold 1 or 2.8 MB for each; history itself has a share in it.
        assert rss_mb(daemon.pid) - before < 20
        for listener in stalled[:3]:
            check_resumed(listener.read_to(posted[-1]["id"]), posted, start)
            live = poster.post(channel, "live again")
            posted += live
            assert listener.events(1) == live
        for listener in stalled:
            listener.drop()
