"""Can a setting be written so that loading it does anything but succeed or name what is wrong?"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oyez import setting
from oyez.config.load import load
from oyez.config.tree import Settings, fields_of, members_of, tables_of_tree
from oyez.errors import ConfigError
from tests.fuzz import fuzz

ENTRIES = list(fields_of(Settings()))
MEMBERS = [name for tables in tables_of_tree().values() for name in members_of(tables, "")]
VARIABLES = [entry.variable for entry in ENTRIES]

# What a process can get: no NUL, and of surrogates those that stand for bytes that are not UTF-8.
characters = st.characters(codec="utf-8", exclude_characters="\0") | st.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF
)
TEXTS = (
    [
        "",
        " ",
        "1",
        "-1",
        "0",
        "1e9",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "9" * 5000,
        "0x10",
        "1_0",
        "true",
        "yes",
        "no",
        ",",
    ],
    ["10.0.0.0/8", "::1", "10.0.0.0/33", "/a/", "//", "memory://", "https://a.example", "*", "redis://:pw@host/0"],
)
TOML_VALUES = (
    ["1", "-1", "1.5", "nan", "-inf", "true", '""', '"a"', "[]", '["a", 1]', "[[1]]", "{}", "{a=1}", "2020-01-01"],
    ["1e400", "9" * 400, "'''\n'''", "07:30:00", "["],
)
texts = st.text(characters, max_size=20) | st.one_of([st.sampled_from(group) for group in TEXTS])
toml_values = st.one_of([st.sampled_from(group) for group in TOML_VALUES])
toml_lines = st.builds(
    "{} = {}".format, st.sampled_from([entry.key for entry in ENTRIES] + ["x", "socketio", *MEMBERS]), toml_values
) | st.sampled_from(
    ["[socketio]", "[limits]", "[x]", "[[http]]", "[[keys]]", "[keys]", 'name = "a"', "#", "= 1", "\ufeff"]
)


@pytest.mark.parametrize("default", [True, 5, 5.0, "text", ("a",)], ids=repr)
@given(text=texts)
@fuzz
def test_texts_are_read_or_stay(default: object, text: str) -> None:
    value = setting.from_text(default, text)
    assert isinstance(value, type(default)) or value == text
    rule = setting.Setting("doc", low=1, high=9)
    if rule.accepts(default, value) and isinstance(value, int | float) and not isinstance(value, bool):
        assert 1 <= value <= 9


def is_settled(file: Path | None, environ: dict[str, str], flags: dict[str, object]) -> bool:
    """Tell whether loading ends as it should: with settings, always the same, or with a complaint that helps."""
    try:
        settings = load(file, environ, flags)
    except ConfigError as error:
        return bool(error.key and error.expected)
    return settings == load(file, environ, flags)


@given(st.dictionaries(st.sampled_from([*VARIABLES, "OYEZ_X", "EVENT_DAEMON_KEY"]), texts, max_size=3))
@fuzz
def test_environments(environ: dict[str, str]) -> None:
    environ.pop("OYEZ_KEY_FILE", None)
    assert is_settled(None, environ, {})


@given(st.dictionaries(st.sampled_from([entry.key for entry in ENTRIES if entry.flag]), texts, max_size=3))
@fuzz
def test_flags(flags: dict[str, object]) -> None:
    flags.pop("key_file", None)
    assert is_settled(None, {}, flags)


@given(content=st.lists(toml_lines, max_size=4).map("\n".join).map(str.encode) | st.binary(max_size=30))
@fuzz
def test_files(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "oyez.toml"
    file.write_bytes(content)
    assert is_settled(file, {}, {})


@given(texts)
@fuzz
def test_secrets_stay_secret(key: str) -> None:
    assert setting.Setting("doc", secret=True).masked(key) in ("", setting.MASK)
    shown = str(setting.Setting("doc").masked(f"amqp://user:{key}@host/"))
    assert "/" in key or "@" in key or not key or shown == f"amqp://user:{setting.MASK}@host/"
