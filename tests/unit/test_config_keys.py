"""Are several keys read from the file, checked, and explained when one is wrong, and is none of them ever shown?"""

from pathlib import Path

import pytest

from oyez.access.settings import KeySettings
from oyez.cli.check_config import as_toml
from oyez.cli.exits import explain
from oyez.config.key import DEVELOPMENT_KEY
from oyez.config.load import load, load_with_sources
from oyez.config.tree import Settings
from oyez.errors import ConfigError

TWO = """
port = 7
[[keys]]
name = "bridge"
key = "Zq7"
may_post = ["sub_*", "contest"]
from = ["10.0.0.0/8"]
[[keys]]
name = "site"
key = "Zq8"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "oyez.toml"


def read(file: Path, text: str) -> Settings:
    file.write_text(text, "utf-8")
    return load(file, {}, {})


def refusal(file: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    return explain(caught.value)


def test_each_table_is_a_key(file: Path) -> None:
    settings = read(file, TWO)
    bridge = KeySettings("bridge", "Zq7", may_post=("sub_*", "contest"), from_=("10.0.0.0/8",))
    assert settings.keys == (bridge, KeySettings("site", "Zq8"))
    assert settings.all_keys == ("Zq7", "Zq8")
    assert "Zq" not in repr(settings)


def test_the_key_without_a_name_is_one_of_them(file: Path) -> None:
    file.write_text(TWO, "utf-8")
    assert load(file, {"EVENT_DAEMON_KEY": "ours"}, {}).all_keys == ("ours", "Zq7", "Zq8")
    assert load(file, {}, {"dev": True}).all_keys == (DEVELOPMENT_KEY, "Zq7", "Zq8")


def test_keys_may_be_in_files(file: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("Zq9\nmore", "utf-8")
    text = f'[[keys]]\nname = "site"\nkey_file = "{tmp_path / "key"}"\n'
    assert read(file, text).keys == (KeySettings("site", "Zq9", str(tmp_path / "key")),)
    _, sources, _ = load_with_sources(file, {}, {})
    assert sources == {
        "keys[1].name": f"file {file}",
        "keys[1].key": f"first line of {tmp_path / 'key'}",
        "keys[1].key_file": f"file {file}",
    }


def test_two_keys_of_one_name_are_a_change_of_key(file: Path) -> None:
    text = '[[keys]]\nname = "site"\nkey = "old"\n[[keys]]\nname = "site"\nkey = "new"\n'
    assert [each.name for each in read(file, text).keys] == ["site", "site"]


def test_no_keys_are_no_keys(file: Path) -> None:
    assert read(file, "keys = []") == Settings()


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ('name = "a"\nkey = "k"\nmay_post = "sub_*"', "keys[2].may_post = 'sub_*' is wrong: expected a list of"),
        ('name = "a"\nkey = "k"\nmay_post = [""]', "keys[2].may_post = [''] is wrong: expected a list of"),
        ('name = "a"\nkey = "k"\nfrom = ["10.0.0"]', "keys[2].from = ['10.0.0'] is wrong: expected a list of"),
        ('name = "a b"\nkey = "k"', "keys[2].name = 'a b' is wrong: expected a name of 1 to 50 letters"),
        ('name = 5\nkey = "k"', "keys[2].name = 5 is wrong: expected a name of 1 to 50 letters"),
        ('key = "k"', "keys[2].name = '' is wrong: expected a name"),
        ('name = "a"', "keys[2].key = '' is wrong: expected the secret, here or in the file"),
        ('name = "a"\nkey = " k"', "keys[2].key = '***' is wrong: expected printable characters"),
        ('name = "a"\nkey = ["k"]', "keys[2].key = '***' is wrong: expected printable characters"),
        ('name = "a"\nkey = "***"', "keys[2].key = '***' is wrong: expected the key itself"),
        ('name = "a"\nkey = "first"', "keys[2].key = '***' is wrong: expected a secret that no other key has"),
        ('name = "a"\nkey = "unnamed"', "keys[2].key = '***' is wrong: expected a secret that no other key has"),
        ('name = "a"\nkey_file = "/nowhere/k"', "keys[2].key_file = '/nowhere/k' is wrong: expected a file that"),
        ('name = "a"\nkey = "k"\nkey_file = "x"', "keys[2].key_file = 'x' is wrong: expected either key or key_file"),
        ('name = "a"\nkey = "k"\nmaypost = []', "there is no setting keys[2].maypost; did you mean may_post? (file"),
        ('name = "a"\nkey = "k"\nchannels = []', "there is no setting keys[2].channels; a table there may have name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_table(file: Path, members: str, complaint: str) -> None:
    text = f'key = "unnamed"\n[[keys]]\nname = "first"\nkey = "first"\n[[keys]]\n{members}\n'
    told = refusal(file, text)
    assert told.startswith(complaint)
    assert str(file) in told


@pytest.mark.parametrize("text", ['keys = "Zq7"', 'keys = ["Zq7"]', '[keys]\nname = "Zq7"', "keys = 5"])
def test_what_is_no_list_of_tables_is_told_without_its_value(file: Path, text: str) -> None:
    told = refusal(file, text)
    assert told.startswith("keys = '***' is wrong: expected tables, each written as [[keys]]")
    assert "Zq" not in told


def test_name_that_is_near_is_found(file: Path) -> None:
    assert "did you mean keys?" in refusal(file, '[[keyes]]\nname = "a"')


def test_check_config_shows_all_but_the_secrets(file: Path) -> None:
    file.write_text('key = "Zq6"\n' + TWO, "utf-8")
    settings, sources, _ = load_with_sources(file, {}, {})
    where = f"  # file {file}"
    assert list(as_toml(settings, sources, show_all=False))[:-2] == [
        f"port = 7{where}",
        f'# key = "***"{where}',
        "",
        "[[keys]]",
        f'name = "bridge"{where}',
        f'# key = "***"{where}',
        f'may_post = ["sub_*", "contest"]{where}',
        f'from = ["10.0.0.0/8"]{where}',
        "",
        "[[keys]]",
        f'name = "site"{where}',
        f'# key = "***"{where}',
    ]


def test_check_config_shows_how_a_key_would_be_written() -> None:
    lines = list(as_toml(Settings(), {}, show_all=True))
    begin = lines.index("# [[keys]]")
    end = lines.index("", begin)
    assert [line for line in lines[begin:end] if " = " in line] == [
        '# name = ""', '# key = ""', '# key_file = ""', "# may_post = []", "# from = []",
    ]  # fmt: skip
