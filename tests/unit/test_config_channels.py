"""Are rules for channels read from the file, checked, and explained when one is wrong; and what follows from them?"""

import time
from pathlib import Path

import pytest

from oyez.access.settings import ChannelSettings
from oyez.cli.channel_check import explain_channel
from oyez.cli.exits import explain
from oyez.client import grant
from oyez.config.load import load
from oyez.config.tree import Settings
from oyez.errors import ConfigError

THREE = """
key = "Zq7"
[[channels]]
match = "ticket*"
listen = "grant"
grant_ttl_s = 600
[[channels]]
match = "seen"
listen = "observe"
[[channels]]
match = "internal_*"
listen = "nobody"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "oyez.toml"


def read(file: Path, text: str, **flags: object) -> Settings:
    file.write_text(text, "utf-8")
    return load(file, {}, flags)


def refusal(file: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    return explain(caught.value)


def test_each_table_is_a_rule(file: Path) -> None:
    assert read(file, THREE).channels == (
        ChannelSettings("ticket*", "grant", 600.0),
        ChannelSettings("seen", "observe", 43_200.0),
        ChannelSettings("internal_*", "nobody", 43_200.0),
    )


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ('listen = "open"', "channels[1].match = '' is wrong: expected the channels that the rule is for"),
        ('match = ""', "channels[1].match = '' is wrong: expected the name of a channel, such as tickets or contest_*"),
        ('match = "a"\nlisten = "some"', "expected one of open, grant, observe, nobody"),
        ('match = "a"\ngrant_ttl_s = 0', "expected a number of seconds, from 1 to 31536000"),
        ('match = "a"\nhistory_size = -1', "expected a whole number of events, at least 0"),
        ('match = "a"\nhistory_ttl_s = 31622401', "expected a number of seconds, from 0 to 31622400"),
        ('match = "a"\nhistory_ttl_s = 0.0009', "expected 0, or a number of seconds of at least 0.001"),
        ('match = "a"\nhistory_ttl_s = -1', "expected a number of seconds, from 0 to 31622400"),
        ('match = "a"\nreplay_without_start = -2', "expected a whole number of events, at least -1"),
        ('match = "a"\nkeep = "no"', "expected true or false"),
        ('match = "a"\nstrip = "/a"', "expected a list of JSON pointers of 1 to 32 levels, such as /points"),
        ('match = "a"\nstrip = [""]', "expected a list of JSON pointers"),
        ('match = "a"\nstrip = ["points"]', "expected a list of JSON pointers"),
        ('match = "a"\nstrip = ["/a~2"]', "expected a list of JSON pointers"),
        (f'match = "a"\nstrip = ["{"/a" * 33}"]', "expected a list of JSON pointers"),
        ('match = "a"\npace_s = -1', "expected a number of seconds, from 0 to 60"),
        ('match = "a"\npace_s = 60.1', "expected a number of seconds, from 0 to 60"),
        ('match = "a"\nspread_s = -1', "expected a number of seconds, from 0 to 600"),
        ('match = "a"\nspread_s = 601', "expected a number of seconds, from 0 to 600"),
        ('match = "a"\nspread_s = 10\npace_s = 1', "expected 0 beside a pace_s"),
        ('match = "a"\nlatest_by = "/a~2"', "expected the name of a member, such as id, or a JSON pointer"),
        ('match = "a"\nlistens = "grant"', "there is no setting channels[1].listens; did you mean listen?"),
        (
            'match = "a"\nsecret = "no"',
            "no setting channels[1].secret; a table there may have match, listen, grant_ttl_s, history_size",
        ),
        ('match = "a"\n[[channels]]\nmatch = "a"', "channels[2].match = 'a' is wrong: expected what no rule before it"),
        ('match = "*"\n[[channels]]\nmatch = "a"', "the first counts, and channels[1] takes all of these"),
        ('match = "a"\nlisten = "grant"', "channels[1].listen = 'grant' is wrong: expected a key as well"),
    ],
)
def test_a_wrong_rule_is_named_with_what_would_be_right(file: Path, rules: str, told: str) -> None:
    assert told in refusal(file, f"[[channels]]\n{rules}\n")
    assert str(file) in refusal(file, f"[[channels]]\n{rules}\n")


def test_a_key_that_everybody_knows_signs_nothing_but_in_development_mode(file: Path) -> None:
    text = 'key = "lqdoj"\n[[channels]]\nmatch = "a"\nlisten = "grant"\n'
    assert "everybody knows lqdoj and could make grants with it" in refusal(file, text)
    assert read(file, text, dev=True).channels[0].listen == "grant"


def test_no_table_at_all_is_explained(file: Path) -> None:
    assert "expected tables, each written as [[channels]]" in refusal(file, "channels = 5\n")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("news", ["# news: no rule fits; everybody who knows the name may listen."]),
        (
            "tickets",
            [
                '# tickets: the rule channels[1] fits (match = "ticket*"); '
                "who has a grant may listen, for 600 s after its issue.",
                "# tickets: there is no grant in it, so it is refused.",
            ],
        ),
        (
            "seen",
            [
                '# seen: the rule channels[2] fits (match = "seen"); '
                "everybody may listen, and who has no good grant is counted.",
                "# seen: there is no grant in it, so it is let in.",
            ],
        ),
        ("internal_1", ['# internal_1: the rule channels[3] fits (match = "internal_*"); nobody may listen.']),
    ],
)
def test_what_follows_for_a_name_is_told(file: Path, name: str, lines: list[str]) -> None:
    assert list(explain_channel(read(file, THREE), name)) == lines


def test_a_grant_is_judged(file: Path) -> None:
    settings = read(file, THREE)
    good, old = (grant("tickets", 42, key="Zq7", issued_at=time.time() - age_s) for age_s in (0, 601))
    assert list(explain_channel(settings, good))[1] == f"# {good}: the grant in it is good, for 42, so it is let in."
    assert list(explain_channel(settings, old))[1] == f"# {old}: the grant in it has expired, for 42, so it is refused."
    spoilt = good[:-1]
    assert "its grant is not signed with a key that is for the channel" in list(explain_channel(settings, spoilt))[1]


def test_without_rules_everybody_may_listen(file: Path) -> None:
    assert list(explain_channel(read(file, ""), "tickets")) == [
        "# tickets: everybody who knows the name may listen, since no rule of [[channels]] closes any channel."
    ]


BOUNDS = """
[[channels]]
match = "tickets"
history_size = 1000
history_ttl_s = 31622400
replay_without_start = 0
[[channels]]
match = "t*"
history_ttl_s = 0.001
"""


def test_each_bound_of_history_may_be_set_to_its_last(file: Path) -> None:
    assert read(file, BOUNDS).channels == (
        ChannelSettings("tickets", history_size=1000, history_ttl_s=31_622_400.0, replay_without_start=0),
        ChannelSettings("t*", history_ttl_s=0.001),
    )


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "tickets",
            [
                '# tickets: the rule channels[1] fits (match = "tickets").',
                "# tickets: its newest 1000 events are kept in memory, each for 31622400 s.",
                "# tickets: who names no event to start from gets the newest 0 events of such channels.",
            ],
        ),
        (
            "tickets_2",
            [
                '# tickets_2: the rule channels[2] fits (match = "t*").',
                "# tickets_2: its newest 256 events are kept in memory, each for 0.001 s.",
            ],
        ),
        ("news", []),
    ],
)
def test_what_is_kept_of_a_channel_is_told(file: Path, name: str, lines: list[str]) -> None:
    told = list(explain_channel(read(file, BOUNDS), name))
    assert told[0].endswith("since no rule of [[channels]] closes any channel.")
    assert told[1:] == lines


def test_what_is_kept_is_told_where_a_rule_closes_a_channel_too(file: Path) -> None:
    rule = 'key = "Zq7"\n[[channels]]\nmatch = "a"\nlisten = "nobody"\nhistory_size = 7\n'
    assert list(explain_channel(read(file, rule), "a")) == [
        '# a: the rule channels[1] fits (match = "a"); nobody may listen.',
        "# a: its newest 7 events are kept in memory, each for 600 s.",
    ]


def test_what_leaves_messages_is_read_and_told(file: Path) -> None:
    longest = "/a" * 32
    settings = read(file, f'[[channels]]\nmatch = "a"\nstrip = ["/points", "/", "/~0~1/0", "{longest}"]\n')
    assert settings.channels[0].strip == ("/points", "/", "/~0~1/0", longest)
    told = f"# a: /points, /, /~0~1/0, {longest} leave its messages before anybody sees them."
    assert list(explain_channel(settings, "a"))[2] == told


@pytest.mark.parametrize("listen", ["open", "nobody"])
def test_what_presence_means_is_told(file: Path, listen: str) -> None:
    rules = f'key = "Zq7"\n[[channels]]\nmatch = "a*"\nlisten = "{listen}"\npresence = "count"\n'
    told = list(explain_channel(read(file, rules), "a"))
    assert told[-1] == "# a: listeners that ask for it are told how many there are, and not who."
    assert "told how many" not in "".join(explain_channel(read(file, rules), "b"))


def test_how_often_listeners_are_written_to_is_told(file: Path) -> None:
    rule = '[[channels]]\nmatch = "submissions"\npace_s = 0.5\nlatest_by = "/a~1b/id"\n'
    settings = read(file, rule)
    assert settings.channels == (ChannelSettings("submissions", pace_s=0.5, latest_by="/a~1b/id"),)
    assert list(explain_channel(settings, "submissions"))[1:] == [
        '# submissions: the rule channels[1] fits (match = "submissions").',
        "# submissions: a listener is written to once in 0.5 s, with all that came meanwhile.",
        "# submissions: whoever is late gets, of events with the same /a~1b/id, the newest.",
    ]


UNKEPT = '[[channels]]\nmatch = "kept"\n[[channels]]\nmatch = "*"\nkeep = false\n'


@pytest.mark.parametrize("broker", ["memory://", "sqlite:///tmp/events", "amqp://host?exchange=a"])
def test_what_is_in_memory_only_is_told(file: Path, broker: str) -> None:
    settings = read(file, UNKEPT, broker=broker)
    assert list(explain_channel(settings, "a"))[2:] == [
        "# a: its events are in memory only, and after a restart listeners are told of a gap."
    ]
    assert len(list(explain_channel(settings, "kept"))) == 2


def test_a_store_that_cannot_leave_out_events_is_named(file: Path) -> None:
    told = refusal(file, f'broker = "amqp://host?exchange=a&stream=events"\n{UNKEPT}')
    assert "channels[2].keep = false is wrong: expected true with this store: the stream events of RabbitMQ" in told
    assert "sqlite://, memory:// and amqp:// without a stream can leave out events" in told
    assert "Redis keeps all that is posted" in refusal(file, f'broker = "redis://host"\n{UNKEPT}')


def test_how_long_listeners_are_spread_over_is_told(file: Path) -> None:
    settings = read(file, '[[channels]]\nmatch = "contest_*"\nspread_s = 10\n')
    assert settings.channels == (ChannelSettings("contest_*", spread_s=10.0),)
    assert list(explain_channel(settings, "contest_1"))[2:] == [
        "# contest_1: each listener is written to at a moment of its own within 10 s."
    ]
