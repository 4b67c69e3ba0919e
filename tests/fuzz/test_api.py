"""Can a request be found that the API's readers answer with anything but a result or a refusal?"""

import json
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oyez.errors import ProtocolError
from oyez.limits import LimitSettings
from oyez.wire import api_queries, api_requests, commands, json_text
from oyez.wire.api_answers import ApiError
from oyez.wire.api_requests import Publish
from oyez.wire.json_text import run_through
from tests.fuzz import fuzz
from tests.fuzz.test_codecs import any_json, strictly, texts, utf8_json, values

LIMITS = LimitSettings(max_channel_length=5, max_sender_message_bytes=30, max_batch_events=4, max_batch_bytes=60)
CODES = {
    (400, "bad-json"),
    (400, "bad-request"),
    (400, "invalid-channel"),
    (400, "invalid-idempotency-key"),
    (413, "too-large"),
    (422, "key-reused"),
}


names = st.text("ab/é😀\ud800", max_size=6)
keys = st.sampled_from(["k", "l", "", "\udfff"])
odd = values | texts
events = st.fixed_dictionaries(
    {"channel": names}, optional={"message": values, "key": keys, "x": st.none()}
) | st.fixed_dictionaries({}, optional={"channel": odd, "message": odd, "key": odd})
bodies = st.one_of(
    events,
    st.fixed_dictionaries(
        {"channels": st.lists(names | odd, max_size=5) | odd}, optional={"message": odd, "key": keys}
    ),
    st.fixed_dictionaries({"events": st.lists(events | odd, max_size=5) | odd}, optional={"message": odd}),
)
written = st.builds(lambda value, space: json.dumps(value, separators=(f"{space},", f":{space}")).encode(), bodies,
                    st.sampled_from(["", " ", "\n\t"]))  # fmt: skip


@given(written | any_json)
@fuzz
def test_bodies(data: bytes) -> None:
    try:
        wanted = run_through(api_requests.parse_publish(data, LIMITS))
    except ApiError as error:
        check_refusal(error)
        return
    check(wanted)
    body = json.loads(data)
    asked = body["events"] if "events" in body else [body | {"channel": name} for name in body.get("channels", ())]
    asked = asked or ([body] if "channel" in body else [])
    assert wanted.many == ("channel" not in body)
    assert len(wanted.places) == len(asked)
    for place, event in zip(wanted.places, asked, strict=True):
        post = wanted.posts[place]
        assert post.channel == event["channel"]
        assert (post.message is None) == ("message" not in event)
        if post.message is not None:
            assert strictly(post.message) == strictly(json.dumps(event["message"]).encode())


@given(written | any_json)
@fuzz
def test_what_is_decoded_in_one_go_is_what_is_read_member_by_member(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fast = read(data)
        patch.setattr(api_requests, "_SHORT_BYTES", -1)
        assert read(data) == fast


def read(data: bytes) -> object:
    """Return what a body asks for, or why it is refused."""
    try:
        wanted = run_through(api_requests.parse_publish(data, LIMITS))
    except ApiError as error:
        return error.status, error.message
    return wanted._replace(posts=list(wanted.posts), places=list(wanted.places))


def check_refusal(error: ApiError) -> None:
    """Require one of the documented answers."""
    assert (error.status, error.code) in CODES
    json.loads(error.encode())


def check(wanted: Publish) -> None:
    """Require what is promised of every request that is taken."""
    keyed = [post.key for post in wanted.posts if post.key is not None]
    assert len(keyed) == len(set(keyed))
    for post in wanted.posts:
        assert commands.is_channel(post.channel, 5)
        assert post.message is None or len(post.message) <= 30
        assert post.key is None or 1 <= len(post.key) <= 200
    assert set(wanted.places) == set(range(len(wanted.posts)))


@given(utf8_json)
@fuzz
def test_what_is_walked_over_stays_the_text_that_it_is(data: bytes) -> None:
    try:
        parts = run_through(json_text.split(data, ("", "a")))
    except ProtocolError:
        return
    whole = strictly(data)
    assert isinstance(whole, dict)
    assert {name: strictly(bytes(text)) for name, text in parts.members.items()} == whole
    assert parts.lists.keys() == {name for name in ("", "a") if isinstance(whole.get(name), list)}
    for name, elements in parts.lists.items():
        assert [strictly(bytes(element)) for element in elements] == whole[name]


@given(st.dictionaries(texts, values, max_size=4), st.sampled_from(["", " ", "\n"]))
@fuzz
def test_every_object_is_walked_over(value: dict[str, object], space: str) -> None:
    """A lone surrogate at the end sends it the slow way; the fast one has to find the same."""
    fast = json.dumps(value | {"last": 1}, separators=(f"{space},{space}", f":{space}"))
    slow = fast[: fast.rindex("1")] + '"\\ud800"' + fast[fast.rindex("1") + 1 :]
    parts = [run_through(json_text.split(text.encode(), [*value])) for text in (fast, slow)]
    assert parts[0].members.keys() == parts[1].members.keys()
    assert parts[0].lists.keys() == parts[1].lists.keys()
    for name in value.keys() - {"last"}:
        assert json.loads(bytes(parts[0].members[name])) == json.loads(bytes(parts[1].members[name]))


pieces = st.sampled_from(
    [b"limit", b"since", b"prefix", b"after", b"=", b"&", b"1", b"0", b"%", b"%61", b"%ff", b"+", b"/", b"/history",
     b"/api/channels/", b"%ED%A0%80", b"%0a"],
)  # fmt: skip
addresses = st.lists(pieces | st.binary(max_size=3), max_size=8).map(b"".join)


@given(addresses)
@fuzz
def test_queries(query: bytes) -> None:
    for parse in (api_queries.parse_channels_query, api_queries.parse_history_query):
        try:
            found = parse(query)
        except ApiError as error:
            check_refusal(error)
        else:
            assert 1 <= found.limit <= 1000


@given(addresses, st.text(max_size=5).map(str.encode))
@fuzz
def test_paths(path: bytes, name: bytes) -> None:
    try:
        api_queries.find_channel(api_queries.parse_path(path))
    except ApiError as error:
        check_refusal(error)
    quoted = b"/api/channels/%b/history" % quote_from_bytes(name).encode()
    assert api_queries.find_channel(api_queries.parse_path(quoted)) == name.decode()
