"""Every setting: its name, default, meaning, limits and unit; and how the four sources are merged into one frozen tree.

It must not know what a setting is used for; a component gets its own leaf of the tree and nothing else.
Each field carries a `Rule`, so that the loader, the error texts, `oyez check-config` and the documentation test agree.
"""

import dataclasses
import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from oyez.errors import ConfigError
from oyez.rules import (
    DAY_S,
    KEY_FORM,
    MASK,
    NETWORKS,
    Rule,
    duration,
    from_text,
    is_broker,
    is_key,
    is_mount,
    is_network,
    is_origin,
    is_socket_path,
    setting,
)

DEVELOPMENT_KEY = "oyez-development"
"""The key of a daemon in development mode that was given none. Everyone knows it."""

Sources = dict[str, str]
"""Dotted name of a setting -> where its value came from, in words; absent when it is the default."""

_PREFIX = "OYEZ_"
_FOREIGN_KEY_VARIABLE = "EVENT_DAEMON_KEY"  # what judge sites set already for their posters
_NOT_SETTINGS = ("OYEZ_CONFIG", "OYEZ_URL")  # the first names the file, the second is the command-line clients'

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SocketioSettings:
    """The Socket.IO door."""

    path: str = setting(
        "/socket.io/",
        "Where the Socket.IO door is.",
        valid=is_mount,
        form='a path between slashes, such as "/socket.io/"',
    )
    ping_interval_s: float = duration(25.0, "Time from a pong to the next ping.")
    ping_timeout_s: float = duration(20.0, "How long a ping may stay unanswered before the link counts as dead.")
    connect_timeout_s: float = duration(45.0, "How long a link may stay open without joining a namespace.")
    upgrade_timeout_s: float = duration(10.0, "How long an upgrade from polling to WebSocket may take.")


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """What is kept in memory for those who missed it."""

    size: int = setting(256, "Events kept of each channel.", unit="events", low=1)
    ttl_s: float = duration(600.0, "Age at which an event leaves the memory.", high=366 * DAY_S)
    max_bytes: int = setting(64 * 2**20, "Memory for the events of all channels together.", unit="bytes", low=1)
    max_channels: int = setting(100_000, "Channels remembered; beyond it the idlest goes.", unit="channels", low=1)
    replay_without_start: int = setting(
        50, "Newest events sent to a listener that names no event to start from.", unit="events"
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How much one peer, or all of them together, may ask for."""

    max_connections: int = setting(
        0, "Listeners connected at once; 0 derives it from the open-file limit.", unit="listeners"
    )
    max_subscriptions: int = setting(10, "Channels in the filter of one listener.", unit="channels", low=1)
    max_channel_length: int = setting(100, "Length of a channel's name.", unit="UTF-16 units", low=1)
    max_receiver_message_bytes: int = setting(10_000, "Size of one message from a listener.", unit="bytes", low=1)
    max_sender_message_bytes: int = setting(2**20, "Size of one message from a back end.", unit="bytes", low=1)
    max_header_bytes: int = setting(16_384, "Size of the head of an HTTP request.", unit="bytes", low=256)
    header_timeout_s: float = duration(10.0, "How long the head of a request may take to arrive.")
    body_timeout_s: float = duration(30.0, "How long the body of a request may take to arrive.")
    auth_failures_per_minute: int = setting(
        10, "Wrong keys from one address before it has to wait.", unit="failures a minute", low=1
    )


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may post, besides holding the key."""

    sender_addresses: tuple[str, ...] = setting(
        (), "Addresses that back ends may post from; none named: any.", valid=is_network, form=NETWORKS
    )


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What all HTTP doors share."""

    allowed_origins: tuple[str, ...] = setting(
        ("*",),
        "Sites whose pages may listen; * is any.",
        valid=is_origin,
        form="* or origins, such as https://judge.example",
    )
    trusted_proxies: tuple[str, ...] = setting(
        ("127.0.0.1", "::1"), "Proxies whose word on a peer's address is taken.", valid=is_network, form=NETWORKS
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole tree: plain fields are the daemon's own, each other field is the leaf of one component."""

    host: str = setting("127.0.0.1", "Address to listen on.", valid=bool, form="an address or a host name", flag=True)
    port: int = setting(15100, "Port to listen on; 0 takes a free one.", high=65_535, flag=True)
    uds: str = setting(
        "",
        "Unix socket to listen on, instead of host and port.",
        valid=is_socket_path,
        form="a path of at most 107 bytes",
        flag=True,
    )
    key: str = setting(
        "",
        "Secret that back ends show to post; without one nobody may.",
        valid=is_key,
        form=KEY_FORM,
        flag=True,
        secret=True,
    )
    key_file: str = setting("", "File whose first line is the key.", form="the path of a file", flag=True)
    broker: str = setting(
        "memory://",
        "Store that numbers the events and keeps them.",
        valid=is_broker,
        form="memory:// (no other broker is supported yet)",
        flag=True,
    )
    dev: bool = setting(False, "Development mode: a page at / to try events, and a key that everyone knows.", flag=True)
    log_level: str = setting(
        "info", "Least weight of a line in the log.", choices=("debug", "info", "warning", "error"), flag=True
    )
    log_format: str = setting("text", "Shape of the log's lines.", choices=("text", "json"), flag=True)
    drain_deadline_s: float = duration(5.0, "Longest time from the order to stop until the end.", low=0)
    socketio: SocketioSettings = SocketioSettings()
    history: HistorySettings = HistorySettings()
    limits: LimitSettings = LimitSettings()
    auth: AuthSettings = AuthSettings()
    http: HttpSettings = HttpSettings()


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting as documentation and `check-config` show it; `value` is masked where it is secret."""

    key: str
    rule: Rule
    default: object
    value: object

    @property
    def variable(self) -> str:
        """Name of the environment variable that sets it."""
        return _PREFIX + self.key.upper().replace(".", "_")

    @property
    def flag(self) -> str:
        """Flag of `oyez serve` that sets it; empty when it has none."""
        return "--" + self.key.replace("_", "-") if self.rule.flag else ""

    @property
    def kind(self) -> str:
        """Type in a word."""
        return {"str": "text", "int": "integer", "float": "number", "bool": "boolean", "tuple": "list"}[
            type(self.default).__name__
        ]


def fields_of(settings: Settings) -> Iterator[Entry]:
    """List every setting of the tree, in its order."""
    return _entries(settings, Settings(), "")


def _entries(node: object, defaults: object, prefix: str) -> Iterator[Entry]:
    for declared in dataclasses.fields(defaults):  # type: ignore[arg-type]  # every node of the tree is a dataclass
        key, value, default = prefix + declared.name, getattr(node, declared.name), getattr(defaults, declared.name)
        if "rule" in declared.metadata:
            rule = cast("Rule", declared.metadata["rule"])
            yield Entry(key, rule, default, rule.masked(value))
        else:
            yield from _entries(value, default, key + ".")


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
        if not name.startswith(_PREFIX) or name in _NOT_SETTINGS:
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
    names = list(_VARIABLES) if name.startswith(_PREFIX) else [*_CATALOGUE, *_SECTIONS]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; oyez check-config lists them all"
    raise ConfigError(name, MASK, f"there is no such setting{hint} ({where})")


def _checked(entry: Entry, value: object, where: str) -> object:
    if isinstance(value, list):
        value = tuple(value)
    if not entry.rule.accepts(entry.default, value):
        raise ConfigError(entry.key, entry.rule.masked(value), f"{entry.rule.expected(entry.default)} ({where})")
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
