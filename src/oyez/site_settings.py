"""The settings of a site's events: their names, and which of a site's own say that it has TLS.

Knows values by their names. Must not know Django: the doctor works without it.
"""

from collections.abc import Mapping
from typing import Any

PREFIX = "EVENT_DAEMON_"
USE = "EVENT_DAEMON_USE"
BACKEND = "EVENT_DAEMON_BACKEND"
URL = "EVENT_DAEMON_URL"
POST = "EVENT_DAEMON_POST"
KEY = "EVENT_DAEMON_KEY"
AMQP = "EVENT_DAEMON_AMQP"
EXCHANGE = "EVENT_DAEMON_AMQP_EXCHANGE"
PUBLIC_URL = "EVENT_DAEMON_PUBLIC_URL"
GET = "EVENT_DAEMON_GET"
POLL = "EVENT_DAEMON_POLL"
TIMEOUT = "EVENT_DAEMON_TIMEOUT"
QUEUE = "EVENT_DAEMON_QUEUE"
RAISE_ERRORS = "EVENT_DAEMON_RAISE_ERRORS"

SSL = "_SSL"
"""Ends the name of a public address that is for pages over TLS only."""

SIGNS_OF_TLS = ("DMOJ_SSL", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
"""Settings of DMOJ's and of Django's that say that a site's pages are served over TLS."""

EXAMPLE_URL = "http://127.0.0.1:15100"
EXAMPLE_PUBLIC_URL = "https://judge.example"
EXAMPLE_POLL = "/channels/"

Values = Mapping[str, Any]
"""What is set, by its name; the values are as the site wrote them, right or wrong."""


def read_values(settings: object) -> dict[str, Any]:
    """Return what is set of the above in a settings module, or in Django's own object."""
    names = [name for name in dir(settings) if name.startswith(PREFIX) or name in SIGNS_OF_TLS]
    return {name: getattr(settings, name) for name in names}


def sign_of_tls(values: Values) -> str:
    """Name the first setting that says that pages are served over TLS; empty if none does."""
    return next((sign for sign in SIGNS_OF_TLS if values.get(sign)), "")


def has_empty_amqp(values: Values) -> bool:
    """Whether RabbitMQ's URL is defined but empty, which the sites' own posters take for a choice of RabbitMQ."""
    return AMQP in values and not values[AMQP]
