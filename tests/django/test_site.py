"""Do the settings of all the sites of the family lead to the right backend, address and public address?"""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from oyez.django import events
from oyez.django.checks import KNOWN
from oyez.django.site import BACKENDS, PublicAddress, read_public_address, read_settings, strip_door

ROOT = Path(__file__).parent.parent.parent
USE = {"EVENT_DAEMON_USE": True}
LQDOJ = {
    **USE,
    "EVENT_DAEMON_URL": "http://127.0.0.1:15100",
    "EVENT_DAEMON_PUBLIC_URL": "https://judge.example",
    "EVENT_DAEMON_KEY": "secret",
    "EVENT_DAEMON_AMQP_EXCHANGE": "ws",
}
DMOJ = {
    **USE,
    "EVENT_DAEMON_POST": "ws://127.0.0.1:15101/",
    "EVENT_DAEMON_GET": "ws://judge.example/event/",
    "EVENT_DAEMON_GET_SSL": "wss://judge.example/event/",
    "EVENT_DAEMON_POLL": "/channels/",
    "EVENT_DAEMON_KEY": None,
    "EVENT_DAEMON_AMQP_EXCHANGE": "dmoj-events",
}
AMQP = {"EVENT_DAEMON_AMQP": "amqp://guest:guest@127.0.0.1:5672/?heartbeat=0"}

BACKEND_CASES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "none", ""),
    ({"EVENT_DAEMON_URL": "http://127.0.0.1:15100"}, "none", "http://127.0.0.1:15100"),
    ({**LQDOJ, "EVENT_DAEMON_USE": False}, "none", "http://127.0.0.1:15100"),
    ({**LQDOJ, "EVENT_DAEMON_USE": False, "EVENT_DAEMON_BACKEND": "memory"}, "none", "http://127.0.0.1:15100"),
    (LQDOJ, "http", "http://127.0.0.1:15100"),
    (DMOJ, "http", "ws://127.0.0.1:15101/"),
    ({**DMOJ, **LQDOJ}, "http", "http://127.0.0.1:15100"),
    ({**DMOJ, "EVENT_DAEMON_URL": ""}, "http", "ws://127.0.0.1:15101/"),
    ({**LQDOJ, **AMQP}, "amqp", "http://127.0.0.1:15100"),
    ({**DMOJ, "EVENT_DAEMON_AMQP": None}, "http", "ws://127.0.0.1:15101/"),
    ({**DMOJ, **AMQP, "EVENT_DAEMON_BACKEND": "http"}, "http", "ws://127.0.0.1:15101/"),
    ({**LQDOJ, "EVENT_DAEMON_BACKEND": "memory"}, "memory", "http://127.0.0.1:15100"),
]


@pytest.mark.parametrize(("values", "backend", "url"), BACKEND_CASES)
def test_where_posts_go(values: dict[str, Any], backend: str, url: str) -> None:
    with override_settings(**values):
        in_force = read_settings()
    assert (in_force.backend, in_force.url) == (BACKENDS[backend], url)


def test_a_backend_of_the_sites_own_is_named_by_its_path() -> None:
    with override_settings(**LQDOJ, EVENT_DAEMON_BACKEND="mysite.events.Backend"):
        assert read_settings().backend == "mysite.events.Backend"


def test_numbers_and_their_defaults() -> None:
    with override_settings(**LQDOJ):
        in_force = read_settings()
    assert (in_force.timeout_s, in_force.queue, in_force.raise_errors, in_force.exchange) == (1.0, 500, False, "ws")
    with override_settings(
        **USE, EVENT_DAEMON_TIMEOUT=3, EVENT_DAEMON_QUEUE=1000, EVENT_DAEMON_RAISE_ERRORS=True, EVENT_DAEMON_KEY="a"
    ):
        in_force = read_settings()
    assert (in_force.timeout_s, in_force.queue, in_force.raise_errors, in_force.key) == (3.0, 1000, True, "a")
    assert in_force.exchange == "dmoj-events"


@pytest.mark.parametrize("value", ["soon", None, -1, True, 0])
def test_a_number_that_is_none_is_the_default(value: object) -> None:
    with override_settings(**USE, EVENT_DAEMON_TIMEOUT=value, EVENT_DAEMON_QUEUE="many"):
        in_force = read_settings()
    assert (in_force.timeout_s, in_force.queue) == (1.0, 500)


def test_the_settings_show_no_secrets() -> None:
    with override_settings(**LQDOJ, EVENT_DAEMON_AMQP="amqp://site:topsecret@host/"):
        shown = repr(read_settings())
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ws://127.0.0.1:15101/", "ws://127.0.0.1:15101/"),
        ("ws://127.0.0.1:15100/post", "ws://127.0.0.1:15100"),
        ("http://127.0.0.1:15100/socket.io/", "http://127.0.0.1:15100"),
        ("wss://judge.example/event/?x=1", "wss://judge.example"),
        ("https://judge.example/live/event/", "https://judge.example/live"),
        ("https://judge.example/live/", "https://judge.example/live/"),
        ("http://post", "http://post"),
        ("http://event/", "http://event/"),
        ("http+unix:///run/oyez/event", "http+unix:///run/oyez/event"),
        ("", ""),
    ],
)
def test_the_path_of_a_door_is_no_part_of_the_daemons_address(given: str, kept: str) -> None:
    assert strip_door(given) == kept


PUBLIC_CASES: list[tuple[dict[str, Any], bool | None, PublicAddress]] = [
    ({}, True, PublicAddress("")),
    (LQDOJ, False, PublicAddress("https://judge.example")),
    (LQDOJ, True, PublicAddress("https://judge.example")),
    (DMOJ, False, PublicAddress("ws://judge.example/event/", "/channels/")),
    (DMOJ, True, PublicAddress("wss://judge.example/event/", "/channels/")),
    (DMOJ, None, PublicAddress("wss://judge.example/event/", "/channels/")),
    ({**DMOJ, "EVENT_DAEMON_POLL_SSL": "/tls/"}, True, PublicAddress("wss://judge.example/event/", "/tls/")),
    ({**DMOJ, **LQDOJ}, True, PublicAddress("https://judge.example")),
    (
        {"EVENT_DAEMON_PUBLIC_URL": "http://a.example", "EVENT_DAEMON_PUBLIC_URL_SSL": "https://b.example"},
        False,
        PublicAddress("http://a.example"),
    ),
    (
        {"EVENT_DAEMON_PUBLIC_URL": "http://a.example", "EVENT_DAEMON_PUBLIC_URL_SSL": "https://b.example"},
        True,
        PublicAddress("https://b.example"),
    ),
]


@pytest.mark.parametrize(("values", "is_secure", "address"), PUBLIC_CASES)
def test_where_pages_listen(values: dict[str, Any], is_secure: bool | None, address: PublicAddress) -> None:
    with override_settings(**values):
        assert read_public_address(is_secure=is_secure) == address


def test_every_setting_and_every_call_is_documented() -> None:
    page = (ROOT / "docs/reference/django.md").read_text("utf-8")
    table = page.split("| Django setting |")[1].split("## Calls")[0]
    first_cells = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(first_cells))) == sorted(KNOWN)
    calls = page.split("## Calls")[1].split("### ")[0]
    public = {name for name, member in vars(events).items() if inspect.isfunction(member) and not name.startswith("_")}
    public = {name for name in public if vars(events)[name].__module__ == events.__name__}
    for name in public | {"real"}:
        assert re.search(rf"`{name}[(`]", calls), name
