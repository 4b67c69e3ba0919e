"""Are commands read as the contract says, and answered byte for byte?"""

import pytest

from oyez.wire import commands
from oyez.wire.commands import CommandError, PostCommand
from oyez.wire.json_text import Json


@pytest.mark.parametrize(
    ("reply", "data"),
    [
        (commands.SUCCESS, b'{"status":"success"}'),
        (commands.success_with_id(1795380015563), b'{"status":"success","id":1795380015563}'),
        (commands.encode_subscribed(None), b'{"status":"success"}'),
        (commands.encode_subscribed(True), b'{"status":"success","recovered":true}'),
        (commands.encode_subscribed(False), b'{"status":"success","recovered":false}'),
        (commands.encode_gap("a", 5, 9), b'{"channel":"a","from":5,"oldest":9}'),
        (commands.encode_event(5, 'a"', b'{"x": 1}'), b'{"id":5,"channel":"a\\"","message":{"x": 1}}'),
        (commands.encode_event(5, "\ud800", None), b'{"id":5,"channel":"\\ud800"}'),
        (
            commands.INVALID_CHANNEL_IN_POST.encode(),
            b'{"status":"error","code":"invalid-channel","message":"Invalid channel"}',
        ),
        (
            commands.invalid_channel_in_filter(100).encode(),
            b'{"status":"error","code":"invalid-channel",'
            b'"message":"Channel must be a non-empty string (max 100 chars)"}',
        ),
        (
            commands.INVALID_FILTER.encode(),
            b'{"status":"error","code":"invalid-filter","message":"Invalid filter"}',
        ),
        (
            commands.too_many_subscriptions(10).encode(),
            b'{"status":"error","code":"too-many-subscriptions","message":"Maximum 10 subscriptions per connection"}',
        ),
        (
            commands.UNAUTHORIZED.encode(),
            b'{"status":"error","code":"unauthorized","message":"Unauthorized operation"}',
        ),
        (
            commands.AT_CAPACITY.encode(),
            b'{"status":"error","code":"server-capacity","message":"Server at capacity"}',
        ),
    ],
)
def test_replies(reply: bytes, data: bytes) -> None:
    assert reply == data


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a", True),
        ("", False),
        ("x" * 100, True),
        ("x" * 101, False),
        ("😀" * 50, True),
        ("😀" * 50 + "x", False),
        ("😀" * 51, False),
        ("é" * 100, True),
        ("\ud800" * 100, True),
        ("\ud800" * 101, False),
    ],
)
def test_channels_are_measured_as_browsers_do(name: str, good: bool) -> None:
    assert commands.is_channel(name, 100) is good


def post(data: bytes) -> PostCommand | None:
    return commands.parse_post(Json(data))


@pytest.mark.parametrize(
    ("data", "command"),
    [
        (b'{"channel":"a","message":{"x" : 1.0}}', PostCommand("a", b'{"x" : 1.0}')),
        (b'{"message":null,"channel":"a","more":1}', PostCommand("a", b"null")),
        (b'{"channel":"a"}', PostCommand("a", None)),
        (b'{"channel":""}', PostCommand("", None)),
        (b'{"channel":"a","message":"\\ud800"}', PostCommand("a", b'"\\ud800"')),
        (b'{"channel":"\\ud800"}', PostCommand("\ud800", None)),
        (b'{"channel":"a","message":1e400}', PostCommand("a", b"1e400")),
        (b'{"channel":"a","message":%s}' % (b"7" * 5000), PostCommand("a", b"7" * 5000)),
        (b"{}", None),
        (b'{"message":"\\ud800"}', None),
        (b'{"channel":5}', None),
        (b'{"channel":["\\ud800"]}', None),
        (b'"\\ud800"', None),
        (b"null", None),
        (b"5", None),
        (b"[]", None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_posts(data: bytes, command: PostCommand | None) -> None:
    assert post(data) == command


def test_a_post_without_an_argument() -> None:
    assert commands.parse_post(None) is None


@pytest.mark.parametrize(
    ("start", "number"),
    [
        (b"1", 1), (b"1795380015563", 1795380015563), (b"12.9", 12), (b'"123"', 123), (b'" 12 "', 12), (b"1e3", 1000),
        (b"1e400", commands.MAX_SAFE_INTEGER), (b"9" * 5000, commands.MAX_SAFE_INTEGER),
        (b"9007199254740991", commands.MAX_SAFE_INTEGER), (b"9007199254740993", commands.MAX_SAFE_INTEGER),
        (b"0", None), (b"-5", None), (b"0.5", None), (b'""', None), (b'"abc"', None), (b'"nan"', None), (b"null", None),
        (b"true", None), (b"[]", None), (b"{}", None), (b'"\\ud800"', None), (b'"1_0"', None),
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_starts(start: bytes, number: int | None) -> None:
    assert commands.parse_start(Json(b'{"start":%s}' % start)) == number


@pytest.mark.parametrize("data", [None, b"null", b"5", b"[]", b"{}", b'{"begin":5}'])
def test_no_start(data: bytes | None) -> None:
    assert commands.parse_start(None if data is None else Json(data)) is None


def parse(data: bytes | None) -> list[str] | CommandError:
    argument = None if data is None else Json(data)
    return commands.parse_filter(argument, max_channels=3, max_length=5)


@pytest.mark.parametrize(
    ("data", "channels"),
    [
        (b'{"filter":["a","b"]}', ["a", "b"]),
        (b'{"filter":["a","a","a"]}', ["a", "a", "a"]),
        (b'{"filter":["\\ud800"]}', ["\ud800"]),
    ],
)
def test_filters(data: bytes, channels: list[str]) -> None:
    assert parse(data) == channels


@pytest.mark.parametrize(
    "data", [None, b"null", b"5", b"[]", b"{}", b'{"filter":[]}', b'{"filter":"a"}', b'{"filter":{"a":1}}',
             b'{"filter":null}']
)  # fmt: skip
def test_filters_that_are_none(data: bytes | None) -> None:
    assert parse(data) == commands.INVALID_FILTER


def test_filters_are_counted_before_their_entries_are_looked_at() -> None:
    assert parse(b'{"filter":[1,"","a","a"]}') == commands.too_many_subscriptions(3)


@pytest.mark.parametrize("entry", [b"1", b"null", b'""', b'"123456"', b'["a"]', '"😀😀😀"'.encode()])
def test_filters_with_a_bad_entry(entry: bytes) -> None:
    assert parse(b'{"filter":["a",%s]}' % entry) == commands.invalid_channel_in_filter(5)
