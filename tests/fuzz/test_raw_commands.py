"""Can a message to a raw WebSocket door be found that gets anything but a command or the dialect's refusal?"""

import json

from hypothesis import given
from hypothesis import strategies as st

from oyez.wire import commands, json_text, raw_commands
from oyez.wire.commands import CommandError
from oyez.wire.raw_commands import RawCommand
from tests.fuzz import fuzz
from tests.fuzz.test_codecs import almost_json, is_utf8, numbers, texts

names = st.sampled_from(
    ["post", "auth", "last-msg", "last_msg", "start-msg", "set-filter", "set_filter", "__proto__", "-", ""]
)
# Less deep than what may stand in a message: it is looked at no further here.
anything = st.none() | st.booleans() | numbers | texts | st.sampled_from([[], {}, [[1, "x"]], {"a": {"b": None}}])
members = st.fixed_dictionaries(
    {"command": names | texts | anything},
    optional={
        "channel": texts | anything,
        "message": anything,
        "key": texts | anything,
        "start": numbers | texts | anything,
        "filter": st.lists(texts | anything, max_size=5) | anything,
        "notify": st.booleans() | anything,
    },
)


def write(value: object, escaped: bool) -> bytes:
    return json.dumps(value, ensure_ascii=escaped).encode("utf-8", "strict" if escaped else "backslashreplace")


commands_sent = st.builds(write, members, st.booleans())
spoilt = st.builds(
    lambda data, piece, at: data[: at % (len(data) + 1)] + piece + data[at % (len(data) + 1) :],
    commands_sent,
    st.sampled_from(
        [b"", b"\xff", b'"', b"\x00", b"\xef\xbb\xbf", b"9" * 5000, b"[" * 2000, b"\\ud800", b"1e999", b"}"]
    ),
    st.integers(0, 200),
)
sent = commands_sent | spoilt | almost_json | commands_sent.map(lambda data: data.decode().encode("utf-16"))


def check_refusal(error: CommandError, codes: set[str]) -> None:
    reply = json.loads(error.encode().decode())
    assert reply.keys() == {"status", "code", "message"}
    assert (reply["status"], reply["code"]) == ("error", error.code)
    assert error.code in codes
    assert len(reply["message"]) <= 150


def check_listener(command: RawCommand) -> None:
    channels = raw_commands.parse_filter(command, max_channels=3, max_length=5)
    if isinstance(channels, CommandError):
        check_refusal(channels, {"invalid-filter"})
        assert channels.message.startswith("invalid filter: ")
    else:
        assert 1 <= len(channels) <= 3
        assert all(1 <= len(name.encode("utf-16-le", "surrogatepass")) <= 10 for name in channels)
    start = commands.parse_start(command.members)
    assert start is None or 1 <= start <= commands.MAX_SAFE_INTEGER
    assert isinstance(raw_commands.wants_notices(command), bool)


def check_poster(command: RawCommand) -> None:
    key = raw_commands.parse_key(command)
    assert key is None or isinstance(key, str)
    post = commands.parse_post(command.members)
    if post is not None:
        event = commands.encode_event(7, post.channel, post.message)
        json.loads(event.decode())  # what listeners get is JSON in UTF-8


@given(sent)
@fuzz
def test_every_message_is_a_command_or_is_refused(data: bytes) -> None:
    command = raw_commands.parse_bytes(data)
    assert not is_utf8(data) or type(raw_commands.parse_command(data)) is type(command)
    if isinstance(command, CommandError):
        check_refusal(command, {"syntax-error"})
        return
    assert is_utf8(data)
    assert "-" not in command.name
    check_refusal(raw_commands.bad_command(command.name), {"bad-command"})
    check_listener(command)
    check_poster(command)


@given(members, st.booleans())
@fuzz
def test_commands_are_found_whatever_stands_beside_them(value: dict[str, object], escaped: bool) -> None:
    command = raw_commands.parse_command(write(value, escaped))
    named = json.loads(json.dumps(value["command"]))
    if not isinstance(named, str):
        assert command == CommandError("syntax-error", "no command specified")
        return
    assert isinstance(command, RawCommand)
    assert command.name == named.replace("-", "_")
    assert raw_commands.wants_notices(command) is (value.get("notify") is True)
    key = json.loads(json.dumps(value.get("key")))
    assert raw_commands.parse_key(command) == (key if isinstance(key, str) else None)


@given(texts, st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
@fuzz
def test_gap_notices_are_json(channel: str, after: int, oldest: int) -> None:
    notice = json.loads(raw_commands.encode_gap_notice(channel, after, oldest).decode())
    channel = json.loads(json_text.encode_string(channel).decode())
    assert notice == {"status": "gap", "channel": channel, "from": after, "oldest": oldest}
