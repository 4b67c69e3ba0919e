"""How the four sources of settings are merged into one frozen tree, and checked.

It must not know any setting by name but the few that have to do with each other.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from oyez.config.broker_url import problem_of_broker
from oyez.config.channels import check_channels
from oyez.config.environment import is_from_platform
from oyez.config.key import FROM_DEVELOPMENT_MODE, check_keys, find_key, make_development_key
from oyez.config.tables import read_tables
from oyez.config.tree import (
    ENVIRONMENT_PREFIX,
    AddressSettings,
    Entry,
    Settings,
    fields_of,
    name_of,
    tables_of_tree,
)
from oyez.config.values import Layer, checked, hint_at, read_text
from oyez.errors import ConfigError, UnknownSettingError
from oyez.setting import from_text

Sources = dict[str, str]
"""Dotted name of a setting -> where its value came from, in words; absent when it is the default."""

_FOREIGN_KEY_VARIABLE = "EVENT_DAEMON_KEY"  # what judge sites set already for their posters
_NOT_SETTINGS = ("OYEZ_CONFIG", "OYEZ_URL")  # the first names the file, the second is the command-line clients'

T = TypeVar("T")

_CATALOGUE = {entry.key: entry for entry in fields_of(Settings())}
_VARIABLES = {entry.variable: entry.key for entry in _CATALOGUE.values()}
_SECTIONS = {key.partition(".")[0] for key in _CATALOGUE if "." in key}
_TABLES = tables_of_tree()

_NO_KEY: Layer = {"key": ("", ""), "key_file": ("", "")}


class Loaded(NamedTuple):
    """The tree, where its values came from, and what the operator should know although it ends nothing."""

    settings: Settings
    sources: Sources
    warnings: tuple[str, ...]


def load(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """Do what `load_with_sources` does, and return the tree alone."""
    return load_with_sources(file, environ, flags).settings


def load_with_sources(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Loaded:
    """Merge defaults < TOML file < environment < flags into a checked tree.

    `flags` maps dotted names to values, None meaning "not given". Without `file`, OYEZ_CONFIG may name one. A value
    that a higher source overrides is not judged. A variable that is no setting draws a warning.

    Raises ConfigError for a name that is no setting, in the file or a flag, and for what is ill-typed, out of range or
    contradictory.
    """
    chosen = file or (Path(environ["OYEZ_CONFIG"]) if environ.get("OYEZ_CONFIG") else None)
    merged: Layer = {}
    for layer in (_from_file(chosen) if chosen else {}, _from_environment(environ), _from_flags(flags)):
        if layer.keys() & _NO_KEY.keys():  # who names the key in one way displaces the other way of all sources below
            merged |= _NO_KEY
        merged |= layer
    tables = {name: merged.pop(name) for name in _TABLES if name in merged}
    values = {key: (checked(_CATALOGUE[key], value, where), where) for key, (value, where) in merged.items()}
    find_key(values)
    make_development_key(values)
    for name, (value, where) in tables.items():
        _add_tables(values, name, value, where)
    settings = _with_values(Settings(), values, "")
    check_whole(settings, {name: where for name, (_, where) in tables.items()})
    sources = {key: where for key, (_, where) in values.items() if where}
    return Loaded(settings, sources, (*_unknown_variables(environ), *_ports_without_host(sources)))


def read_again(first: Loaded, file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Loaded:
    """Do what `load_with_sources` does, later; a key of development mode is that of the start, or none.

    Args:
        first: what was read at the start.
        file: as it was named then.
        environ: as it was then.
        flags: those of then.
    """
    again = load_with_sources(file, environ, flags)
    if again.sources.get("key") not in FROM_DEVELOPMENT_MODE:
        return again
    key = first.settings.key if first.sources.get("key") in FROM_DEVELOPMENT_MODE else ""
    return again._replace(settings=dataclasses.replace(again.settings, key=key))


def _from_file(path: Path) -> Layer:
    import tomllib  # noqa: PLC0415 - not every daemon has a file

    try:
        document = tomllib.loads(read_text(path, "config"))
    except (ValueError, RecursionError) as error:  # TOML's own is the former; so is that of a number without end
        raise ConfigError("config", str(path), f"a file in TOML ({error})") from error
    where = f"file {path}"
    layer: Layer = {}
    for key, value in _flat(document, ""):
        layer[key if key in _TABLES else _known(key, where).key] = (value, where)
    return layer


def _flat(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        key = prefix + name
        if key in _SECTIONS:
            if not isinstance(value, dict):
                raise ConfigError(key, value, f"a table: [{key}], with its settings below")
            yield from _flat(value, key + ".")
        else:
            yield key, value


def _from_environment(environ: Mapping[str, str]) -> Layer:
    layer: Layer = {}
    for variable, key in _VARIABLES.items():
        text, default = environ.get(variable), _CATALOGUE[key].default
        if text is None or is_from_platform(variable, text):
            continue
        if text or isinstance(default, tuple):  # an empty variable is a variable not set, or an empty list
            layer[key] = (from_text(default, text), f"environment {variable}")
    foreign = environ.get(_FOREIGN_KEY_VARIABLE)
    if foreign and not layer.keys() & {"key", "key_file"}:
        layer["key"] = (foreign, f"environment {_FOREIGN_KEY_VARIABLE}")
    return layer


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Name the variables that look like settings, in whatever case, and are none; not their values: perhaps secrets."""
    names = [*_VARIABLES, *_NOT_SETTINGS]
    for name in sorted(environ):
        meant = name.upper()
        if meant.startswith(ENVIRONMENT_PREFIX) and name not in names and not is_from_platform(name, environ[name]):
            yield f"the environment variable {name} is no setting and is passed over; {hint_at(meant, names)}"


def _ports_without_host(sources: Sources) -> Iterator[str]:
    """Name the further listeners that somebody has given a port, and no address without which nothing listens."""
    for section in ("post_listener", "poll_listener"):
        if f"{section}.port" in sources and not {f"{section}.host", f"{section}.uds"} & sources.keys():
            yield f"{section}.port is set, and no {section}.host: nothing listens there"


def _from_flags(flags: Mapping[str, object]) -> Layer:
    layer: Layer = {}
    for key, value in flags.items():
        if value is not None:
            entry = _known(key, "flag")
            flag = entry.flag if value is not False else entry.flag.replace("--", "--no-", 1)
            layer[key] = (from_text(entry.default, value) if isinstance(value, str) else value, f"flag {flag}")
    return layer


def _known(name: str, where: str) -> Entry:
    if name not in _CATALOGUE:
        raise UnknownSettingError(name, f"{hint_at(name, [*_CATALOGUE, *_SECTIONS, *_TABLES])} ({where})")
    return _CATALOGUE[name]


def _with_values(node: T, values: Layer, prefix: str) -> T:
    changes: dict[str, object] = {}
    for declared in dataclasses.fields(node):  # type: ignore[arg-type]  # every node of the tree is a dataclass
        key = prefix + name_of(declared)
        if key in _SECTIONS:
            changes[declared.name] = _with_values(getattr(node, declared.name), values, key + ".")
        elif key in values:
            changes[declared.name] = values[key][0]
    return dataclasses.replace(node, **changes)  # type: ignore[type-var]  # as above


def _add_tables(values: Layer, name: str, value: object, where: str) -> None:
    """Read a list of tables, and add it to the values: as a whole, and each member for the sake of its source."""
    made: list[object] = []
    for prefix, layer in read_tables(name, _TABLES[name], value, where):
        find_key(layer, prefix)
        made.append(_with_values(_TABLES[name].of(), layer, prefix))
        values.update(layer)
    values[name] = (tuple(made), "")


def _check_addresses(settings: Settings) -> None:
    """Refuse two doors at one address. What is the same in other words, the system finds."""
    taken: set[object] = set()
    doors: dict[str, Settings | AddressSettings]
    doors = {"": settings, "post_listener.": settings.post_listener, "poll_listener.": settings.poll_listener}
    for prefix, door in doors.items():
        address = door.uds or (door.host, door.port)
        if address in taken:
            name, value = ("uds", door.uds) if door.uds else ("port", door.port)
            raise ConfigError(prefix + name, value, "an address of its own, which no other door has")
        if door.uds or (door.host and door.port):
            taken.add(address)


def check_whole(settings: Settings, of_tables: Mapping[str, str]) -> None:
    """Require that settings, each of which is right by itself, go together.

    Args:
        settings: all of them.
        of_tables: where lists of tables come from, in words, by their names.

    Raises:
        ConfigError: they contradict each other.
    """
    _cross_check(settings)
    check_keys(settings.key, settings.keys, of_tables.get("keys", ""))
    check_channels(settings, of_tables.get("channels", ""))


def _cross_check(settings: Settings) -> None:
    _check_addresses(settings)
    problem = problem_of_broker(settings.broker)  # the default's too: not every user has a folder to keep events in
    if problem:
        raise ConfigError("broker", settings.broker, problem)
    limits = settings.limits
    if limits.max_receiver_message_bytes > limits.max_sender_message_bytes:
        raise ConfigError(
            "limits.max_receiver_message_bytes",
            limits.max_receiver_message_bytes,
            f"at most limits.max_sender_message_bytes ({limits.max_sender_message_bytes})",
        )
    websocket = settings.websocket
    taken = {path.rstrip("/") for path in websocket.paths}
    if websocket.post_path.rstrip("/") in taken:
        raise ConfigError("websocket.post_path", websocket.post_path, "a path that is not among websocket.paths")
    if settings.socketio.path.rstrip("/") in taken | {websocket.post_path.rstrip("/")}:
        raise ConfigError(
            "socketio.path",
            settings.socketio.path,
            "a path that is neither among websocket.paths nor websocket.post_path",
        )
