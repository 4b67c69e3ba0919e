"""Which channels and which position does a URL name?"""

import pytest

from oyez.errors import ProtocolError
from oyez.wire.listen_query import WordedError, parse_poll, parse_stream

SPELLINGS = [
    "lastEventId",
    "last_event_id",
    "Last-Event-ID",
    "last-event-id",
    "lasteventid",
    "LAST_EVENT_ID",
    "evs_last_event_id",
]


def positions(query: str, header: str | None = None) -> set[int | None]:
    """Read the position at both doors."""
    poll = parse_poll(b"a", query.encode(), header, max_channels=3, max_length=10)
    stream = parse_stream(b"channel=a&" + query.encode(), header, max_channels=3, max_length=10)
    return {poll.start, stream.start}


@pytest.mark.parametrize("name", SPELLINGS)
def test_scripts_name_their_position_in_many_ways(name: str) -> None:
    assert positions(f"{name}=7") == {7}
    assert positions(f"last=5&{name}=7") == positions(f"{name}=7&last=5") == positions(f"last=9&{name}=7") == {7}


@pytest.mark.parametrize(
    ("query", "header", "position"),
    [
        ("", None, None), ("last=5", None, 5), ("last=5", "7", 7), ("last=9", "7", 7), ("last=5", "", 5),
        ("last=5&lastEventId=7", "8", 8), ("lastEventId=9", "8", 8), ("lastEventId=5&lastEventId=7", None, 7),
        ("lastEventId=5&last_event_id=6&lastEventId=7", None, 7), ("Last-Event-ID=5&lastEventId=4", None, 4),
        ("last=5", "abc", 5), ("last=5", "0", 5), ("last=5&lastEventId=", None, 5),
        ("last=5&lastEventId=7", "", 7), ("lastEventId=null", "undefined", None),
        ("last=5&lastEventId=null", None, 5), ("last=5&lastEventId=7&lastEventId=", None, 7), ("last=5", "%37", 5),
        ("lastEventId=%37", None, 7), ("last=5", " 7 ", 7), ("_=1719&t=5&lastEvent=4&eventId=3&last_id=2", None, None),
    ],
)  # fmt: skip
def test_what_was_said_last_counts(query: str, header: str | None, position: int | None) -> None:
    assert positions(query, header) == {position}


@pytest.mark.parametrize("path", ["a|", "|a", "a||b", "||a|", "a%7C", "%7C%7Ca|b", "a|b|c|"])
def test_empty_names_are_passed_over(path: str) -> None:
    names = [name for name in path.replace("%7C", "|").split("|") if name]
    assert parse_poll(path.encode(), b"", None, max_channels=3, max_length=10).channels == names
    query = f"channels={path}&channel=&channel={names[0]}".encode()
    assert set(parse_stream(query, None, max_channels=3, max_length=10).channels) == set(names)


@pytest.mark.parametrize("path", ["", "|", "||", "%7C"])
def test_nothing_but_empty_names_is_refused(path: str) -> None:
    with pytest.raises(ProtocolError, match="no channel"):
        parse_poll(path.encode(), b"", None, max_channels=3, max_length=10)
    with pytest.raises(ProtocolError, match="no channel"):
        parse_stream(b"channel=&channels=" + path.encode(), None, max_channels=3, max_length=10)


@pytest.mark.parametrize("query", ["callback=jQuery123_4", "last=5&callback=f&_=1", "jsonp=f", "&".join(["x=1"] * 101)])
def test_what_is_not_spoken_is_told_in_words(query: str) -> None:
    with pytest.raises(WordedError):
        positions(query)


@pytest.mark.parametrize("query", ["callback=", "jsonp", "_=1719", "cb=5", "&".join(["x=1"] * 98)])
def test_what_means_nothing_is_passed_over(query: str) -> None:
    assert positions(query + "&last=5") == {5}


@pytest.mark.parametrize(
    ("query", "at_most"),
    [
        ("", None), ("max=1", 1), ("max=007", 7), ("max=256", 256), ("max=257", 256), ("max=" + "9" * 5000, 256),
        ("max=5&max=6", 6), ("maximum=5", None), ("max=%31", 1),
    ],
)  # fmt: skip
def test_how_many_events_a_poll_takes(query: str, at_most: int | None) -> None:
    assert parse_poll(b"a", query.encode(), None, max_channels=3, max_length=10).at_most == at_most


@pytest.mark.parametrize("number", ["", "0", "00", "-1", "+1", "1.5", "1e3", "x", "%D9%A3", "1_0", "%201"])
def test_a_number_of_events_that_is_none_is_refused_in_words(number: str) -> None:
    with pytest.raises(WordedError, match="max"):
        parse_poll(b"a", f"max={number}".encode(), None, max_channels=3, max_length=10)
    assert parse_stream(f"channel=a&max={number}".encode(), None, max_channels=3, max_length=10).at_most is None
