"""What a site's settings say of its events, and what is wrong with them at first sight.

Knows the names of the settings, of LQDOJ sites and of DMOJ sites. Must not know the network.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from oyez import site_settings as names
from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.cli.doctor.findings import Finding, Outcome, found
from oyez.config.key import DEVELOPMENT_KEY
from oyez.errors import ConfigError
from oyez.probe.place import Place, parse_place, resolve


class Dialect(NamedTuple):
    """How a site posts and listens, and what its settings are called. Without a name there is no such setting."""

    title: str
    post: str
    public: str
    poll: str
    key: str
    schemes: tuple[str, ...]
    post_example: str
    public_example: str
    is_raw: bool = False

    @property
    def scheme(self) -> str:
        """What its addresses begin with, where there is no TLS."""
        return "ws" if self.is_raw else "http"


SOCKETIO = Dialect(
    "Socket.IO", names.URL, names.PUBLIC_URL, "", names.KEY, ("http", "https", "ws", "wss"),
    names.EXAMPLE_URL, names.EXAMPLE_PUBLIC_URL,
)  # fmt: skip
RAW = Dialect(
    "raw WebSocket", names.POST, names.GET, names.POLL, names.KEY, ("ws", "wss"),
    "ws://127.0.0.1:15101/", "wss://judge.example/event/", is_raw=True,
)  # fmt: skip

# The options of the command, for whoever has no settings of a site.
OPTIONS = SOCKETIO._replace(post="--url", public="--public-url", key="--key")
RAW_OPTIONS = RAW._replace(post="--url", public="--public-url", poll="", key="--key")


@dataclass(frozen=True, slots=True)
class Site:
    """The settings by their names, or what stands for them: options of the command, by the names in `options`."""

    values: Mapping[str, object]
    options: Dialect | None = None

    @property
    def is_whole(self) -> bool:
        """Whether these are a site's settings."""
        return self.options is None

    @property
    def dialect(self) -> Dialect:
        """What the site speaks. LQDOJ's names win: some of its sites still have DMOJ's as well."""
        if self.options is not None:
            return self.options
        has_socketio = any(name in self.values for name in (SOCKETIO.post, SOCKETIO.public))
        has_raw = any(name in self.values for name in (RAW.post, RAW.public))
        return RAW if has_raw and not has_socketio else SOCKETIO

    @property
    def key(self) -> str | None:
        """The key, if there is one that can be shown."""
        value = self.values.get(self.dialect.key)
        return value if isinstance(value, str) and value else None

    @property
    def is_in_development(self) -> bool:
        """Whether all of it is on this machine, with the key that is good for nothing else."""
        places = (self.post, *map(self.place, self.public_names()))
        return self.key == DEVELOPMENT_KEY and all(place is None or place.is_local for place in places)

    @property
    def posts_to_rabbitmq(self) -> bool:
        """Whether the site's posts go there, and not to the daemon."""
        return bool(self.values.get(names.AMQP))

    @property
    def post(self) -> Place | None:
        """The address that the site posts to; None if it is missing or wrong."""
        return self.place(self.dialect.post)

    def overridden(self, *, url: str, public_url: str, key: str) -> "Site":
        """Return the site with other values, where they are not empty. One public address is for all pages."""
        dialect = self.dialect
        values = dict(self.values)
        if public_url:
            values.pop(dialect.public + names.SSL, None)
        given = {dialect.post: url, dialect.public: public_url, dialect.key: key}
        return replace(self, values=values | {name: value for name, value in given.items() if value})

    def public_names(self) -> list[str]:
        """Return the names of the settings with the public addresses, the one for pages over TLS first."""
        name = self.dialect.public
        return [each for each in (name + names.SSL, name) if each in self.values]

    def place(self, name: str) -> Place | None:
        """Read the address in a setting; None if it is missing or wrong."""
        value = self.values.get(name)
        try:
            return parse_place(value) if isinstance(value, str) else None
        except ConfigError:
            return None

    def poll_place(self, public_name: str) -> tuple[str, Place] | None:
        """Find where pages poll that listen at the address in `public_name`: the setting, and the place."""
        if not self.dialect.poll:
            return None
        name = self.dialect.poll + (names.SSL if is_for_tls(public_name) else "")
        name = name if name in self.values else self.dialect.poll
        value, base = self.values.get(name), self.place(public_name)
        try:
            return (name, resolve(value, base)) if isinstance(value, str) and base else None
        except ConfigError:
            return None


def check_settings(site: Site) -> Outcome:
    """Look for what is wrong before anything is tried."""
    findings = [*_check_use(site), *_check_post(site), *_check_key(site), *_check_public(site)]
    note = f"{site.dialect.title}, {len(site.values)} settings" if site.is_whole else site.dialect.title
    return Outcome(f"{note}, in development" if site.is_in_development else note, tuple(findings))


def _check_use(site: Site) -> Iterator[Finding]:
    if site.is_whole and not site.values.get(names.USE):
        state = f"is {site.values[names.USE]!r}" if names.USE in site.values else "is not set; its default is False"
        yield found("events-off", names.USE, f"{names.USE} {state}")
    if site.posts_to_rabbitmq:
        yield found("amqp-selected", names.AMQP, f"all posts go to RabbitMQ, since {names.AMQP} is set")
    if names.has_empty_amqp(site.values):
        yield found("amqp-empty", names.AMQP, f"{names.AMQP} is defined, but empty")


def _check_post(site: Site) -> Iterator[Finding]:
    dialect = site.dialect
    if dialect.post in site.values or not site.posts_to_rabbitmq:
        yield from _check_url(site, dialect.post, dialect.schemes, dialect.post_example)
    elif names.URL not in site.values and names.POST not in site.values:
        seen = f"all posts go to RabbitMQ, and without {names.URL} events.revoke has no daemon to ask"
        yield found("amqp-no-address", names.URL, seen, example=names.EXAMPLE_URL)


def _check_key(site: Site) -> Iterator[Finding]:
    name = site.dialect.key
    needs_key = not site.dialect.is_raw  # the raw door may have an address of its own, without a key
    if site.key is None and needs_key and not site.posts_to_rabbitmq:
        yield found("key-missing", name, f"{name} is not set, or is no text")
    if site.key in WELL_KNOWN_KEYS and not site.is_in_development:
        yield found("key-well-known", name, f"{name} is a word that is printed in public places")


def _check_public(site: Site) -> Iterator[Finding]:
    dialect = site.dialect
    public_names = site.public_names()
    if site.is_whole and not public_names:
        yield found("url-missing", dialect.public, f"{dialect.public} is not set", example=dialect.public_example)
    for name in public_names:
        yield from _check_url(site, name, dialect.schemes, dialect.public_example)
        place = site.place(name)
        if place is not None:
            yield from _check_public_place(site, name, place)
    if dialect.poll and site.is_whole:
        yield from _check_poll(site, public_names)


def _check_public_place(site: Site, name: str, place: Place) -> Iterator[Finding]:
    dialect = site.dialect
    if not dialect.is_raw and place.path.strip("/"):
        example = place.url("", scheme="http")
        yield found("namespace-trap", name, f"{name} has the path {place.path!r}", example=example)
    if site.is_in_development:
        return
    if place.is_local:
        yield found(
            "public-url-local", name, f"{name} leads to the machine of each browser", example=dialect.public_example
        )
    elif not place.secure and len(site.public_names()) == 1:
        sign = names.sign_of_tls(site.values)
        if sign:
            example = Place(secure=True, host=place.host, port=443, path=place.path).url(scheme=dialect.scheme)
            seen = f"{name} has no TLS, but the pages have it, as {sign} says"
            yield found("mixed-content", name + names.SSL, seen, example=example)


def _check_poll(site: Site, public_names: list[str]) -> Iterator[Finding]:
    base = public_names[-1] if public_names else ""
    is_wrong = site.place(base) is not None and site.poll_place(base) is None
    yield from _check_form(site, site.dialect.poll, is_wrong, names.EXAMPLE_POLL)


def _check_url(site: Site, name: str, schemes: tuple[str, ...], example: str) -> Iterator[Finding]:
    value, place = site.values.get(name), site.place(name)
    if place is None:
        yield from _check_form(site, name, True, example)
    elif str(value).partition(":")[0].lower() not in schemes and (site.is_whole or not place.socket_path):
        yield found("scheme-wrong", name, f"{name} begins with {str(value).partition(':')[0]}:", example=example)


def _check_form(site: Site, name: str, is_wrong: bool, example: str) -> Iterator[Finding]:
    if not site.values.get(name):
        yield found("url-missing", name, f"{name} is not set", example=example)
    elif is_wrong:
        yield found("url-wrong", name, f"{name} is no URL that could be read", example=example)


def is_for_tls(name: str) -> bool:
    """Whether a setting is for pages over TLS only."""
    return name.endswith(names.SSL)
