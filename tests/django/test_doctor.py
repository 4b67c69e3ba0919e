"""Does `manage.py oyez_doctor` walk the whole way with the site's settings, its own post first?"""

import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from tests.daemon import Daemon
from tests.django.conftest import site_of
from tests.django.test_events import NOWHERE


def diagnose(*arguments: str) -> tuple[int, dict[str, Any]]:
    output, code = io.StringIO(), 0
    with redirect_stdout(output):
        try:
            call_command("oyez_doctor", "--json", *arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, json.loads(output.getvalue())


def test_a_site_where_events_get_through_is_well(site: Daemon) -> None:
    with override_settings(EVENT_DAEMON_PUBLIC_URL=site.url):
        code, found = diagnose()
    assert (code, found["ok"]) == (0, True)
    own, *_, last = found["steps"]
    assert own["title"] == "A post through oyez.django"
    assert "was taken by HttpBackend" in own["note"]
    assert last["title"] == "What else is public"


def test_an_empty_url_of_rabbitmq_is_none(site: Daemon) -> None:
    with override_settings(EVENT_DAEMON_PUBLIC_URL=site.url, EVENT_DAEMON_AMQP=None):
        assert diagnose()[0] == 0


def test_the_public_address_may_be_given(site: Daemon) -> None:
    assert diagnose("--public-url", site.url)[0] == 0


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({"EVENT_DAEMON_URL": NOWHERE}, {"post-failed", "daemon-refused"}),
        ({"EVENT_DAEMON_KEY": "wrong"}, {"post-failed", "key-refused"}),
        ({"EVENT_DAEMON_USE": False}, {"events-off"}),
        ({"EVENT_DAEMON_BACKEND": "memory"}, {"backend-wrong"}),
        ({"EVENT_DAEMON_BACKEND": "os.path.join"}, {"backend-wrong"}),
        ({"EVENT_DAEMON_AMQP": "localhost"}, {"post-failed"}),
    ],
)
def test_what_is_wrong_is_named_and_no_key_is_shown(daemon: Daemon, values: dict[str, Any], codes: set[str]) -> None:
    with site_of(daemon, EVENT_DAEMON_PUBLIC_URL=daemon.url, **values):
        code, found = diagnose()
    assert code == 1
    assert codes <= {finding["code"] for finding in found["findings"]}
    assert daemon.key not in json.dumps(found)


def test_people_get_lines(site: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    with override_settings(EVENT_DAEMON_PUBLIC_URL=site.url):
        call_command("oyez_doctor")
    assert "Events get through to browsers" in capsys.readouterr().out
