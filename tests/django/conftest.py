"""Django, set up once for this process as a site would, and the settings of a site that uses the daemon."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import django
import pytest
from django.conf import settings
from django.test import override_settings

from oyez.django import wiring
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S

NOTHING_SET: dict[str, Any] = {
    "ALLOWED_HOSTS": ["*"],
    "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    "INSTALLED_APPS": ["django.contrib.staticfiles", "oyez.django"],
    "ROOT_URLCONF": "tests.django.site",
    "SECRET_KEY": "for tests",
    "STATIC_URL": "/static/",
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        },
        {
            "BACKEND": "django.template.backends.jinja2.Jinja2",
            "OPTIONS": {"extensions": ["oyez.django.jinja.OyezExtension"], "environment": "jinja2.Environment"},
        },
    ],
    "USE_TZ": True,
}

assert django.__version__.startswith(os.environ.get("DJANGO", "")), "not the Django that was to be tested"
settings.configure(**NOTHING_SET)
django.setup()


wiring.drain_for(0.1)  # as settings change with each test, its queue ends with it


SiteOf = Callable[..., AbstractContextManager[object]]


def site_of(daemon: Daemon, **more: Any) -> AbstractContextManager[object]:
    """Give the site's settings for a daemon, as a context."""
    values = {"EVENT_DAEMON_USE": True, "EVENT_DAEMON_URL": daemon.url, "EVENT_DAEMON_KEY": daemon.key}
    return override_settings(**{**values, **more})


@pytest.fixture
def site(daemon: Daemon) -> Iterator[Daemon]:
    """The shared daemon, and settings that lead to it; its answers are waited for, however busy the machine is."""
    with site_of(daemon, EVENT_DAEMON_TIMEOUT=PATIENCE_S):
        yield daemon
