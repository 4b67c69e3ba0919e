"""What may stand in a body that asks to publish, and what is said of everything else?"""

import json

import pytest

from oyez.limits import LimitSettings
from oyez.wire.api_answers import ApiError
from oyez.wire.api_requests import KeyedPost, Publish, check_header_key, parse_publish
from oyez.wire.json_text import run_through

LIMITS = LimitSettings(max_channel_length=10, max_sender_message_bytes=100, max_batch_events=2000, max_batch_bytes=1000)


def parse(body: object) -> Publish:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return run_through(parse_publish(data, LIMITS))


def refusal(body: object) -> tuple[int, str, str]:
    with pytest.raises(ApiError) as error:
        parse(body)
    return error.value.status, error.value.code, error.value.message


def test_one_event() -> None:
    assert parse(b'{"channel":"a","message":{"x" : 1.0}}') == Publish(
        (KeyedPost("a", b'{"x" : 1.0}', None),), (0,), None, ""
    )
    assert parse({"channel": "a"}).posts == (KeyedPost("a", None, None),)
    assert parse({"channel": "a", "message": None, "key": "k"}).posts == (KeyedPost("a", b"null", None),)
    assert parse({"channel": "a", "key": "k"}).key == "k"


def test_an_event_for_each_channel_and_none_twice() -> None:
    wanted = parse({"channels": ["b", "a", "b"], "message": 1, "key": "k"})
    assert wanted == Publish([KeyedPost("b", b"1", None), KeyedPost("a", b"1", None)], [0, 1, 0], "k", "channels")
    assert parse({"channels": []}) == Publish([], [], None, "channels")


def test_a_batch() -> None:
    wanted = parse({"events": [{"channel": "a"}, {"channel": "b", "message": "x", "key": "k"}, {"channel": "a"}]})
    assert wanted == Publish(
        [KeyedPost("a", None, None), KeyedPost("b", b'"x"', "k"), KeyedPost("a", None, None)],
        range(3),
        None,
        "events",
    )
    assert parse({"events": []}).posts == []


def test_the_same_key_twice_in_a_batch_is_one_event() -> None:
    event = {"channel": "a", "message": 1, "key": "k"}
    wanted = parse({"events": [event, {"channel": "a", "message": 1}, event]})
    assert (len(wanted.posts), wanted.places) == (2, [0, 1, 0])
    status, code, message = refusal({"events": [event, event | {"message": 2}]})
    assert (status, code) == (422, "key-reused")
    assert "events[1]" in message
    assert wanted.place_of("k") == "events[0]"
    assert wanted.place_of("other") == "the request"


@pytest.mark.parametrize("form", ['{"channel":"a","message":%s}', '{"events":[{"channel":"a","message":%s}]}'])
@pytest.mark.parametrize(
    "message", ['"\\ud800"', '{"x":["\\udfff", 1.0, 1e400]}', '"é😀"', "1e400", '"\\ud83d\\ude00"']
)
def test_messages_stay_the_text_that_they_are(form: str, message: str) -> None:
    (post,) = parse((form % message).encode()).posts
    assert post.message == message.encode()


def test_a_lone_surrogate_changes_no_other_message_of_its_batch() -> None:
    body = b'{"events":[{"channel":"a","message":1.50},{"channel":"\\ud800","message":"\\udfff","key":"\\udc00"}]}'
    assert parse(body).posts == [KeyedPost("a", b"1.50", None), KeyedPost("\ud800", b'"\\udfff"', "\udc00")]
    assert parse(b'{"channels":["\\ud800","a"]}').posts == [KeyedPost("\ud800", None, None), KeyedPost("a", None, None)]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"5", b'"a"', b'{"channel":"a"}}', b"\xff", b'{"channel":"\xff"}', b"\xef\xbb\xbf{}",
     b'{"channel":"a","message":NaN}', b'{"channel":"a","message":"\xff"}',
     b'{"channel":"a","message":' + b"[" * 100_000],
    ids=lambda data: repr(data[:30]),
)  # fmt: skip
def test_a_body_that_is_no_object_is_bad_json(body: bytes) -> None:
    assert refusal(body)[:2] == (400, "bad-json")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "'channel', 'channels' and 'events'"),
        ({"message": 1}, "'channel', 'channels' and 'events'"),
        ({"chanel": "a", "message": 1}, "there are: 'chanel', 'message'"),
        ({"channel": "a", "channels": []}, "One of"),
        ({"channel": "a", "mesage": 1}, "'mesage'"),
        ({"channel": "a", "\ud800" * 99: 1}, "has a member"),
        ({"events": [], "key": "k"}, "'key'"),
        ({"events": [], "message": 1}, "'message'"),
        ({"events": {}}, "'events' must be a list"),
        ({"events": None}, "'events' must be a list"),
        ({"channels": "a"}, "'channels' must be a list"),
        ({"channels": ["a"] * 2001}, "2000"),
        ({"events": [{"channel": "a"}] * 2001}, "2000"),
        ({"events": [{"channel": "a"}, 5]}, "events[1]"),
        ({"events": [{"channel": "a"}, {"channel": "a", "id": 5}]}, "events[1]"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_not_known_is_refused(body: object, words: str) -> None:
    status, code, message = refusal(body)
    assert (status, code) == (400, "bad-request")
    assert words in message
    assert len(message) < 200


@pytest.mark.parametrize("name", [None, 5, "", "x" * 11, "😀" * 6, [], {"a": 1}])
def test_bad_names_of_channels_are_refused(name: object) -> None:
    for body in ({"channel": name}, {"channels": ["a", name]}, {"events": [{"channel": "a"}, {"channel": name}]}):
        status, code, message = refusal(body)
        assert (status, code) == (400, "invalid-channel")
        assert "channel" in body or "[1]" in message
    assert refusal({"events": [{}]})[1] == "invalid-channel"


@pytest.mark.parametrize("key", [None, 5, "", "x" * 201, []])
def test_bad_keys_are_refused(key: object) -> None:
    for body in (
        {"channel": "a", "key": key},
        {"channels": ["a"], "key": key},
        {"events": [{"channel": "a"}, {"channel": "a", "key": key}]},
    ):
        status, code, message = refusal(body)
        assert (status, code) == (400, "invalid-idempotency-key")
        assert "events" not in body or "events[1]" in message


def test_keys_may_have_any_200_characters() -> None:
    assert parse({"channel": "a", "key": "😀" * 200}).key == "😀" * 200
    check_header_key(b"x" * 200)
    for key in (b"", b"x" * 201):
        with pytest.raises(ApiError):
            check_header_key(key)


def test_long_messages_are_refused() -> None:
    assert parse({"channel": "a", "message": "x" * 98}).posts[0].message == b'"%s"' % (b"x" * 98)
    long = {"channel": "a", "message": "x" * 99}
    assert refusal(long)[:2] == (413, "too-large")
    status, code, message = refusal({"events": [{"channel": "a"}, long]})
    assert (status, code) == (413, "too-large")
    assert "events[1]" in message


def test_a_message_counts_once_for_each_channel() -> None:
    names = [str(number) for number in range(10)]
    assert len(parse({"channels": names, "message": "x" * 98}).posts) == 10
    assert len(parse({"channels": names * 2, "message": "x" * 98}).posts) == 10
    assert refusal({"channels": [*names, "more"], "message": "x" * 98})[:2] == (413, "too-large")
    assert len(parse({"channels": [*names, "more"]}).posts) == 11


@pytest.mark.parametrize("body", [{"events": [{"channel": "a"}] * 2000}, {"channels": ["a"] * 2000}])
def test_others_may_go_on_while_a_long_body_is_read(body: object) -> None:
    assert sum(1 for _ in parse_publish(json.dumps(body).encode(), LIMITS)) >= 2
