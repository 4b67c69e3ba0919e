"""Do a site's calls end grants, wherever its events go, and tell it when they have not?"""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings

from oyez.client import Unauthorized, Unreachable, grant
from oyez.django import events
from oyez.django.testing import captured_events
from oyez.errors import ConfigError
from tests.daemon import KEY, Daemon
from tests.django.conftest import site_of
from tests.django.test_events import NOWHERE
from tests.integration.links import Link, listen
from tests.pages import snippets

BY_AMQP = {"EVENT_DAEMON_AMQP": "amqp://127.0.0.1:9/"}  # where no RabbitMQ is


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(
        tmp_path_factory.mktemp("ruled"), settings={"channels": [{"match": "t*", "listen": "grant"}]}
    ) as daemon:
        yield daemon


def follow(daemon: Daemon, *channels: str, subject: object) -> Link:
    """Listen by new grants."""
    link = listen(daemon.port, *(grant(name, subject, key=KEY) for name in channels))
    assert link.event()[0] == "status"
    return link


def require_loss(link: Link, *channels: str) -> None:
    told = [link.event() for _ in channels]
    assert sorted(argument["channel"] for name, argument in told if name == "revoked") == sorted(channels)


@pytest.mark.parametrize("more", [{}, BY_AMQP, {"EVENT_DAEMON_TIMEOUT": 0.05}], ids=["http", "amqp", "short"])
def test_grants_end_wherever_events_go_and_however_short_the_time_for_them_is(
    ruled: Daemon, more: dict[str, Any]
) -> None:
    with site_of(ruled, **more), follow(ruled, "tickets", "topic", subject=1) as link:
        assert events.revoke(subject=1, channel="topic") == 1
        require_loss(link, "topic")
        assert events.revoke(1) == 1
        require_loss(link, "tickets")
        with follow(ruled, "tickets", subject="") as other:
            assert events.revoke(channel="tickets") == 1
            require_loss(other, "tickets")
        with listen(ruled.port, events.grant("tickets", 1)) as new:
            assert new.event()[0] == "status"


def test_the_line_of_the_guide_does_it(ruled: Daemon) -> None:
    (line,) = (code for code in snippets("docs/how-to/private-channels.md", "python") if "events.revoke" in code)
    names: dict[str, Any] = {"user": SimpleNamespace(pk=42)}
    with site_of(ruled), follow(ruled, "tickets", "topic", subject=42) as link:
        exec(line, names)
        assert names["lost"] == 2
        require_loss(link, "tickets", "topic")


def test_asynchronous_code_ends_grants_too(ruled: Daemon) -> None:
    with site_of(ruled), follow(ruled, "tickets", subject=43) as link:
        assert asyncio.run(events.arevoke(43)) == 1
        require_loss(link, "tickets")


@pytest.mark.parametrize("quiet", [{"EVENT_DAEMON_RAISE_ERRORS": False}, {}])
def test_what_goes_wrong_is_raised_whatever_the_settings_say(ruled: Daemon, quiet: dict[str, Any]) -> None:
    with site_of(ruled, EVENT_DAEMON_KEY="wrong", **quiet), pytest.raises(Unauthorized):
        events.revoke(1)
    with site_of(ruled, EVENT_DAEMON_URL=NOWHERE, **quiet), pytest.raises(Unreachable):
        events.revoke(1)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (BY_AMQP, "EVENT_DAEMON_URL = '' is wrong: expected the daemon's address"),
        ({}, "EVENT_DAEMON_URL = '' is wrong: expected the daemon's address"),
        ({"EVENT_DAEMON_POST": "127.0.0.1:15102"}, "EVENT_DAEMON_POST = '127.0.0.1:15102' is wrong: expected a URL"),
    ],
    ids=["amqp alone", "nothing", "no URL"],
)
def test_a_site_that_names_no_daemon_is_told_which_setting_does(values: dict[str, Any], told: str) -> None:
    with override_settings(EVENT_DAEMON_USE=True, **values), pytest.raises(ConfigError) as raised:
        events.revoke(1)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    "values",
    [{}, {"EVENT_DAEMON_USE": True, "EVENT_DAEMON_BACKEND": "memory"}, {"EVENT_DAEMON_BACKEND": "none"}],
    ids=["not used", "memory", "none"],
)
def test_where_no_daemon_is_asked_for_anything_nothing_ends_and_mistakes_are_told(values: dict[str, Any]) -> None:
    with override_settings(**values):
        require_nothing_ends()
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=NOWHERE), captured_events() as caught:
        require_nothing_ends()
        assert caught == []


def require_nothing_ends() -> None:
    assert events.revoke(1) == events.revoke(channel="tickets") == 0
    with pytest.raises(ValueError, match="name a subject, a channel, or both"):
        events.revoke()
    with pytest.raises(TypeError, match="To end everybody's, leave it out"):
        events.revoke(None, "tickets")
