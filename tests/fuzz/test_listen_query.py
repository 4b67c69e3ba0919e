"""Can a URL be found that gets anything but channels that can be followed, or a refusal with its reason?"""

from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oyez.errors import ProtocolError
from oyez.wire import commands
from oyez.wire.listen_query import ListenQuery, parse_poll, parse_stream
from tests.fuzz import fuzz

pieces = st.sampled_from(
    [b"a", b"|", b"%7C", b"%7c", b"%", b"%4", b"%zz", b"%ff", b"%C3%A9", b"%00", b"%0A", b"/", b"+", b"&", b"=", b";",
     b"?", b"#", b"channel=", b"channels=", b"last=", b"notify=1", b"nowait=1",
     b"lastEventId=", b"last-event_ID=", b"callback=",
     b"5", b"1e400", b"\xff", b"\xc3\xa9", b"%ED%A0%80"]
)  # fmt: skip
targets = st.lists(pieces, max_size=12).map(b"".join) | st.binary(max_size=20)
headers = st.none() | st.sampled_from(["", "5", "-1", "abc", " 7 ", "9" * 5000, "1_0", "é"]) | st.text(max_size=5)

# Names as sites have them, of any characters that UTF-8 can carry.
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
plain_names = names.filter(lambda name: "|" not in name)


def check(parse: Callable[[], ListenQuery]) -> None:
    try:
        query = parse()
    except ProtocolError:
        return
    assert 1 <= len(query.channels) <= 3
    assert len(set(query.channels)) == len(query.channels)
    assert all(commands.is_channel(name, 5) for name in query.channels)
    assert all(name.encode() for name in query.channels)  # no lone surrogates
    assert query.start is None or 1 <= query.start <= commands.MAX_SAFE_INTEGER


@given(targets, targets, headers)
@fuzz
def test_polls(path: bytes, query: bytes, last_event_id: str | None) -> None:
    check(lambda: parse_poll(path, query, last_event_id, max_channels=3, max_length=5))


@given(targets, headers)
@fuzz
def test_streams(query: bytes, last_event_id: str | None) -> None:
    check(lambda: parse_stream(query, last_event_id, max_channels=3, max_length=5))


@given(
    st.lists(plain_names, min_size=1, max_size=3, unique=True), st.sampled_from("|"), st.sampled_from(["", "/", "+:@"])
)
@fuzz
def test_what_is_escaped_is_found_again(channels: list[str], separator: str, safe: str) -> None:
    short = [name for name in channels if commands.is_channel(name, 5)]
    if not short:
        return
    joined = separator.join(short)
    for path in (quote(joined, safe=safe), separator.join(quote(name, safe=safe) for name in short)):
        found = parse_poll(path.encode(), b"last=7&notify=1&nowait=1", None, max_channels=3, max_length=5)
        assert found == ListenQuery(short, 7, notify=True, nowait=True)
    for fields in ([("channel", name) for name in short], [("channels", joined)]):
        query = urlencode([*fields, ("last", "7")]).encode()
        assert parse_stream(query, None, max_channels=3, max_length=5) == ListenQuery(
            short, 7, notify=True, nowait=False
        )
        assert parse_stream(query, "8", max_channels=3, max_length=5).start == 8


@given(names)
@fuzz
def test_a_channel_of_a_stream_may_hold_anything(name: str) -> None:
    if commands.is_channel(name, 5):
        query = urlencode([("channel", name)]).encode()
        assert parse_stream(query, None, max_channels=1, max_length=5).channels == [name]


@pytest.mark.parametrize("many", [b"&".join([b"x=1"] * 101), b"&".join([b"channel=a"] * 5000)])
def test_queries_without_end_are_refused(many: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_stream(many, None, max_channels=3, max_length=5)
    with pytest.raises(ProtocolError):
        parse_poll(b"a", many, None, max_channels=3, max_length=5)
