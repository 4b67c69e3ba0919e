"""How the four sources of settings are merged into one frozen tree, and checked.

It must not know any setting by name but the few that have to do with each other.
"""

import dataclasses
import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from oyez.errors import ConfigError
from oyez.rules import KEY_FORM, MASK, from_text, is_key
from oyez.settings import ENVIRONMENT_PREFIX, Entry, Settings, fields_of

DEVELOPMENT_KEY = "oyez-development"
"""The key of a daemon in development mode that was given none. Everyone knows it."""

Sources = dict[str, str]
"""Dotted name of a setting -> where its value came from, in words; absent when it is the default."""

_FOREIGN_KEY_VARIABLE = "EVENT_DAEMON_KEY"  # what judge sites set already for their posters
_NOT_SETTINGS = ("OYEZ_CONFIG", "OYEZ_URL")  # the first names the file, the second is the command-line clients'

T = TypeVar("T")

_CATALOGUE = {entry.key: entry for entry in fields_of(Settings())}
_VARIABLES = {entry.variable: entry.key for entry in _CATALOGUE.values()}
_SECTIONS = {key.partition(".")[0] for key in _CATALOGUE if "." in key}
_Layer = dict[str, tuple[object, str]]
"""What one source says: dotted name -> (value in the tree's type, where it was said)."""


def load(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """Merge defaults < TOML file < environment < flags into a checked tree.

    `flags` maps dotted names to values, None meaning "not given". Without `file`, OYEZ_CONFIG may name one.
    Raises ConfigError for anything unknown, ill-typed, out of range or contradictory.
    """
    return load_with_sources(file, environ, flags)[0]


def load_with_sources(
    file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]
) -> tuple[Settings, Sources]:
    """Do what `load` does, and tell where each value that is no default came from."""
    chosen = file or (Path(environ["OYEZ_CONFIG"]) if environ.get("OYEZ_CONFIG") else None)
    merged: _Layer = {}
    for layer in (_from_file(chosen) if chosen else {}, _from_environment(environ), _from_flags(flags)):
        _settle_key(layer)
        merged |= layer
    key_file, where = merged.get("key_file", ("", ""))
    if key_file:
        merged["key"] = (_read_key(str(key_file), where), where)
    dev, _ = merged.get("dev", (False, ""))
    if dev and not merged.get("key", ("", ""))[0]:
        merged["key"] = (DEVELOPMENT_KEY, "development mode")
    settings = _with_values(Settings(), {key: value for key, (value, _) in merged.items()}, "")
    _cross_check(settings)
    return settings, {key: where for key, (_, where) in merged.items() if where}


def _from_file(path: Path) -> _Layer:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError("config", str(path), f"a file that can be read ({error.strerror})") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError alike
        raise ConfigError("config", str(path), f"a file in TOML ({error})") from error
    where = f"file {path}"
    return {key: (_checked(_known(key, where), value, where), where) for key, value in _flat(document, "")}


def _flat(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        key = prefix + name
        if key in _SECTIONS:
            if not isinstance(value, dict):
                raise ConfigError(key, value, f"a table: [{key}], with its settings below")
            yield from _flat(value, key + ".")
        else:
            yield key, value


def _from_environment(environ: Mapping[str, str]) -> _Layer:
    layer: _Layer = {}
    for name in sorted(environ):
        if not name.startswith(ENVIRONMENT_PREFIX) or name in _NOT_SETTINGS:
            continue
        key, where, text = _VARIABLES.get(name, name), f"environment {name}", environ[name]
        entry = _known(key, where)
        if text or isinstance(entry.default, tuple):  # an empty variable is a variable not set, or an empty list
            layer[key] = (_checked(entry, from_text(entry.default, text), where), where)
    foreign = environ.get(_FOREIGN_KEY_VARIABLE)
    if foreign and not layer.keys() & {"key", "key_file"}:
        where = f"environment {_FOREIGN_KEY_VARIABLE}"
        layer["key"] = (_checked(_CATALOGUE["key"], foreign, where), where)
    return layer


def _from_flags(flags: Mapping[str, object]) -> _Layer:
    layer: _Layer = {}
    for key, value in flags.items():
        if value is not None:
            entry = _known(key, "flag")
            where = f"flag {entry.flag}"
            parsed = from_text(entry.default, value) if isinstance(value, str) else value
            layer[key] = (_checked(entry, parsed, where), where)
    return layer


def _known(name: str, where: str) -> Entry:
    """Find a setting by its dotted name; an unknown one is named as it was written, its value kept to ourselves."""
    if name in _CATALOGUE:
        return _CATALOGUE[name]
    names = list(_VARIABLES) if name.startswith(ENVIRONMENT_PREFIX) else [*_CATALOGUE, *_SECTIONS]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; oyez check-config lists them all"
    raise ConfigError(name, MASK, f"there is no such setting{hint} ({where})")


def _checked(entry: Entry, value: object, where: str) -> object:
    if isinstance(value, list):
        value = tuple(value)
    if not entry.rule.accepts(entry.default, value):
        raise ConfigError(entry.key, entry.rule.masked(value), f"{entry.rule.expected(entry.default, value)} ({where})")
    return float(value) if isinstance(value, int) and isinstance(entry.default, float) else value


def _settle_key(layer: _Layer) -> None:
    """Let a source that names the key in one way displace the other way of all sources below it."""
    key, key_file = (layer.get(name, ("", ""))[0] for name in ("key", "key_file"))
    if key and key_file:
        raise ConfigError("key_file", key_file, f"either key or key_file, not both ({layer['key'][1]})")
    if key_file or ("key_file" in layer and "key" not in layer):
        layer["key"] = ("", "")
    elif "key" in layer:
        layer["key_file"] = ("", "")


def _read_key(path: str, where: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            key = file.readline(4096).strip()
    except (OSError, ValueError) as error:
        raise ConfigError("key_file", path, f"a file that can be read ({error}; {where})") from error
    if not key or not is_key(key):
        raise ConfigError("key_file", path, f"a file whose first line is the key: {KEY_FORM} ({where})")
    return key


def _with_values(node: T, values: Mapping[str, object], prefix: str) -> T:
    changes: dict[str, object] = {}
    for declared in dataclasses.fields(node):  # type: ignore[arg-type]  # every node of the tree is a dataclass
        key = prefix + declared.name
        if key in _SECTIONS:
            changes[declared.name] = _with_values(getattr(node, declared.name), values, key + ".")
        elif key in values:
            changes[declared.name] = values[key]
    return dataclasses.replace(node, **changes)  # type: ignore[type-var]


def _cross_check(settings: Settings) -> None:
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
