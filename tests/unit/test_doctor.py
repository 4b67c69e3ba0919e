"""Does the doctor read addresses as browsers and posters do, and say what cannot be brought about on demand?"""

import pytest

from oyez.cli.doctor.doors import PublicDoor
from oyez.cli.doctor.posting import PostSide
from oyez.cli.doctor.site import OPTIONS, RAW, SOCKETIO, Site, check_settings
from oyez.errors import ConfigError
from oyez.probe.place import parse_place, resolve


@pytest.mark.parametrize(
    ("url", "shown", "local"),
    [
        ("http://judge.example", "http://judge.example", False),
        ("ws://judge.example:80/event/", "http://judge.example/event/", False),
        ("wss://judge.example:443", "https://judge.example", False),
        ("https://user:secret@judge.example:15100/", "https://judge.example:15100/", False),
        ("http://[::1]:15100", "http://[::1]:15100", True),
        ("http://localhost", "http://localhost", True),
        ("http+unix:///run/oyez.sock", "http+unix:///run/oyez.sock", True),
    ],
)
def test_places_are_shown_without_what_is_usual_or_secret(url: str, shown: str, local: bool) -> None:
    place = parse_place(url)
    assert (place.url(), place.is_local) == (shown, local)


@pytest.mark.parametrize("url", ["", "judge.example", "ftp://judge.example", "http://", "http://x:0", "http://x:y"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_place(url)


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("/channels/", "https://judge.example/channels/"),
        ("//polls.example/channels/", "https://polls.example/channels/"),
        ("http://polls.example:15102/channels/", "http://polls.example:15102/channels/"),
    ],
)
def test_addresses_of_polls_are_relative_to_the_page(url: str, there: str) -> None:
    assert resolve(url, parse_place("wss://judge.example/event/")).url() == there


def test_the_names_of_the_settings_tell_what_a_site_speaks() -> None:
    assert Site({"EVENT_DAEMON_POST": "ws://x", "EVENT_DAEMON_GET": "ws://x"}).dialect is RAW
    assert Site({"EVENT_DAEMON_POST": "ws://x", "EVENT_DAEMON_PUBLIC_URL": "ws://x"}).dialect is SOCKETIO
    assert Site({}).dialect is SOCKETIO


@pytest.mark.parametrize(
    ("url", "public_url", "key", "codes"),
    [
        ("http://127.0.0.1:15100", "", "oyez-development", set()),
        ("http://127.0.0.1:15100", "http://localhost:15100", "oyez-development", set()),
        ("http://127.0.0.1:15100", "http://localhost:15100", "lqdoj", {"key-well-known", "public-url-local"}),
        ("http://127.0.0.1:15100", "http://judge.example", "oyez-development", {"key-well-known"}),
        ("http://daemon:15100", "", "oyez-development", {"key-well-known"}),
        ("http://127.0.0.1:15100", "http://localhost:15100", "secret", {"public-url-local"}),
    ],
)
def test_development_on_one_machine_draws_no_warnings(url: str, public_url: str, key: str, codes: set[str]) -> None:
    site = Site({}, OPTIONS).overridden(url=url, public_url=public_url, key=key)
    findings = check_settings(site).findings
    assert {finding.code for finding in findings} == codes
    assert {finding.setting for finding in findings} <= {"--key", "--public-url"}


def test_event_that_is_late_is_a_warning() -> None:
    url = "http://127.0.0.1:15100"
    door = PublicDoor(
        PostSide(Site({"EVENT_DAEMON_URL": url})), "EVENT_DAEMON_PUBLIC_URL", parse_place(url), "/socket.io/"
    )
    assert door.prompt("an event", 0.9).findings == ()
    (finding,) = door.prompt("an event", 1.1).findings
    assert (finding.code, finding.weight) == ("event-late", "warning")
