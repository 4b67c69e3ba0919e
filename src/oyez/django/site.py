"""What a site's settings say of its events: defaults, and which setting wins.

It must not know how anything is posted. Wrong values are passed over here; `checks` names them.
"""

import re
from dataclasses import dataclass, field

from django.conf import settings

from oyez.site_settings import (
    AMQP,
    BACKEND,
    EXCHANGE,
    GET,
    KEY,
    POLL,
    POST,
    PUBLIC_URL,
    QUEUE,
    RAISE_ERRORS,
    SSL,
    TIMEOUT,
    URL,
    USE,
    Values,
    read_values,
)  # fmt: skip

DEFAULT_TIMEOUT_S = 1.0
DEFAULT_EXCHANGE = "dmoj-events"
DEFAULT_QUEUE = 500
MOST = 1e9  # beyond it a number stands for no bound, and there has to be one

BACKENDS = {
    "http": "oyez.django.backends.http.HttpBackend",
    "amqp": "oyez.django.backends.amqp.AmqpBackend",
    "memory": "oyez.django.backends.memory.MemoryBackend",
    "none": "oyez.django.backends.none.NoneBackend",
}

# The daemon's doors: sites name them in addresses, for WebSockets. Posts by HTTP go to the address without.
_DOOR = re.compile(r"(?<=[^/])/(?:socket\.io|event|post|sse|channels)/*(?=[?#]|$)")
_QUERY = re.compile(r"[?#].*")


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """The settings in force.

    Attributes:
        backend: dotted path of the class that takes the posts.
        url: of the daemon, for posts by HTTP; `url_name` is the setting that it is in.
        amqp: URL of RabbitMQ, for posts by AMQP.
        timeout_s: the longest that a call may take.
        queue: the most events that wait while they cannot be posted; 0 for no queue.
        raise_errors: calls raise what went wrong, unless they are told otherwise.
    """

    backend: str
    url: str = ""
    url_name: str = URL
    key: str = field(default="", repr=False)
    amqp: str = field(default="", repr=False)
    exchange: str = DEFAULT_EXCHANGE
    timeout_s: float = DEFAULT_TIMEOUT_S
    queue: int = DEFAULT_QUEUE
    raise_errors: bool = False


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """Where browsers listen: the site's public base, or with `poll` the two addresses of DMOJ's pages."""

    url: str
    poll: str = ""


def read_settings() -> SiteSettings:
    """Read them as they are now."""
    values = read_values(settings)
    url_name = URL if _text(values, URL) or not _text(values, POST) else POST
    return SiteSettings(
        backend=choose_backend(values),
        url=strip_door(_text(values, url_name)),
        url_name=url_name,
        key=_text(values, KEY),
        amqp=_text(values, AMQP),
        exchange=_text(values, EXCHANGE) or DEFAULT_EXCHANGE,
        timeout_s=float(_number(values, TIMEOUT, DEFAULT_TIMEOUT_S) or DEFAULT_TIMEOUT_S),
        queue=int(_number(values, QUEUE, DEFAULT_QUEUE)),
        raise_errors=bool(values.get(RAISE_ERRORS)),
    )


def is_used() -> bool:
    """Whether the site has switched its events on."""
    return bool(getattr(settings, USE, False))


def choose_backend(values: Values) -> str:
    """Name the class that the settings ask for."""
    if not values.get(USE):
        return BACKENDS["none"]
    if named := _text(values, BACKEND):
        return BACKENDS.get(named, named)
    return BACKENDS["amqp" if _text(values, AMQP) else "http"]


def strip_door(url: str) -> str:
    """Remove the path of a door from an address: `ws://127.0.0.1:15100/event/` is where WebSockets go."""
    return url if url.startswith("http+unix:") else _DOOR.sub("", _QUERY.sub("", url))


def read_public_address(*, is_secure: bool | None) -> PublicAddress:
    """Find where a page's browser listens; `is_secure`: whether the page came over TLS; None: nobody knows.

    Without any setting it is the page's own origin, an empty URL.
    """
    values = read_values(settings)
    for name, poll in ((PUBLIC_URL, ""), (GET, POLL)):
        if url := _for_page(values, name, is_secure=is_secure):
            return PublicAddress(url, _for_page(values, poll, is_secure=is_secure) if poll else "")
    return PublicAddress("")


def _for_page(values: Values, name: str, *, is_secure: bool | None) -> str:
    """Prefer the setting for pages over TLS, but on a page that has none: those may connect to both."""
    first, second = (name, name + SSL) if is_secure is False else (name + SSL, name)
    return _text(values, first) or _text(values, second)


def _text(values: Values, name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _number(values: Values, name: str, default: float) -> float:
    value = values.get(name, default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= MOST else default
