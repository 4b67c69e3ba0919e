"""Is everything that a user can set, type or receive written down?"""

import json
import re
from pathlib import Path

import pytest
import typer.main

from oyez.cli import app
from oyez.cli.exits import ExitCode
from oyez.config import Entry, Settings, fields_of

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
ENTRIES = list(fields_of(Settings()))
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # the app is a group


def rows(text: str) -> dict[str, list[str]]:
    """Return the tables' rows, by what their first cell holds between backquotes."""
    found = re.findall(r"^\| `([^`]+)`(.*)\|$", text, re.MULTILINE)
    return {name: [name, *re.split(r"(?<!\\)\|", rest)] for name, rest in found}


def section(command: str) -> str:
    text = (REFERENCE / "cli.md").read_text("utf-8")
    found = re.search(rf"^## `oyez {command}`$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/cli.md has no section on oyez {command}"
    return found[1]


def as_toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(json.dumps(item) for item in value)}]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_setting_is_documented(entry: Entry) -> None:
    row = rows((REFERENCE / "settings.md").read_text("utf-8")).get(entry.key)
    assert row, f"docs/reference/settings.md has no row for {entry.key}"
    _, _, variable, flag, kind, default, meaning, *_ = (cell.strip() for cell in row)
    assert variable == f"`{entry.variable}`"
    assert flag == (f"`{entry.flag}`" if entry.flag else "–")
    assert kind == ", ".join(filter(None, (entry.kind, entry.rule.unit)))
    assert default == f"`{as_toml(entry.default)}`"
    assert meaning.endswith(".")


def test_no_setting_is_documented_that_is_not_there() -> None:
    documented = rows((REFERENCE / "settings.md").read_text("utf-8"))
    assert documented.keys() == {entry.key for entry in ENTRIES}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_documented_with_its_options(name: str) -> None:
    text = section(name)
    for parameter in COMMANDS[name].params:
        spellings = [*parameter.opts, *parameter.secondary_opts]
        if not spellings[0].startswith("-"):
            assert re.search(rf"^\| `{parameter.name.upper()}…?` \|", text, re.MULTILINE), parameter.name
        for spelling in spellings:
            assert not spelling.startswith("--") or re.search(rf"`{spelling}[ `]", text), spelling
        for variable in parameter.envvar or ():
            assert f"`{variable}`" in (REFERENCE / "cli.md").read_text("utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_gives_an_example(name: str) -> None:
    assert f"oyez {name}" in COMMANDS[name].help or f"$(oyez {name})" in COMMANDS[name].help


def test_every_exit_code_is_documented() -> None:
    documented = rows((REFERENCE / "cli.md").read_text("utf-8"))
    assert {str(code.value) for code in ExitCode} <= documented.keys()


def test_every_setting_with_a_flag_is_an_option_of_serve() -> None:
    flags = {entry.flag for entry in ENTRIES if entry.flag}
    offered = {option for parameter in COMMANDS["serve"].params for option in parameter.opts}
    assert offered - {"--config", "--help"} == flags
