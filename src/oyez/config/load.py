"""How the four sources of settings are merged into one frozen tree, and checked.

It must not know any setting by name but the few that have to do with each other.
"""

import dataclasses
import difflib
import re
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from oyez import saved_text
from oyez.access.ip_addresses import is_loopback
from oyez.access.keys import KEY_FORM, problem_of_key
from oyez.config.broker_url import problem_of_broker
from oyez.config.environment import is_from_platform
from oyez.config.tree import ENVIRONMENT_PREFIX, AddressSettings, Entry, Settings, fields_of
from oyez.errors import ConfigError, UnknownSettingError
from oyez.setting import from_text

DEVELOPMENT_KEY = "oyez-development"
"""The key of a daemon in development mode that was given none and listens on loopback. Everyone knows it."""

_MADE_UP_KEY_BYTES = 8  # short enough to be typed on a phone, and nothing in it that a shell or an option could mistake

Sources = dict[str, str]
"""Dotted name of a setting -> where its value came from, in words; absent when it is the default."""

_FOREIGN_KEY_VARIABLE = "EVENT_DAEMON_KEY"  # what judge sites set already for their posters
_NOT_SETTINGS = ("OYEZ_CONFIG", "OYEZ_URL")  # the first names the file, the second is the command-line clients'
_LONGEST_KEY_FILE_BYTES = 2**16

T = TypeVar("T")

_CATALOGUE = {entry.key: entry for entry in fields_of(Settings())}
_VARIABLES = {entry.variable: entry.key for entry in _CATALOGUE.values()}
_SECTIONS = {key.partition(".")[0] for key in _CATALOGUE if "." in key}
_Layer = dict[str, tuple[object, str]]
"""What one source says: dotted name -> (value, not judged yet, and where it was said)."""

_NO_KEY: _Layer = {"key": ("", ""), "key_file": ("", "")}


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
    merged: _Layer = {}
    for layer in (_from_file(chosen) if chosen else {}, _from_environment(environ), _from_flags(flags)):
        if layer.keys() & _NO_KEY.keys():  # who names the key in one way displaces the other way of all sources below
            merged |= _NO_KEY
        merged |= layer
    checked = {key: (_checked(_CATALOGUE[key], value, where), where) for key, (value, where) in merged.items()}
    _find_key(checked)
    settings = _with_values(Settings(), {key: value for key, (value, _) in checked.items()}, "")
    _cross_check(settings)
    sources = {key: where for key, (_, where) in checked.items() if where}
    return Loaded(settings, sources, (*_unknown_variables(environ), *_ports_without_host(sources)))


def _from_file(path: Path) -> _Layer:
    try:
        document = tomllib.loads(_read_text(path, "config"))
    except (ValueError, RecursionError) as error:  # TOML's own is the former; so is that of a number without end
        raise ConfigError("config", str(path), f"a file in TOML ({error})") from error
    where = f"file {path}"
    layer: _Layer = {}
    for key, value in _flat(document, ""):
        layer[_known(key, where).key] = (value, where)
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


def _from_environment(environ: Mapping[str, str]) -> _Layer:
    layer: _Layer = {}
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
            yield f"the environment variable {name} is no setting and is passed over; {_nearest(meant, names)}"


def _ports_without_host(sources: Sources) -> Iterator[str]:
    """Name the further listeners that somebody has given a port, and no address without which nothing listens."""
    for section in ("post_listener", "poll_listener"):
        if f"{section}.port" in sources and not {f"{section}.host", f"{section}.uds"} & sources.keys():
            yield f"{section}.port is set, and no {section}.host: nothing listens there"


def _from_flags(flags: Mapping[str, object]) -> _Layer:
    layer: _Layer = {}
    for key, value in flags.items():
        if value is not None:
            entry = _known(key, "flag")
            flag = entry.flag if value is not False else entry.flag.replace("--", "--no-", 1)
            layer[key] = (from_text(entry.default, value) if isinstance(value, str) else value, f"flag {flag}")
    return layer


def _known(name: str, where: str) -> Entry:
    if name not in _CATALOGUE:
        raise UnknownSettingError(name, f"{_nearest(name, [*_CATALOGUE, *_SECTIONS])} ({where})")
    return _CATALOGUE[name]


def _nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else "oyez check-config --all lists them all"


def _checked(entry: Entry, value: object, where: str) -> object:
    if isinstance(value, list):
        value = tuple(value)
    if entry.setting.may_be_number and type(value) in (int, float):
        value = str(value)
    if not entry.setting.accepts(entry.default, value):
        raise ConfigError(
            entry.key, entry.setting.masked(value), f"{entry.setting.expected(entry.default, value)} ({where})"
        )
    return float(value) if isinstance(value, int) and isinstance(entry.default, float) else value


def _find_key(layer: _Layer) -> None:
    """Put the key where the rest of the tree's values are, if it is in a file, or is that of development mode."""
    key, where_key = layer.get("key", ("", ""))
    key_file, where = layer.get("key_file", ("", ""))
    dev, _ = layer.get("dev", (False, ""))
    if key and key_file:
        raise ConfigError("key_file", key_file, f"either key or key_file, not both ({where_key})")
    if key_file:
        layer["key"] = (_read_key(str(key_file), where), f"first line of {key_file}")
    elif dev and not key:
        layer["key"] = _make_development_key(layer)


def _make_development_key(layer: _Layer) -> tuple[str, str]:
    """Return a key, and where it is from: where others than this machine are to post, one that nobody knows yet."""
    host, uds = (str(layer.get(name, (_CATALOGUE[name].default, ""))[0]) for name in ("host", "uds"))
    if uds or is_loopback(host):
        return DEVELOPMENT_KEY, "development mode"
    return secrets.token_hex(_MADE_UP_KEY_BYTES), "development mode, made up for this start"


def _read_key(path: str, where: str) -> str:
    text = _read_text(Path(path), "key_file", f"; {where}", most_bytes=_LONGEST_KEY_FILE_BYTES)
    key = re.split(r"\r\n|\r|\n", text, maxsplit=1)[0].strip()
    problem = problem_of_key(key) if key else KEY_FORM
    if problem:
        raise ConfigError("key_file", path, f"a file whose first line is the key: {problem} ({where})")
    return key


def _read_text(path: Path, key: str, origin: str = "", *, most_bytes: int = -1) -> str:
    """Read the file that a setting names."""
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(key, str(path), f"a file that can be read ({reason}{origin})") from error
    try:
        text = saved_text.decode(content)
    except ValueError as error:
        raise ConfigError(key, str(path), f"a file of {error}{origin}") from error
    if "\0" in text:
        raise ConfigError(key, str(path), f"a file of text in UTF-8, and this looks like UTF-16{origin}")
    return text


def _with_values(node: T, values: Mapping[str, object], prefix: str) -> T:
    changes: dict[str, object] = {}
    for declared in dataclasses.fields(node):  # type: ignore[arg-type]  # every node of the tree is a dataclass
        key = prefix + declared.name
        if key in _SECTIONS:
            changes[declared.name] = _with_values(getattr(node, declared.name), values, key + ".")
        elif key in values:
            changes[declared.name] = values[key]
    return dataclasses.replace(node, **changes)  # type: ignore[type-var]  # as above


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
