"""Is each message of the raw WebSocket dialect the command that it says, or answered in the dialect's own words?"""

import pytest

from oyez.wire import raw_commands
from oyez.wire.commands import CommandError
from oyez.wire.raw_commands import RawCommand


def command(data: bytes) -> RawCommand:
    parsed = raw_commands.parse_command(data)
    assert isinstance(parsed, RawCommand), parsed
    return parsed


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"command":"set-filter"}', "set_filter"),
        (b'{"command":"set_filter","filter":["a"]}', "set_filter"),
        (b'{"other":1,"command":"post"}', "post"),
        (b'{"command":"last-msg","text":"\\ud800"}', "last_msg"),
        (b'{"command":"\\ud800"}', "\ud800"),
    ],
)
def test_a_command_is_known_by_its_name(data: bytes, name: str) -> None:
    assert command(data).name == name


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[]", "no command specified"),
        (b"{}", "no command specified"),
        (b'"command"', "no command specified"),
        (b'{"command":1}', "no command specified"),
        (b"", None),
        (b"{", None),
        (b'{"command":"post"} more', None),
        (b"[" * 100_000, None),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_no_command_is_a_syntax_error(data: bytes, words: str | None) -> None:
    error = raw_commands.parse_command(data)
    assert isinstance(error, CommandError)
    assert error.code == "syntax-error"
    assert error.message == words or words is None
    assert 0 < len(error.message) <= 100


def test_bytes_may_be_no_text() -> None:
    error = raw_commands.parse_bytes(b'{"command":"\xff"}')
    assert error == CommandError("syntax-error", "the frame is not UTF-8")
    assert raw_commands.parse_bytes(b'{"command":"post"}') == command(b'{"command":"post"}')


def test_a_command_that_is_not_here_is_quoted_up_to_a_hundred_characters() -> None:
    assert raw_commands.bad_command("x" * 200).message == "bad command: " + "x" * 100


def test_a_filter_is_its_channels() -> None:
    parsed = raw_commands.parse_filter(
        command(b'{"command":"set-filter","filter":["a","b"]}'), max_channels=2, max_length=5
    )
    assert parsed == ["a", "b"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (b"", "undefined"),
        (b',"filter":"news"', "news"),
        (b',"filter":{}', "[object Object]"),
        (b',"filter":[]', ""),
        (b',"filter":7', "7"),
        (b',"filter":' + b"9" * 5000, "9" * 100),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_no_filter_is_quoted_as_a_browser_would(members: bytes, words: str) -> None:
    error = raw_commands.parse_filter(command(b'{"command":"set-filter"%b}' % members), max_channels=2, max_length=5)
    assert error == CommandError("invalid-filter", f"invalid filter: {words}")


@pytest.mark.parametrize("channels", [b'["a","b","c"]', b'["too long"]'])
def test_a_filter_beyond_its_limits_says_which(channels: bytes) -> None:
    error = raw_commands.parse_filter(
        command(b'{"command":"set-filter","filter":%b}' % channels), max_channels=2, max_length=5
    )
    assert isinstance(error, CommandError)
    assert error.code == "invalid-filter"
    assert error.message.startswith("invalid filter: ")


def test_only_true_asks_for_notices_and_positions() -> None:
    for value, asked in ((b"true", True), (b"false", False), (b"1", False), (b'"true"', False)):
        parsed = command(b'{"command":"set-filter","notify":%b,"position":%b}' % (value, value))
        assert raw_commands.wants_notices(parsed) is raw_commands.wants_position(parsed) is asked
    assert not raw_commands.wants_notices(command(b'{"command":"set-filter"}'))


@pytest.mark.parametrize(("member", "key"), [(b',"key":"hush"', "hush"), (b',"key":7', None), (b"", None)])
def test_a_key_is_a_text(member: bytes, key: str | None) -> None:
    assert raw_commands.parse_key(command(b'{"command":"auth"%b}' % member)) == key


def test_answers_to_the_byte() -> None:
    assert raw_commands.encode_position(b'{"status":"success"}', 7) == b'{"status":"success","id":7}'
    assert raw_commands.encode_gap_notice("a", 3, 5) == b'{"status":"gap","channel":"a","from":3,"oldest":5}'
