"""System checks: settings that are wrong, missing or contradict each other, each with its cure.

It must not know the network; `manage.py oyez_doctor` does. No key is shown, and no password.
"""

import difflib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning  # noqa: A004 - their names in Django
from django.utils.module_loading import import_string

from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.access.peer import is_loopback
from oyez.client import parse_target
from oyez.django import site
from oyez.errors import ConfigError

_EXAMPLE_URL = "http://127.0.0.1:15100"
_EXAMPLE_PUBLIC_URL = "https://judge.example"
_SIGNS_OF_TLS = ("DMOJ_SSL", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
_PUBLIC_NAMES = (site.PUBLIC_URL, site.PUBLIC_URL + site.SSL, site.GET, site.GET + site.SSL)
# Names that sites have for purposes of their own.
_SITES_OWN = tuple(f"{site.PREFIX}{word}_KEY" for word in ("SUBMISSION", "CONTEST", "TICKET", "NOTIFICATION"))
KNOWN = (
    site.USE, site.BACKEND, site.URL, site.POST, site.KEY, site.AMQP, site.EXCHANGE, *_PUBLIC_NAMES, site.POLL,
    site.POLL + site.SSL, site.TIMEOUT, site.QUEUE, site.RAISE_ERRORS,
)  # fmt: skip

Values = Mapping[str, Any]


def check_settings(app_configs: object = None, **_: object) -> list[CheckMessage]:
    """Look at the settings of events."""
    values = site.read_values()
    if not values.get(site.USE):
        return [*_check_unused(values), *_check_names(values)]
    looks = (
        _check_kinds, _check_where, _check_key, _check_amqp, _check_backend, _check_numbers, _check_public,
        _check_names,
    )  # fmt: skip
    return [message for look in looks for message in look(values)]


def _check_unused(values: Values) -> Iterator[CheckMessage]:
    given = [name for name in (site.URL, site.POST, site.AMQP, site.BACKEND) if values.get(name)]
    if given and site.USE not in values:
        yield Warning(
            f"{given[0]} is set, but {site.USE} is not: no event is posted.",
            hint=f"Set {site.USE} = True, or False to say that this is meant.",
            id="oyez.W001",
        )


def _check_where(values: Values) -> Iterator[CheckMessage]:
    if site.choose_backend(values) != site.BACKENDS["http"]:
        return
    in_force = site.read_settings()
    if not in_force.url:
        yield Error(
            f"{site.USE} is True, but neither {site.URL} nor {site.POST} says where the daemon is.",
            hint=f"Set {site.URL} to the daemon's address, for example: {site.URL} = {_EXAMPLE_URL!r}",
            id="oyez.E001",
        )
    elif not _is_url(in_force.url):
        yield _wrong_url(in_force.url_name, values[in_force.url_name], _EXAMPLE_URL)
    if values.get(site.URL) and values.get(site.POST) and _authority(values[site.URL]) != _authority(values[site.POST]):
        yield Info(
            f"{site.URL} and {site.POST} name different addresses; posts go to that in {site.URL}.",
            hint=f"Remove {site.POST}, if nothing else of the site reads it.",
            id="oyez.I001",
        )


def _check_key(values: Values) -> Iterator[CheckMessage]:
    if site.choose_backend(values) != site.BACKENDS["http"]:
        return
    key, in_force = values.get(site.KEY), site.read_settings()
    if key is not None and not (isinstance(key, str) and key.isprintable()):
        yield Error(
            f"{site.KEY} is {'no text' if not isinstance(key, str) else 'a text with line breaks or the like'}.",
            hint=f"Set {site.KEY} to the daemon's key; a key read from a file wants .strip().",
            id="oyez.E003",
        )
    elif not key and in_force.url and not (in_force.url_name == site.POST and _is_local(in_force.url)):
        yield Warning(
            f"{site.KEY} is not set: the daemon takes no posts without its key.",
            hint=f"Give the site and the daemon the same secret: {site.KEY} here, key_file or OYEZ_KEY there.",
            id="oyez.W002",
        )
    elif key in WELL_KNOWN_KEYS and not settings.DEBUG:
        yield Warning(
            f"{site.KEY} is a word that is printed in public places.",
            hint="Choose a long random one, for the site and for the daemon: whoever knows the key can forge events.",
            id="oyez.W003",
        )


def _check_amqp(values: Values) -> Iterator[CheckMessage]:
    if site.AMQP in values and not values[site.AMQP]:
        yield Warning(
            f"{site.AMQP} is defined, but empty. Oyez takes it for not set; DMOJ's and LQDOJ's own posters do not.",
            hint=f"Remove {site.AMQP} from the settings.",
            id="oyez.W004",
        )
    if site.choose_backend(values) != site.BACKENDS["amqp"]:
        return
    if find_spec("pika") is None:
        yield Error(
            f"{site.AMQP} is set, so events go to RabbitMQ, but the package pika is not installed.",
            hint=f"pip install pika, or remove {site.AMQP} to post to the daemon itself.",
            id="oyez.E004",
        )
    scheme, host = _split(values.get(site.AMQP))
    if scheme not in {"amqp", "amqps"} or not host:
        yield _wrong_url(site.AMQP, "***", "amqp://user:password@127.0.0.1:5672/vhost")
    if values.get(site.URL):
        yield Warning(
            f"{site.AMQP} and {site.URL} are both set; events go to RabbitMQ, and {site.URL} is not used.",
            hint=f"Remove one of them. Merely defining {site.AMQP} selects RabbitMQ.",
            id="oyez.W005",
        )


def _check_backend(values: Values) -> Iterator[CheckMessage]:
    named = values.get(site.BACKEND)
    if named is None:
        return
    try:
        import_string(site.BACKENDS.get(named) or named)
    except (ImportError, AttributeError, TypeError) as error:
        yield Error(
            f"{site.BACKEND} = {named!r} cannot be imported: {error}",
            hint=f"Write one of {', '.join(map(repr, site.BACKENDS))}, or the dotted path of a class.",
            id="oyez.E005",
        )


def _check_numbers(values: Values) -> Iterator[CheckMessage]:
    for name, kinds, wanted in (
        (site.TIMEOUT, int | float, "seconds above 0, such as 1.0"),
        (site.QUEUE, int, "the most events that may wait, such as 500, or 0 for no queue"),
    ):
        value = values.get(name, 1)
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= site.MOST or (name == site.TIMEOUT and value == 0):
            yield Error(f"{name} = {value!r} is no such number.", hint=f"Write {wanted}.", id="oyez.E006")


def _check_kinds(values: Values) -> Iterator[CheckMessage]:
    for name, kind, wanted in (
        *((name, int, "True or False: any text counts as True") for name in (site.USE, site.RAISE_ERRORS)),
        *((name, str, "a text: this is passed over") for name in (site.URL, site.POST, site.AMQP, site.EXCHANGE)),
    ):
        value = values.get(name)
        if value is not None and not isinstance(value, kind):
            yield Warning(f"{name} is a {type(value).__name__}.", hint=f"Write {wanted}.", id="oyez.W011")


def _check_public(values: Values) -> Iterator[CheckMessage]:
    is_socketio = bool(values.get(site.PUBLIC_URL) or values.get(site.PUBLIC_URL + site.SSL))
    base = site.PUBLIC_URL if is_socketio else site.GET
    for name in (base, base + site.SSL):
        if value := values.get(name):
            yield from _check_public_url(values, name, value)
    if values.get(base) and _split(values[base])[0] in {"http", "ws"} and not values.get(base + site.SSL):
        signs = [sign for sign in _SIGNS_OF_TLS if getattr(settings, sign, False)]
        if signs:
            yield Warning(
                f"{base} has no TLS, but the site's pages have it, as {signs[0]} says. Browsers refuse that.",
                hint=f"Set {base}{site.SSL} to the address with TLS, for example {_EXAMPLE_PUBLIC_URL!r}.",
                id="oyez.W006",
            )
    if values.get(site.GET) and not is_socketio and not values.get(site.POLL):
        yield Warning(
            f"{site.GET} is set, but {site.POLL} is not: browsers without a WebSocket get no events.",
            hint=f"Set {site.POLL} = '/channels/'",
            id="oyez.W007",
        )


def _check_public_url(values: Values, name: str, value: object) -> Iterator[CheckMessage]:
    if not isinstance(value, str) or not _is_url(value):
        yield _wrong_url(name, value, _EXAMPLE_PUBLIC_URL)
    elif name.startswith(site.PUBLIC_URL) and site.strip_door(value) != value:
        yield Warning(
            f"{name} = {value!r} ends in the path of one of the daemon's doors, where the site's address belongs.",
            hint=f"Set {name} = {site.strip_door(value)!r}",
            id="oyez.W008",
        )
    elif _is_local(value) and not settings.DEBUG:
        yield Warning(
            f"{name} = {value!r} leads to the machine of each browser.",
            hint=f"Write the address that browsers see, for example {_EXAMPLE_PUBLIC_URL!r}.",
            id="oyez.W009",
        )


def _check_names(values: Values) -> Iterator[CheckMessage]:
    for name in values:
        if name not in KNOWN and name not in _SITES_OWN:
            meant = difflib.get_close_matches(name, KNOWN, 1, 0.9)
            if meant and meant[0] not in values:
                yield Warning(
                    f"{name} is no setting of Oyez, and {meant[0]} is not set.",
                    hint=f"If it was meant, write {meant[0]}.",
                    id="oyez.W010",
                )


def _wrong_url(name: str, value: object, example: str) -> Error:
    shown = "***" if "@" in str(value) else value  # there may be a password before it
    return Error(f"{name} = {shown!r} is no URL.", hint=f"Write it as a whole: {name} = {example!r}", id="oyez.E002")


def _is_url(value: str) -> bool:
    try:
        target, _ = parse_target(value)
        return target.port is None or target.port > 0
    except ConfigError:
        return False


def _is_local(value: str) -> bool:
    return value.startswith("http+unix:") or is_loopback(_split(value)[1])


def _authority(value: object) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(str(value))
        return parts.hostname, parts.port
    except ValueError:
        return None, None


def _split(value: object) -> tuple[str, str]:
    """Return scheme and host of an address; empty when it is none."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
        return parts.scheme, parts.hostname or ""
    except ValueError:
        return "", ""
