"""Does every part import only what it may, and is every file and function of a size that can be read?

The tables are those of ARCHITECTURE.md. A part is a folder or a single file below `oyez`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent.parent / "src" / "oyez"
FILES = sorted(SOURCES.rglob("*.py"))

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

# part -> the parts, or single modules of them, that it may import besides itself
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "terminal_text": set(),
    "saved_text": set(),
    "json_scan": set(),
    "metrics": set(),
    "borrowed": set(),
    "backoff": set(),
    "outlet": set(),
    "logs": {"outlet", "terminal_text"},
    "browser": set(),
    "setting": set(),
    "site_settings": set(),
    "limits": {"setting"},
    "wire": {"errors", "json_scan", "limits"},
    "hub": {"errors", "setting"},
    "access": {"errors", "setting"},
    "config": {
        "access", "errors", "limits", "saved_text", "setting",
        "brokers.rabbitmq.url", "brokers.sqlite.settings", "endpoints.settings", "hub.settings",
        "net.engineio.settings", "net.http.settings",
    },
    "client": {"backoff", "errors", "json_scan"},
    "brokers": {
        "backoff", "errors", "hub.broker", "hub.publication", "hub.settings", "limits", "setting", "wire.amqp_records",
    },
    "net": {"access", "errors", "limits", "setting", "wire"},
    "endpoints": {"access", "errors", "hub", "limits", "metrics", "net", "setting", "wire"},
    "server": {
        "access", "brokers", "config", "endpoints", "errors", "hub", "limits", "logs", "metrics", "net",
        "terminal_text", "wire", "__version__",
    },
    "cli": {
        "access", "backoff", "client", "config", "errors", "json_scan", "outlet", "saved_text", "server",
        "site_settings", "terminal_text", "wire", "__version__",
    },
    "django": {
        "backoff", "client", "errors", "site_settings", "access.peer.is_loopback", "access.keys.WELL_KNOWN_KEYS",
    },
    "testing": {"errors", "hub.publication", "hub.broker"},
    "__main__": {"cli"},
    "__init__": set(),
}  # fmt: skip

# module -> what it may import beyond its part
MAY_IMPORT_MORE = {"django.management.commands.oyez_doctor": {"cli"}}

# module -> what it imports inside a function, each with a reason beside it there
MAY_IMPORT_LATE = {
    "server.process": {"uvloop"},
    "brokers.rabbitmq": {"oyez.brokers.rabbitmq.broker"},
    "cli.exits": {"oyez.client"},
    "cli.post": {"oyez.cli.colours", "rich.progress"},
    "cli.serve": {"oyez.cli", "oyez.server"},
    "cli.connect.command": {"oyez.cli.connect"},
    "cli.connect.start": {"oyez.cli.connect.terminal"},
    "cli.selftest.command": {"oyez.cli.selftest"},
}

# Two classes of one name, in each case the same thing on the two sides of the wire: the daemon's, and that of a program
# which posts or listens and imports nothing of the daemon's side.
ON_BOTH_SIDES = {"Gap", "Post"}

# Names that the command line still has to make one thing of.
STILL_TWICE = {
    "Answer", "Closed", "Command", "Dialect", "Door", "Event", "Finding", "Handshake",
    "JsonReport", "Kind", "Link", "Observed", "Outcome", "Packet", "Peer", "Polling",
    "PollingTransport", "Poster", "RawPoster", "Ready", "Refused", "Report", "Result", "Session",
    "Step", "Taken", "Target", "Transport",
}  # fmt: skip


def module_name(path: Path) -> str:
    """Return the dotted name below `oyez`; a package goes by its own name."""
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_text("utf-8")) for path in FILES}


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
    for node in ast.walk(MODULES[module]):
        for name in imported(node, module):
            if name == "oyez" or name.startswith("oyez."):
                yield name.removeprefix("oyez.")


def late_imports(module: str) -> Iterator[str]:
    for function in ast.walk(MODULES[module]):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                for name in imported(node, module):
                    yield name if isinstance(node, ast.Import) else name.rpartition(".")[0]


def test_there_is_something_to_look_at() -> None:
    assert {"wire.socketio", "hub.hub", "server", "cli"} <= MODULES.keys()


def test_every_part_has_a_row() -> None:
    assert {module.partition(".")[0] for module in MODULES} == MAY_IMPORT.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_keep_the_direction(module: str) -> None:
    part = module.partition(".")[0]
    allowed = MAY_IMPORT[part] | MAY_IMPORT_MORE.get(module, set()) | {part}
    strangers = [
        name for name in imports(module) if not any(name == each or name.startswith(each + ".") for each in allowed)
    ]
    assert strangers == []


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
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        return name

    graph = {module: {module_of(name) for name in imports(module)} & MODULES.keys() - {module} for module in MODULES}
    assert circle(graph) == []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b", "d"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module: str) -> None:
    assert set(late_imports(module)) == MAY_IMPORT_LATE.get(module, set())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_files_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("module", MODULES)
def test_functions_can_be_read_at_a_glance(module: str) -> None:
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
        if node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert long == {}


# The two ways out of the command line, where texts of others are escaped.
_WAYS_OUT = {"cli.output", "cli.colours"}


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("cli") and name not in _WAYS_OUT])
def test_nothing_is_printed_past_the_escaping(module: str) -> None:
    called = [ast.unparse(node.func) for node in ast.walk(MODULES[module]) if isinstance(node, ast.Call)]
    past = ("print", "Text", "Console", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write")
    assert [name for name in called if name in past or name.startswith("Text.")] == []


def test_the_name_of_a_class_means_one_thing() -> None:
    modules_of: dict[str, list[str]] = {}
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                modules_of.setdefault(node.name.lstrip("_"), []).append(module)
    twice = {name: modules for name, modules in modules_of.items() if len(modules) > 1}
    assert {name: twice[name] for name in twice.keys() - ON_BOTH_SIDES - STILL_TWICE} == {}
