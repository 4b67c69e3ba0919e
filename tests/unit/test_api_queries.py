"""What may stand in an address of the API, and what is said of everything else?"""

import pytest

from oyez.wire import api_queries
from oyez.wire.api_answers import ApiError
from oyez.wire.api_queries import ChannelsQuery, HistoryQuery

NEWEST = 2**53 - 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", ChannelsQuery("", "", 100)),
        (b"&&", ChannelsQuery("", "", 100)),
        (b"prefix=a%2Fb&after=c+d%2B&limit=1000", ChannelsQuery("a/b", "c d+", 1000)),
        (b"prefix=&after=&limit=1", ChannelsQuery("", "", 1)),
        (b"after=%C3%A9%ED%A0%80", ChannelsQuery("", "é\ud800", 100)),
        (b"pre%66ix=a=b", ChannelsQuery("a=b", "", 100)),
    ],
)
def test_channels_are_asked_for(query: bytes, expected: ChannelsQuery) -> None:
    assert api_queries.parse_channels_query(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", HistoryQuery(None, 100)),
        (b"since=0", HistoryQuery(None, 100)),
        (b"since=1&limit=7", HistoryQuery(1, 7)),
        (b"since=%d" % NEWEST, HistoryQuery(NEWEST, 100)),
    ],
)
def test_history_is_asked_for(query: bytes, expected: HistoryQuery) -> None:
    assert api_queries.parse_history_query(query) == expected


@pytest.mark.parametrize(
    "query",
    [b"limit=", b"limit=0", b"limit=1001", b"limit=-1", b"limit=+1", b"limit=1.0", b"limit=1e2", b"limit=%201",
     b"limit=x", "limit=٣".encode(), b"limit", b"limit=1&limit=1", b"x=1", b"x", b"Limit=1", b"limit=1&&limit=2", b"=",
     b"limit[]=1", b"limit=%", b"limit=%1", b"limit=%zz", b"limit=%ff", b"%ff=1", b"since=1&since=1",
     b"limit=" + b"9" * 5000],
)  # fmt: skip
def test_bad_queries_are_refused(query: bytes) -> None:
    for parse in (api_queries.parse_history_query, api_queries.parse_channels_query, api_queries.parse_no_query):
        with pytest.raises(ApiError) as error:
            parse(query)
        assert (error.value.status, error.value.code) == (400, "bad-request")
        assert len(error.value.message) < 200


@pytest.mark.parametrize("since", [b"-1", b"%d" % (NEWEST + 1), b"null", b""])
def test_a_position_is_an_id(since: bytes) -> None:
    with pytest.raises(ApiError):
        api_queries.parse_history_query(b"since=" + since)


@pytest.mark.parametrize(
    ("path", "channel"),
    [
        (b"/api/channels/a/history", "a"),
        (b"/api/channels/a%2Fb/c/history", "a/b/c"),
        (b"/api/channels/%0a%00/history", "\n\0"),
        (b"/api/channels/history/history", "history"),
        (b"/api/channels/a%2Flisteners/listeners", "a/listeners"),
        (b"/api/channels/listeners", None),
        (b"/api/channels/a/listenerz", None),
        (b"/api/channels/x/history%2Fhistory/history", "x/history/history"),
        (b"/api/channels/+%2B%20/history", "++ "),
        (b"/api/channels/%F0%9F%98%80%ED%A0%80/history", "😀\ud800"),
        (b"/%61pi/channels/./../history", "./.."),
        (b"/api/channels//history", ""),
        (b"/api/channels/history", None),
        (b"/api/channels/a/history/", None),
        (b"/api/channels/a/history%0A", None),
        (b"/api/channels/a", None),
        (b"/x/api/channels/a/history", None),
    ],
)
def test_channels_in_paths_may_hold_any_character(path: bytes, channel: str | None) -> None:
    assert api_queries.find_channel(api_queries.parse_path(path)) == channel


@pytest.mark.parametrize("path", [b"/api/%ff", b"/api/%", b"/api/%zz", b"/api/%c3/x"])
def test_paths_that_cannot_be_read_are_refused(path: bytes) -> None:
    with pytest.raises(ApiError) as error:
        api_queries.parse_path(path)
    assert error.value.code == "bad-request"


def test_names_in_paths_are_checked() -> None:
    api_queries.check_channel("😀" * 5, 10)
    for name in ("", "x" * 11, "😀" * 5 + "x"):
        with pytest.raises(ApiError) as error:
            api_queries.check_channel(name, 10)
        assert error.value.code == "invalid-channel"
