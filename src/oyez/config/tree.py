"""Every setting of the daemon, as one frozen tree: the leaves stand beside the parts that they are of.

It must not know what a setting is used for, nor where values come from. Each field is annotated with its `Setting`, so
that the loader, the error texts, `oyez check-config` and the documentation test agree.
"""

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, NamedTuple, TypeVar

from oyez.access.settings import KEY_FORM, AuthSettings, ChannelSettings, KeySettings, problem_of_key
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.config.broker_url import FORMS, problem_of_broker
from oyez.endpoints.settings import WebsocketSettings
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from oyez.net.engineio.settings import SocketioSettings
from oyez.net.http.settings import HttpSettings
from oyez.setting import Setting, Tables, seconds

ENVIRONMENT_PREFIX = "OYEZ_"

T = TypeVar("T")

_HOST_FORM = "an address or a host name"
_SOCKET_PATH_FORM = "a path of at most 107 bytes"


def is_socket_path(text: str) -> bool:
    """Accept what fits into sun_path, less its final NUL (unix(7))."""
    return "\0" not in text and len(os.fsencode(text)) <= 107


@dataclass(frozen=True, slots=True)
class AddressSettings:
    """One more address to listen on, for one door."""

    host: Annotated[str, Setting("Address to listen on; empty: none.", form=_HOST_FORM)] = ""
    port: Annotated[int, Setting("Port to listen on; 0 takes a free one.", high=65_535)] = 0
    uds: Annotated[
        str,
        Setting("Unix socket to listen on, instead of host and port.", valid=is_socket_path, form=_SOCKET_PATH_FORM),
    ] = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole tree: plain fields are the daemon's own, each other field is the leaf of one part."""

    host: Annotated[str, Setting("Address to listen on.", valid=bool, form=_HOST_FORM, flag=True)] = "127.0.0.1"
    port: Annotated[int, Setting("Port to listen on; 0 takes a free one.", high=65_535, flag=True)] = 15100
    uds: Annotated[
        str,
        Setting(
            "Unix socket to listen on, instead of host and port.",
            valid=is_socket_path,
            form=_SOCKET_PATH_FORM,
            flag=True,
        ),
    ] = ""
    key: Annotated[
        str,
        Setting(
            "Secret that back ends show to post; without one nobody may.",
            problem=problem_of_key,
            form=KEY_FORM,
            flag=True,
            secret=True,
            live=True,
        ),
    ] = dataclasses.field(default="", repr=False)
    key_file: Annotated[
        str, Setting("File whose first line is the key.", form="the path of a file", flag=True, live=True)
    ] = ""
    broker: Annotated[
        str,
        Setting(
            "Store that numbers the events and keeps them.",
            problem=problem_of_broker,
            form=f"one of {FORMS}",
            flag=True,
        ),
    ] = "sqlite://"
    dev: Annotated[
        bool, Setting("Development mode: a page at / to try events, and a key if none is set.", flag=True)
    ] = False
    log_level: Annotated[
        str,
        Setting(
            "Least weight of a line in the log.", choices=("debug", "info", "warning", "error"), flag=True, live=True
        ),
    ] = "info"
    log_format: Annotated[str, Setting("Shape of the log's lines.", choices=("text", "json"), flag=True)] = "text"
    drain_deadline_s: Annotated[float, seconds("Longest time from the order to stop until the end.", low=0)] = 5.0
    stall_deadline_s: Annotated[
        float,
        seconds("How long the event loop may stand still before the process ends itself; 0: for ever.", low=0),
    ] = 20.0
    socketio: SocketioSettings = SocketioSettings()
    websocket: WebsocketSettings = WebsocketSettings()
    post_listener: AddressSettings = AddressSettings(port=15101)
    poll_listener: AddressSettings = AddressSettings(port=15102)
    history: HistorySettings = HistorySettings()
    sqlite: SqliteSettings = SqliteSettings()
    limits: LimitSettings = LimitSettings()
    auth: AuthSettings = AuthSettings()
    http: HttpSettings = HttpSettings()
    keys: Annotated[
        tuple[KeySettings, ...],
        Tables(KeySettings, "One more key, with a name, and perhaps for some channels or from some places only."),
    ] = ()
    channels: Annotated[
        tuple[ChannelSettings, ...],
        Tables(ChannelSettings, "A rule for channels; the first that fits a channel counts for it."),
    ] = ()

    @property
    def all_keys(self) -> tuple[str, ...]:
        """Every secret that somebody may show to post; empty: nobody may."""
        return (*((self.key,) if self.key else ()), *(other.key for other in self.keys))


class Entry(NamedTuple):
    """One setting as documentation and `check-config` show it; `value` is masked where it is secret (`is_masked`).

    `is_live`: whether a change takes effect while the daemon serves; else it needs a restart.
    """

    key: str
    setting: Setting
    default: object
    value: object
    is_masked: bool
    is_live: bool

    @property
    def variable(self) -> str:
        """Name of the environment variable that sets it; empty for a member of a table, which has none."""
        return "" if "[" in self.key else ENVIRONMENT_PREFIX + self.key.upper().replace(".", "_")

    @property
    def flag(self) -> str:
        """Flag of `oyez serve` that sets it; empty when it has none."""
        return "--" + self.key.replace("_", "-") if self.setting.flag else ""

    @property
    def kind(self) -> str:
        """The type of its values, in a word for the documentation: ``text``, ``integer`` and so on."""
        return {"str": "text", "int": "integer", "float": "number", "bool": "boolean", "tuple": "list"}[
            type(self.default).__name__
        ]


def fields_of(settings: Settings) -> Iterator[Entry]:
    """List every setting of the tree, in its order; members of tables as ``keys[1].name``, counted from 1."""
    return _entries(settings, Settings(), "")


def tables_of_tree() -> dict[str, Tables]:
    """Return the settings that are lists of tables, by their names."""
    return {field.name: tables for field in dataclasses.fields(Settings) if (tables := _metadata_of(field, Tables))}


def members_of(tables: Tables, prefix: str) -> dict[str, Entry]:
    """Return what a table may have, by its name there; ``prefix``: what stands before it in the whole name."""
    return {entry.key.removeprefix(prefix): entry for entry in _entries(tables.of(), tables.of(), prefix)}


def name_of(field: "dataclasses.Field[object]") -> str:
    """Return a field's name as it is written in settings."""
    return field.name.removesuffix("_")


def _entries(node: object, defaults: object, prefix: str) -> Iterator[Entry]:
    for declared in dataclasses.fields(defaults):  # type: ignore[arg-type]  # every node of the tree is a dataclass
        key = prefix + name_of(declared)
        value, default = getattr(node, declared.name), getattr(defaults, declared.name)
        setting, tables = _metadata_of(declared, Setting), _metadata_of(declared, Tables)
        if setting is not None:
            shown = setting.masked(value)
            yield Entry(key, setting, default, shown, is_masked=shown != value, is_live=_is_live(defaults, setting))
        elif tables is not None:
            for number, table in enumerate(value, 1):
                yield from _entries(table, tables.of(), f"{key}[{number}].")
        else:
            yield from _entries(value, default, key + ".")


class Reloaded(NamedTuple):
    """What a second reading of the settings has come to, in names of settings."""

    changed: tuple[str, ...]
    """Those that differ, and count now."""
    needs_restart: tuple[str, ...]
    """Those that differ, and do not."""


def merge(old: Settings, new: Settings) -> tuple[Settings, Reloaded]:
    """Find what a second reading of the settings changes; a list of tables is one setting here.

    Returns:
        The tree with the new values of what changes while the daemon serves, and the old ones of all else; and what is
        new.
    """
    changed: list[str] = []
    needing: list[str] = []
    return _merge(old, new, "", changed, needing), Reloaded(tuple(changed), tuple(needing))


def _merge(old: T, new: T, prefix: str, changed: list[str], needing: list[str]) -> T:
    taken: dict[str, object] = {}
    for declared in dataclasses.fields(old):  # type: ignore[arg-type]  # every node of the tree is a dataclass
        key = prefix + name_of(declared)
        before, after = getattr(old, declared.name), getattr(new, declared.name)
        setting, tables = _metadata_of(declared, Setting), _metadata_of(declared, Tables)
        if setting is None and tables is None:
            taken[declared.name] = _merge(before, after, key + ".", changed, needing)
        elif before == after:
            continue
        elif setting is None or _is_live(old, setting):
            taken[declared.name] = after
            changed.append(key)
        else:
            needing.append(key)
    return dataclasses.replace(old, **taken)  # type: ignore[type-var]


def _is_live(node: object, setting: Setting) -> bool:
    return bool(getattr(node, "is_live", False) if setting.live is None else setting.live)


def _metadata_of(declared: "dataclasses.Field[object]", kind: type[T]) -> T | None:
    """Return what a field is annotated with; None for both kinds: it is the leaf of a part."""
    return next((each for each in getattr(declared.type, "__metadata__", ()) if isinstance(each, kind)), None)
