"""Which store a broker's URL names.

Knows the URLs. Must not know the stores.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from oyez.brokers.rabbitmq import url as rabbitmq_url
from oyez.brokers.rabbitmq.url import AmqpUrl, parse_amqp_url
from oyez.brokers.redis import url as redis_url
from oyez.brokers.redis.url import RedisUrl, parse_redis_url
from oyez.config import state_folder
from oyez.setting import MASK

if TYPE_CHECKING:  # only who names another package's broker waits for it, see `plugins`
    from importlib.metadata import EntryPoints

FORMS = f"memory://, sqlite://, sqlite:///path, sqlite:///path?durability=disk, {redis_url.FORM} or {rabbitmq_url.FORM}"

PLUGINS = "oyez.brokers"

_FILE_NAME = "events.sqlite3"
_DURABILITIES = ("process", "disk")


@dataclass(frozen=True, slots=True)
class MemoryUrl:
    """``memory://``: nothing outlives the process."""


class SqliteUrl(NamedTuple):
    """``sqlite:///path``: a file.

    ``synced``: what is acknowledged outlives the loss of power too.
    """

    path: Path
    synced: bool


class PluginUrl(NamedTuple):
    """A URL with the scheme of an installed package: it says itself what the rest means."""

    scheme: str
    url: str


BrokerUrl = MemoryUrl | SqliteUrl | AmqpUrl | RedisUrl | PluginUrl


def parse_broker_url(url: str) -> BrokerUrl:
    """Read a URL.

    Raises:
        ValueError: it names no store; what would be right, in words.
    """
    scheme, separator, _ = url.partition("://")
    if separator and scheme == "memory":
        if url != "memory://":
            raise ValueError("memory:// with nothing behind it")
        return MemoryUrl()
    if separator and scheme == "sqlite":
        return _parse_sqlite(url)
    if separator and scheme in ("amqp", "amqps"):
        return parse_amqp_url(url)
    if separator and scheme in redis_url.SCHEMES:
        return parse_redis_url(url)
    if separator and scheme in plugins().names:
        return PluginUrl(scheme, url)
    raise ValueError(f"one of {FORMS}")


def problem_of_broker(url: str) -> str:
    """Return what would be right instead of this URL; nothing when it names a broker that this version has."""
    if f":{MASK}@" in url:
        return f"the password itself, instead of which {MASK} is shown"
    try:
        parse_broker_url(url)
    except ValueError as error:
        return str(error)
    return ""


def plugins() -> "EntryPoints":
    """Find the brokers of other packages: the entry points' names are schemes, their values make a broker of a URL."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - it takes a twentieth of a start

    return entry_points(group=PLUGINS)


def _parse_sqlite(url: str) -> SqliteUrl:
    parts = urlsplit(url)
    if parts.netloc:
        raise ValueError("three slashes before the path, such as sqlite:///var/lib/oyez/events.sqlite3")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = dict(pairs)
    if len(query) < len(pairs):
        raise ValueError("each key once")
    durability = query.pop("durability", _DURABILITIES[0])
    if query or (parts.query and not pairs) or parts.fragment:
        raise ValueError("nothing after the path but ?durability=process or ?durability=disk")
    if durability not in _DURABILITIES:
        raise ValueError(f"durability={' or '.join(_DURABILITIES)}")
    path = unquote(parts.path)
    if path.endswith("/") or "\0" in path:
        raise ValueError("the path of a file, such as sqlite:///var/lib/oyez/events.sqlite3")
    return SqliteUrl(Path(path) if path else _state_folder() / _FILE_NAME, durability == "disk")


def _state_folder() -> Path:
    """Return the folder for what has to outlive the process: systemd's, or else the user's."""
    given = Path(os.environ.get("STATE_DIRECTORY", "").partition(":")[0])
    folder = given if given.is_absolute() else state_folder.find()
    if folder is None:
        raise ValueError(
            "the path of a file, since this user has no home: sqlite:///var/lib/oyez/events.sqlite3, for example; or"
            " memory://, which keeps nothing"
        )
    return folder
