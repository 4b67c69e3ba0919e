"""Every setting: its name, default, meaning, limits and unit, as one frozen tree.

It must not know what a setting is used for, nor where values come from; a component gets its own leaf of the tree and
nothing else. Each field carries a `Rule`, so that the loader, the error texts, `oyez check-config` and the
documentation test agree.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from oyez.access.origins import problem_of_pattern
from oyez.config.broker_url import FORMS
from oyez.config.rules import (
    DAY_S,
    KEY_FORM,
    NETWORKS,
    Rule,
    duration,
    is_host_name,
    is_mount,
    is_network,
    is_path,
    is_socket_path,
    problem_of_broker,
    problem_of_key,
    setting,
)

ENVIRONMENT_PREFIX = "OYEZ_"

_HOST_FORM = "an address or a host name"
_SOCKET_PATH_FORM = "a path of at most 107 bytes"


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
class WebsocketSettings:
    """The raw WebSocket doors."""

    paths: tuple[str, ...] = setting(
        ("/", "/event/"),
        "Where listeners connect; a slash at the end may be left out.",
        valid=is_path,
        form='paths, such as "/event/"',
    )
    post_path: str = setting("/post", "Where back ends connect to post.", valid=is_path, form='a path, such as "/post"')
    ping_interval_s: float = duration(25.0, "Time from one ping of a listener to the next.")
    ping_timeout_s: float = duration(20.0, "How long a listener may stay silent after a ping.")
    auth_timeout_s: float = duration(45.0, "How long a back end may stay connected without showing the key.")


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """One more address, for one door."""

    host: str = setting("", "Address to listen on; empty: none.", form=_HOST_FORM)
    port: int = setting(0, "Port to listen on; 0 takes a free one.", high=65_535)
    uds: str = setting(
        "",
        "Unix socket to listen on, instead of host and port.",
        valid=is_socket_path,
        form=_SOCKET_PATH_FORM,
    )


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
class SqliteSettings:
    """How much the file of the SQLite broker keeps; the oldest goes first."""

    max_age_s: float = duration(DAY_S, "Age at which an event leaves the file.", high=3660 * DAY_S)
    max_events: int = setting(1_000_000, "Events in the file.", unit="events", low=1)
    max_bytes: int = setting(256 * 2**20, "Size of what is in the file.", unit="bytes", low=2**20)


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
    max_batch_events: int = setting(10_000, "Events in one request to publish.", unit="events", low=1)
    max_batch_bytes: int = setting(2**24, "Size of one request to publish several events.", unit="bytes", low=1)
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
    local_hosts: tuple[str, ...] = setting(
        (),
        "Names by which back ends on this machine call it, besides localhost and its loopback addresses.",
        valid=is_host_name,
        form="host names without a port, such as events.internal",
    )


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What all HTTP doors share."""

    allowed_origins: tuple[str, ...] = setting(
        ("*",),
        "Sites whose pages may listen; * is any.",
        problem=problem_of_pattern,
        form="* or origins, such as https://judge.example or https://*.judge.example",
    )
    trusted_proxies: tuple[str, ...] = setting(
        ("127.0.0.1", "::1"), "Proxies whose word on a peer's address is taken.", valid=is_network, form=NETWORKS
    )
    keep_alive_s: float = duration(75.0, "How long a connection without a request is kept.", low=1)
    long_poll_timeout_s: float = duration(29.0, "How long a long poll waits before it is told to ask again.")
    stream_heartbeat_s: float = duration(15.0, "Time between two signs of life on an event stream.")


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole tree: plain fields are the daemon's own, each other field is the leaf of one component."""

    host: str = setting("127.0.0.1", "Address to listen on.", valid=bool, form=_HOST_FORM, flag=True)
    port: int = setting(15100, "Port to listen on; 0 takes a free one.", high=65_535, flag=True)
    uds: str = setting(
        "",
        "Unix socket to listen on, instead of host and port.",
        valid=is_socket_path,
        form=_SOCKET_PATH_FORM,
        flag=True,
    )
    key: str = setting(
        "",
        "Secret that back ends show to post; without one nobody may.",
        problem=problem_of_key,
        form=KEY_FORM,
        flag=True,
        secret=True,
    )
    key_file: str = setting("", "File whose first line is the key.", form="the path of a file", flag=True)
    broker: str = setting(
        "sqlite://",
        "Store that numbers the events and keeps them.",
        problem=problem_of_broker,
        form=f"one of {FORMS}",
        flag=True,
    )
    dev: bool = setting(False, "Development mode: a page at / to try events, and a key if none is set.", flag=True)
    log_level: str = setting(
        "info", "Least weight of a line in the log.", choices=("debug", "info", "warning", "error"), flag=True
    )
    log_format: str = setting("text", "Shape of the log's lines.", choices=("text", "json"), flag=True)
    drain_deadline_s: float = duration(5.0, "Longest time from the order to stop until the end.", low=0)
    stall_deadline_s: float = duration(
        20.0, "How long the event loop may stand still before the process ends itself; 0: for ever.", low=0
    )
    socketio: SocketioSettings = SocketioSettings()
    websocket: WebsocketSettings = WebsocketSettings()
    post_listener: ListenerSettings = ListenerSettings(port=15101)
    poll_listener: ListenerSettings = ListenerSettings(port=15102)
    history: HistorySettings = HistorySettings()
    sqlite: SqliteSettings = SqliteSettings()
    limits: LimitSettings = LimitSettings()
    auth: AuthSettings = AuthSettings()
    http: HttpSettings = HttpSettings()


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting as documentation and `check-config` show it; `value` is masked where it is secret (`is_masked`)."""

    key: str
    rule: Rule
    default: object
    value: object
    is_masked: bool

    @property
    def variable(self) -> str:
        """Name of the environment variable that sets it."""
        return ENVIRONMENT_PREFIX + self.key.upper().replace(".", "_")

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
            shown = rule.masked(value)
            yield Entry(key, rule, default, shown, is_masked=shown != value)
        else:
            yield from _entries(value, default, key + ".")
