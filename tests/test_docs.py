"""Is everything that a user can set, type or receive written down?"""

import ast
import json
import re
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main

import oyez
from oyez.cli.app import build_app
from oyez.cli.doctor.findings import KINDS
from oyez.cli.exits import ExitCode
from oyez.config.tree import Entry, Settings, fields_of, members_of, tables_of_tree
from oyez.probe.status import Status
from tests.daemon import Daemon

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
ENTRIES = list(fields_of(Settings()))
MEMBERS = [entry for name, tables in tables_of_tree().items() for entry in members_of(tables, f"{name}[].").values()]
COMMANDS = typer.main.get_command(build_app()).commands  # type: ignore[attr-defined]  # the app is a group


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
    _, _, variable, flag, kind, default, meaning, at_reload, *_ = (cell.strip() for cell in row)
    assert variable == f"`{entry.variable}`"
    assert flag == (f"`{entry.flag}`" if entry.flag else "–")
    assert kind == ", ".join(filter(None, (entry.kind, entry.setting.unit)))
    assert default == f"`{as_toml(entry.default)}`"
    assert meaning.endswith(".")
    assert at_reload == ("yes" if entry.is_live else "restart")


@pytest.mark.parametrize("entry", MEMBERS, ids=lambda entry: entry.key)
def test_member_of_a_table_is_documented(entry: Entry) -> None:
    row = rows((REFERENCE / "settings.md").read_text("utf-8")).get(entry.key)
    assert row, f"docs/reference/settings.md has no row for {entry.key}"
    _, _, kind, default, meaning, at_reload, *_ = (cell.strip() for cell in row)
    assert (kind, default) == (entry.kind, f"`{as_toml(entry.default)}`")
    assert meaning.endswith(".")
    assert at_reload == ("yes" if entry.is_live else "restart")
    assert not entry.variable
    assert not entry.flag


def test_no_setting_is_documented_that_is_not_there() -> None:
    documented = rows((REFERENCE / "settings.md").read_text("utf-8"))
    assert documented.keys() == {entry.key for entry in (*ENTRIES, *MEMBERS)}


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


def test_every_finding_of_the_doctor_is_documented() -> None:
    page = ROOT / "docs" / "how-to" / "find-out-why-nothing-arrives.md"
    documented = rows(page.read_text("utf-8"))
    assert documented.keys() == KINDS.keys()
    warnings = {code for code, cells in documented.items() if cells[2].strip().startswith("Warning: ")}
    assert warnings == {code for code, kind in KINDS.items() if kind.weight is Status.WARNING}


# --- the protocol -----------------------------------------------------------------------------------------------------

PROTOCOL = "\n".join(page.read_text("utf-8") for page in sorted(REFERENCE.glob("*.md")))
PACKAGE = Path(oyez.__file__).parent
# What speaks for the daemon: the command line and the client only repeat what they are told.
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in {"cli", "client"})


@cache
def parsed() -> list[ast.Module]:
    return [ast.parse(source.read_text("utf-8")) for source in SOURCES]


def table(first_heading: str) -> set[str]:
    """Return what the first cells hold, between backquotes, of the tables whose first column has this heading."""
    found: set[str] = set()
    for body in re.findall(rf"^\| {re.escape(first_heading)} \|.*\n\|[ -|]+\n((?:\|.*\n)+)", PROTOCOL, re.MULTILINE):
        found |= rows(body).keys()
    assert found, f"docs/reference has no table of {first_heading}"
    return found


def calls(*names: str) -> Iterator[ast.Call]:
    """Find every call of a function or method with one of these names, in all of the sources."""
    for module in parsed():
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                if name in names:
                    yield node


@cache
def constants() -> dict[str, object]:
    """Return the texts that modules give a name in capitals."""
    return {
        target.id: node.value.value
        for module in parsed()
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def literals(node: ast.expr) -> Iterator[object]:
    """Give the values that an argument may have; it must be written so that they can be seen."""
    if isinstance(node, ast.Name) and node.id.isupper():
        yield constants()[node.id]
    elif isinstance(node, ast.Attribute) and node.attr == "reason":
        return  # of what was refused before, where it was written down
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    else:
        assert isinstance(node, ast.Constant), f"{ast.unparse(node)} hides from the documentation test"
        yield node.value


def test_every_metric_is_documented(daemon: Daemon) -> None:
    with urllib.request.urlopen(f"{daemon.url}/metrics") as answer:
        names = set(re.findall(r"^# TYPE (\w+) ", answer.read().decode(), re.MULTILINE))
    assert names
    assert table("metric") == names


def test_every_reason_of_a_refusal_is_documented() -> None:
    reasons = {
        reason
        for call in calls("note", "_note", "_refuses", "count_refusal", "NoPlace")
        for reason in literals(call.args[0])
    }
    assert reasons
    assert table("reason") == reasons


def test_every_error_code_of_a_command_is_documented() -> None:
    codes = {code for call in calls("CommandError") for code in literals(call.args[0])}
    assert codes
    numbers = {str(code) for call in calls("EngineRefusal") for code in literals(call.args[0])}
    assert numbers
    assert table("code") | table("listener's code") | table("poster's code") == codes | numbers


def test_every_error_code_of_the_api_is_documented() -> None:
    codes = {code for call in calls("ApiError") for code in literals(call.args[1])}
    assert codes
    assert table("API code") == codes


def test_every_code_in_a_ready_made_answer_is_documented() -> None:
    codes = {code for source in SOURCES for code in re.findall(r'"code":"([\w-]+)"', source.read_text("utf-8"))}
    for code in codes:
        assert f'"code":"{code}"' in PROTOCOL


def test_every_close_code_is_documented() -> None:
    codes = {str(code) for call in calls("fail") for code in literals(call.args[0])}
    codes |= {
        str(call.args[0].value) for call in calls("close") if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert codes
    assert codes | {"1001"} <= table("close code")


PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for top in ("docs", "examples") for page in sorted((ROOT / top).rglob("*.md"))),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target
