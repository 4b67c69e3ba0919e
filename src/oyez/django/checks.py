"""System checks: settings that are wrong, missing or contradict each other, each with its cure.

It must not know the network; `manage.py oyez_doctor` does. No key is shown, and no password.
"""

import difflib
from collections.abc import Iterator
from importlib.util import find_spec
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning  # noqa: A004 - their names in Django
from django.utils.module_loading import import_string

from oyez import site_settings as names
from oyez.access.ip_addresses import is_loopback
from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.client import parse_target
from oyez.django import site
from oyez.errors import ConfigError
from oyez.site_settings import Values

_PUBLIC_NAMES = (names.PUBLIC_URL, names.PUBLIC_URL + names.SSL, names.GET, names.GET + names.SSL)
# Names that sites have for purposes of their own.
_SITES_OWN = tuple(f"{names.PREFIX}{word}_KEY" for word in ("SUBMISSION", "CONTEST", "TICKET", "NOTIFICATION"))
KNOWN = (
    names.USE, names.BACKEND, names.URL, names.POST, names.KEY, names.AMQP, names.EXCHANGE, *_PUBLIC_NAMES, names.POLL,
    names.POLL + names.SSL, names.TIMEOUT, names.QUEUE, names.RAISE_ERRORS,
)  # fmt: skip


def check_settings(app_configs: object = None, **_: object) -> list[CheckMessage]:
    """Look at the settings of events."""
    values = names.read_values(settings)
    if not values.get(names.USE):
        return [*_check_unused(values), *_check_names(values)]
    looks = (
        _check_kinds, _check_where, _check_key, _check_amqp, _check_backend, _check_numbers, _check_public,
        _check_names,
    )  # fmt: skip
    return [message for look in looks for message in look(values)]


def _check_unused(values: Values) -> Iterator[CheckMessage]:
    given = [name for name in (names.URL, names.POST, names.AMQP, names.BACKEND) if values.get(name)]
    if given and names.USE not in values:
        yield Warning(
            f"{given[0]} is set, but {names.USE} is not: no event is posted.",
            hint=f"Set {names.USE} = True, or False to say that this is meant.",
            id="oyez.W001",
        )


def _check_where(values: Values) -> Iterator[CheckMessage]:
    if site.choose_backend(values) != site.BACKENDS["http"]:
        return
    in_force = site.read_settings()
    if not in_force.url:
        yield Error(
            f"{names.USE} is True, but neither {names.URL} nor {names.POST} says where the daemon is.",
            hint=f"Set {names.URL} to the daemon's address, for example: {names.URL} = {names.EXAMPLE_URL!r}",
            id="oyez.E001",
        )
    elif not _is_url(in_force.url):
        yield _wrong_url(in_force.url_name, values[in_force.url_name], names.EXAMPLE_URL)
    url, post = values.get(names.URL), values.get(names.POST)
    if url and post and _authority(url) != _authority(post):
        yield Info(
            f"{names.URL} and {names.POST} name different addresses; posts go to that in {names.URL}.",
            hint=f"Remove {names.POST}, if nothing else of the site reads it.",
            id="oyez.I001",
        )


def _check_key(values: Values) -> Iterator[CheckMessage]:
    if site.choose_backend(values) != site.BACKENDS["http"]:
        return
    key, in_force = values.get(names.KEY), site.read_settings()
    if key is not None and not (isinstance(key, str) and key.isprintable()):
        yield Error(
            f"{names.KEY} is {'no text' if not isinstance(key, str) else 'a text with line breaks or the like'}.",
            hint=f"Set {names.KEY} to the daemon's key; a key read from a file wants .strip().",
            id="oyez.E003",
        )
    elif not key and in_force.url and not (in_force.url_name == names.POST and _is_local(in_force.url)):
        yield Warning(
            f"{names.KEY} is not set: the daemon takes no posts without its key.",
            hint=f"Give the site and the daemon the same secret: {names.KEY} here, key_file or OYEZ_KEY there.",
            id="oyez.W002",
        )
    elif key in WELL_KNOWN_KEYS and not settings.DEBUG:
        yield Warning(
            f"{names.KEY} is a word that is printed in public places.",
            hint="Choose a long random one, for the site and for the daemon: whoever knows the key can forge events.",
            id="oyez.W003",
        )


def _check_amqp(values: Values) -> Iterator[CheckMessage]:
    if names.has_empty_amqp(values):
        yield Warning(
            f"{names.AMQP} is defined, but empty. Oyez takes it for not set; DMOJ's and LQDOJ's own posters do not.",
            hint=f"Remove {names.AMQP} from the settings.",
            id="oyez.W004",
        )
    if site.choose_backend(values) != site.BACKENDS["amqp"]:
        return
    if find_spec("pika") is None:
        yield Error(
            f"{names.AMQP} is set, so events go to RabbitMQ, but the package pika is not installed.",
            hint=f"pip install pika, or remove {names.AMQP} to post to the daemon itself.",
            id="oyez.E004",
        )
    scheme, host = _split(values.get(names.AMQP))
    if scheme not in {"amqp", "amqps"} or not host:
        yield _wrong_url(names.AMQP, "***", "amqp://user:password@127.0.0.1:5672/vhost")
    if values.get(names.URL):
        yield Info(
            f"{names.AMQP} and {names.URL} are both set; events go to RabbitMQ, and the URL is for revoking grants.",
            hint=f"Nothing, if that is meant. Else remove {names.AMQP}: merely defining it selects RabbitMQ.",
            id="oyez.I002",
        )
    elif not site.read_settings().url:
        yield Info(
            f"{names.AMQP} is set, and no setting says where the daemon is: events.revoke cannot end grants.",
            hint=f"Set {names.URL} beside it, if the site revokes grants: {names.URL} = {names.EXAMPLE_URL!r}",
            id="oyez.I003",
        )


def _check_backend(values: Values) -> Iterator[CheckMessage]:
    named = values.get(names.BACKEND)
    if named is None:
        return
    try:
        import_string(site.BACKENDS.get(named) or named)
    except (ImportError, AttributeError, TypeError) as error:
        yield Error(
            f"{names.BACKEND} = {named!r} cannot be imported: {error}",
            hint=f"Write one of {', '.join(map(repr, site.BACKENDS))}, or the dotted path of a class.",
            id="oyez.E005",
        )


def _check_numbers(values: Values) -> Iterator[CheckMessage]:
    for name, kinds, wanted in (
        (names.TIMEOUT, int | float, "seconds above 0, such as 1.0"),
        (names.QUEUE, int, "the most events that may wait, such as 500, or 0 for no queue"),
    ):
        value = values.get(name, 1)
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= site.MOST or (name == names.TIMEOUT and value == 0):
            yield Error(f"{name} = {value!r} is no such number.", hint=f"Write {wanted}.", id="oyez.E006")


def _check_kinds(values: Values) -> Iterator[CheckMessage]:
    for name, kind, wanted in (
        *((name, int, "True or False: any text counts as True") for name in (names.USE, names.RAISE_ERRORS)),
        *((name, str, "a text: this is passed over") for name in (names.URL, names.POST, names.AMQP, names.EXCHANGE)),
    ):
        value = values.get(name)
        if value is not None and not isinstance(value, kind):
            yield Warning(f"{name} is a {type(value).__name__}.", hint=f"Write {wanted}.", id="oyez.W011")


def _check_public(values: Values) -> Iterator[CheckMessage]:
    is_socketio = bool(values.get(names.PUBLIC_URL) or values.get(names.PUBLIC_URL + names.SSL))
    base = names.PUBLIC_URL if is_socketio else names.GET
    for name in (base, base + names.SSL):
        if value := values.get(name):
            yield from _check_public_url(values, name, value)
    sign = names.sign_of_tls(values)
    if sign and values.get(base) and _split(values[base])[0] in {"http", "ws"} and not values.get(base + names.SSL):
        yield Warning(
            f"{base} has no TLS, but the site's pages have it, as {sign} says. Browsers refuse that.",
            hint=f"Set {base}{names.SSL} to the address with TLS, for example {names.EXAMPLE_PUBLIC_URL!r}.",
            id="oyez.W006",
        )
    if values.get(names.GET) and not is_socketio and not values.get(names.POLL):
        yield Warning(
            f"{names.GET} is set, but {names.POLL} is not: browsers without a WebSocket get no events.",
            hint=f"Set {names.POLL} = {names.EXAMPLE_POLL!r}",
            id="oyez.W007",
        )


def _check_public_url(values: Values, name: str, value: object) -> Iterator[CheckMessage]:
    if not isinstance(value, str) or not _is_url(value):
        yield _wrong_url(name, value, names.EXAMPLE_PUBLIC_URL)
    elif name.startswith(names.PUBLIC_URL) and site.strip_door(value) != value:
        yield Warning(
            f"{name} = {value!r} ends in the path of one of the daemon's doors, where the site's address belongs.",
            hint=f"Set {name} = {site.strip_door(value)!r}",
            id="oyez.W008",
        )
    elif _is_local(value) and not settings.DEBUG:
        yield Warning(
            f"{name} = {value!r} leads to the machine of each browser.",
            hint=f"Write the address that browsers see, for example {names.EXAMPLE_PUBLIC_URL!r}.",
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
