"""Does every part import only what it may, and is every file and function of a size that can be read?

Which files there are and who may import what is written in ARCHITECTURE.md. A part is a folder or a single file below
`oyez`.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent.parent / "src" / "oyez"
FILES = sorted(SOURCES.rglob("*.py"))
ROOT = SOURCES.parent.parent

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

ARCHITECTURE = (Path(__file__).parent.parent / "ARCHITECTURE.md").read_text("utf-8")


def read_table(document: str) -> dict[str, set[str]]:
    """Return who may import what besides itself, by the table of the document: parts, or single modules or names."""
    _, _, table = document.partition("| part | may import |\n| --- | --- |\n")
    rows = [row.split("|") for row in table.partition("\n\n")[0].splitlines()]
    return {part: set(re.findall("`(.*?)`", may)) for _, parts, may, _ in rows for part in re.findall("`(.*?)`", parts)}


MAY_IMPORT = read_table(ARCHITECTURE)
MAY_IMPORT["__main__"] = {"cli"}
MAY_IMPORT["__init__"] = set()

# module -> what it imports inside a function, each with a reason beside it there
MAY_IMPORT_LATE = {
    "server.process": {"uvloop"},
    "server.assembly": {"oyez.server.listen_rules"},
    "server.daemon": {"oyez.server.reload"},
    "brokers.rabbitmq": {"oyez.brokers.rabbitmq.broker"},
    "brokers.redis": {"oyez.brokers.redis.broker"},
    "cli.exits": {"oyez.client"},
    "config.broker_url": {"importlib.metadata"},
    "config.load": {"tomllib"},
    "server.stores": {
        "oyez.brokers.rabbitmq.intake",
        "oyez.brokers.redis.context",
        "oyez.brokers.sqlite.broker",
        "oyez.brokers.stripped",
    },
    "server.channel_rules": {"oyez.wire.json_strip"},
    "endpoints.status": {"oyez.metrics_text"},
    "cli.post": {"oyez.cli.colours", "rich.progress"},
    "cli": {"oyez.cli", "oyez.cli.app"},
    "cli.daemon": {"oyez.cli", "oyez.server"},
    "cli.output": {"typer"},
    "cli.connect.command": {"oyez.cli.connect"},
    "cli.connect.start": {"oyez.cli.connect.terminal"},
    "cli.selftest.command": {"oyez.cli.selftest", "oyez.contract"},
}

# Two classes of one name, in each case the same thing on the two sides of the wire: the daemon's, and that of a program
# which posts or listens and imports nothing of the daemon's side.
ON_BOTH_SIDES = {"Gap", "Post"}


def module_name(path: Path) -> str:
    """Return the dotted name below `oyez`; a package goes by its own name."""
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, ast.Module]:
    """Return all modules, parsed: by whoever runs a test of them, not by all who only look which tests there are."""
    return {module_name(path): ast.parse(path.read_text("utf-8")) for path in FILES}


def imported(node: ast.AST, module: str) -> list[str]:
    """Return the dotted names that one statement imports; of a name in a package, with the name."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{module}: a relative import"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def imports(module: str) -> Iterator[str]:
    """Return what a module imports from `oyez`, by its name below it."""
    for node in ast.walk(modules()[module]):
        for name in imported(node, module):
            if name == "oyez" or name.startswith("oyez."):
                yield name.removeprefix("oyez.")


def late_imports(module: str) -> Iterator[str]:
    for function in ast.walk(modules()[module]):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                for name in imported(node, module):
                    yield name if isinstance(node, ast.Import) else name.rpartition(".")[0]


def test_there_is_something_to_look_at() -> None:
    assert {"wire.socketio", "hub.hub", "server", "cli"} <= modules().keys()


def test_every_part_has_a_row() -> None:
    parts = {module.partition(".")[0] for module in modules()}
    rows = {row for row in MAY_IMPORT if "." not in row}
    missing = "\n".join(f"| `{part}` | nothing |" for part in sorted(parts - rows))
    assert not missing, f"the import table of ARCHITECTURE.md has no row for a part; write:\n{missing}"
    assert rows <= parts, f"the import table of ARCHITECTURE.md has rows for parts that are gone: {rows - parts}"


def test_rows_name_what_is_there() -> None:
    """A row may name a part, a module, or a name that a module has; a module has a row of its own if it may more."""
    named = {row for row in MAY_IMPORT if "." in row} | {name for names in MAY_IMPORT.values() for name in names}
    known = modules().keys() | {"__version__"}
    gone = {name for name in named if name not in known and name.rpartition(".")[0] not in known}
    assert not gone, f"the import table of ARCHITECTURE.md names what is not there: {gone}"


def read_layout(document: str) -> dict[str, set[str]]:
    """Return what the layout names in each folder below `oyez`: files, most without their extension, and folders.

    A line such as ``hub/  what it is`` begins a folder; the lines below it, indented further, name what is in it, with
    remarks in parentheses. A name that ends with ``/…`` is a folder that is not listed further.
    """
    _, _, listing = document.partition("```\nsrc/oyez/\n")
    listing = re.sub(r"\(.*?\)", "", listing.partition("```")[0])
    named: dict[str, set[str]] = {"": set()}
    above: list[tuple[int, str]] = [(0, "")]
    for line in filter(None, map(str.rstrip, listing.splitlines())):
        indent = len(line) - len(line.lstrip())
        while indent <= above[-1][0]:
            above.pop()
        folder = above[-1][1]
        if begun := re.match(r" *(\w+/)  ", line):
            named[folder].add(begun[1])
            above.append((indent, folder + begun[1]))
            named[folder + begun[1]] = set()
        else:
            named[folder].update(line.split())
    return named


LAYOUT = read_layout(ARCHITECTURE)

# What is in every folder, or says nothing.
UNNAMED = {"__init__.py", "__main__.py", "__pycache__", "py.typed"}


def test_the_layout_names_folders_that_are_there() -> None:
    gone = [folder for folder in LAYOUT if not (SOURCES / folder).is_dir()]
    assert not gone, f"the layout in ARCHITECTURE.md has folders that are gone: {gone}"


def is_left_over(path: Path) -> bool:
    """Tell whether nothing is in a folder but what Python compiled there before its files were moved."""
    return path.is_dir() and not [file for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc"]


def test_the_layout_names_what_is_there() -> None:
    wrong = [fault for folder, named in LAYOUT.items() for fault in faults_of_layout(folder, named)]
    assert not wrong, "\n".join(wrong)


def faults_of_layout(folder: str, named: set[str]) -> Iterator[str]:
    inside = [path for path in (SOURCES / folder).iterdir() if path.name not in UNNAMED and not is_left_over(path)]
    found = {path.name + "/" * path.is_dir() for path in inside}

    def names_of(name: str) -> set[str]:
        return {name, name + "…"} if name.endswith("/") else {name, name.partition(".")[0]}

    missing = sorted(name.removesuffix(".py") for name in found if not names_of(name) & named)
    where = f"the layout in ARCHITECTURE.md, below `{folder or 'src/oyez/'}`"
    if missing:
        yield f"{where}, lacks: {'  '.join(missing)}   (a folder is a line of its own: `name/  what it is`)"
    if gone := sorted(named - {name for each in found for name in names_of(each)}):
        yield f"{where}, names what is not there: {'  '.join(gone)}"


CONTRIBUTING = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text("utf-8")


@cache
def classes() -> dict[str, str]:
    return {
        node.name: ast.unparse(node)
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }


@pytest.mark.parametrize("document", [ARCHITECTURE, CONTRIBUTING], ids=["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_what_the_prose_names_is_there(document: str) -> None:
    """Paths below the repository or `oyez`, with or without their extension, and members of classes."""
    prose = document.partition("```\nsrc/oyez/\n")[2] or document
    paths = set(re.findall(r"`([a-z_]+(?:/[\w.-]+)+/?)`", prose))
    roots = (SOURCES.parent.parent, SOURCES)
    lost = {path for path in paths if not any((root / (path + end)).exists() for root in roots for end in ("", ".py"))}
    assert not lost, f"the prose names what is not there: {lost}"
    members = set(re.findall(r"`([A-Z]\w+)\.(\w+)`", prose))
    unknown = {
        f"{name}.{member}" for name, member in members if not re.search(rf"\b{member}\b", classes().get(name, ""))
    }
    assert not unknown, f"the prose names members that no class has: {unknown}"


def test_imports_keep_the_direction() -> None:
    strangers = [f"`{module}` imports `{name}`" for module in modules() for name in imports_against_the_table(module)]
    assert not strangers, "its part's row in ARCHITECTURE.md does not allow:\n" + "\n".join(strangers)


def imports_against_the_table(module: str) -> list[str]:
    part = module.partition(".")[0]
    allowed = MAY_IMPORT[part] | MAY_IMPORT.get(module, set()) | {part}
    return [
        name for name in imports(module) if not any(name == each or name.startswith(each + ".") for each in allowed)
    ]


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules each of which imports the next, and the last one the first; empty if there is no such circle."""
    clear: set[str] = set()  # nothing that these lead to leads back to them

    def follow(path: list[str]) -> list[str]:
        for module in sorted(graph[path[-1]] - clear):
            if module in path:
                return path[path.index(module) :]
            if found := follow([*path, module]):
                return found
        clear.add(path[-1])
        return []

    return next(filter(None, (follow([module]) for module in graph if module not in clear)), [])


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Also not for its types alone: what is under `TYPE_CHECKING` counts, and so do imports inside a function."""

    def module_of(name: str) -> str:
        while name and name not in modules():
            name = name.rpartition(".")[0]
        return name

    graph = {
        module: {module_of(name) for name in imports(module)} & modules().keys() - {module} for module in modules()
    }
    assert circle(graph) == []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b", "d"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_imports_stand_at_the_top() -> None:
    late = {module: set(late_imports(module)) for module in modules()}
    assert {module: names for module, names in late.items() if names} == MAY_IMPORT_LATE


def test_files_can_be_read_in_one_sitting() -> None:
    beside = [path for folder in ("tests", "bench", "examples") for path in (ROOT / folder).rglob("*.py")]
    files = [*FILES, *(path for path in beside if "node_modules" not in path.parts)]
    long = [str(path) for path in files if len(path.read_text("utf-8").splitlines()) > MAX_FILE_LINES]
    assert long == [], "split them by subject"


def test_functions_can_be_read_at_a_glance() -> None:
    long = {
        f"{module}: {node.name}": node.end_lineno - node.lineno + 1
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
        if node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert long == {}


# The two ways out of the command line, where texts of others are escaped.
_WAYS_OUT = {"cli.output", "cli.colours"}


def test_nothing_is_printed_past_the_escaping() -> None:
    called = [
        (module, ast.unparse(node.func))
        for module, tree in modules().items()
        if module.startswith("cli") and module not in _WAYS_OUT
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]
    assert called
    past = ("print", "Text", "Console", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write")
    assert [(module, name) for module, name in called if name in past or name.startswith("Text.")] == []


def test_the_name_of_a_class_means_one_thing() -> None:
    modules_of: dict[str, list[str]] = {}
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                modules_of.setdefault(node.name.lstrip("_"), []).append(module)
    twice = {name: modules for name, modules in modules_of.items() if len(modules) > 1}
    assert {name: twice[name] for name in twice.keys() - ON_BOTH_SIDES} == {}
