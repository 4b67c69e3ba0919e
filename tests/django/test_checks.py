"""Does `manage.py check` name a wrong, missing or contradictory setting, and only such?"""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from tests.django.test_site import AMQP, DMOJ, LQDOJ

ROOT = Path(__file__).parent.parent.parent
SECRET = "a secret that nobody may see"

RIGHT: dict[str, dict[str, Any]] = {
    "nothing set": {},
    "switched off on purpose": {**LQDOJ, "EVENT_DAEMON_USE": False},
    "LQDOJ": LQDOJ,
    "LQDOJ's own names beside": {**LQDOJ, "EVENT_DAEMON_SUBMISSION_KEY": "x", "EVENT_DAEMON_CONTEST_KEY": "y"},
    "DMOJ without a key, on loopback": DMOJ,
    "AMQP": {**DMOJ, **AMQP},
    "a Unix socket": {**LQDOJ, "EVENT_DAEMON_URL": "http+unix:///run/oyez.sock"},
    "all by HTTP, the page's own origin": {**LQDOJ, "EVENT_DAEMON_PUBLIC_URL": ""},
    "a prefix": {**LQDOJ, "EVENT_DAEMON_PUBLIC_URL": "https://judge.example/live/"},
    "development": {**LQDOJ, "DEBUG": True, "EVENT_DAEMON_KEY": "oyez-development",
                    "EVENT_DAEMON_PUBLIC_URL": "http://127.0.0.1:15100"},
    "in memory": {"EVENT_DAEMON_USE": True, "EVENT_DAEMON_BACKEND": "memory"},
    "two public addresses": {**LQDOJ, "EVENT_DAEMON_PUBLIC_URL": "http://judge.example", "SECURE_SSL_REDIRECT": True,
                             "EVENT_DAEMON_PUBLIC_URL_SSL": "https://judge.example"},
    "a queue": {**LQDOJ, "EVENT_DAEMON_QUEUE": 1000, "EVENT_DAEMON_TIMEOUT": 0.5},
}  # fmt: skip

WRONG: list[tuple[dict[str, Any], str, str]] = [  # settings, id, the setting that is named
    ({"EVENT_DAEMON_USE": True}, "E001", "EVENT_DAEMON_URL"),
    ({**LQDOJ, "EVENT_DAEMON_URL": "127.0.0.1:15100"}, "E002", "EVENT_DAEMON_URL"),
    ({**LQDOJ, "EVENT_DAEMON_URL": "http://127.0.0.1:port"}, "E002", "EVENT_DAEMON_URL"),
    ({**LQDOJ, "EVENT_DAEMON_URL": f"tcp://user:{SECRET}@127.0.0.1"}, "E002", "EVENT_DAEMON_URL"),
    ({**DMOJ, "EVENT_DAEMON_POST": "tcp://127.0.0.1"}, "E002", "EVENT_DAEMON_POST"),
    ({**LQDOJ, "EVENT_DAEMON_PUBLIC_URL": "judge.example"}, "E002", "EVENT_DAEMON_PUBLIC_URL"),
    ({**DMOJ, "EVENT_DAEMON_GET": 15100}, "E002", "EVENT_DAEMON_GET"),
    ({**DMOJ, "EVENT_DAEMON_AMQP": f"http://user:{SECRET}@host"}, "E002", "EVENT_DAEMON_AMQP"),
    ({**LQDOJ, "EVENT_DAEMON_KEY": SECRET + "\n"}, "E003", "EVENT_DAEMON_KEY"),
    ({**LQDOJ, "EVENT_DAEMON_KEY": SECRET.encode()}, "E003", "EVENT_DAEMON_KEY"),
    ({**LQDOJ, "EVENT_DAEMON_BACKEND": "kafka"}, "E005", "EVENT_DAEMON_BACKEND"),
    ({**LQDOJ, "EVENT_DAEMON_BACKEND": "oyez.django.backends.http.Http"}, "E005", "EVENT_DAEMON_BACKEND"),
    ({**LQDOJ, "EVENT_DAEMON_TIMEOUT": "1"}, "E006", "EVENT_DAEMON_TIMEOUT"),
    ({**LQDOJ, "EVENT_DAEMON_TIMEOUT": 0}, "E006", "EVENT_DAEMON_TIMEOUT"),
    ({**LQDOJ, "EVENT_DAEMON_QUEUE": True}, "E006", "EVENT_DAEMON_QUEUE"),
    ({**LQDOJ, "EVENT_DAEMON_QUEUE": -1}, "E006", "EVENT_DAEMON_QUEUE"),
    ({**LQDOJ, "EVENT_DAEMON_TIMEOUT": float("inf")}, "E006", "EVENT_DAEMON_TIMEOUT"),
    ({**LQDOJ, "EVENT_DAEMON_TIMEOUT": 10**400}, "E006", "EVENT_DAEMON_TIMEOUT"),
    ({**LQDOJ, "EVENT_DAEMON_USE": "False"}, "W011", "EVENT_DAEMON_USE"),
    ({**LQDOJ, "EVENT_DAEMON_AMQP": 5}, "W011", "EVENT_DAEMON_AMQP"),
    ({"EVENT_DAEMON_URL": "http://127.0.0.1:15100"}, "W001", "EVENT_DAEMON_USE"),
    ({**LQDOJ, "EVENT_DAEMON_KEY": None}, "W002", "EVENT_DAEMON_KEY"),
    ({**DMOJ, "EVENT_DAEMON_POST": "ws://wsevent:15101/"}, "W002", "EVENT_DAEMON_KEY"),
    ({**LQDOJ, "EVENT_DAEMON_KEY": "lqdoj"}, "W003", "EVENT_DAEMON_KEY"),
    ({**DMOJ, "EVENT_DAEMON_AMQP": None}, "W004", "EVENT_DAEMON_AMQP"),
    ({**LQDOJ, **AMQP}, "I002", "EVENT_DAEMON_URL"),
    ({"EVENT_DAEMON_USE": True, **AMQP}, "I003", "EVENT_DAEMON_URL = 'http"),
    ({**LQDOJ, "EVENT_DAEMON_PUBLIC_URL": "http://oj.example", "DMOJ_SSL": 1}, "W006", "EVENT_DAEMON_PUBLIC_URL_SSL"),
    ({**DMOJ, "EVENT_DAEMON_GET_SSL": None, "SECURE_SSL_REDIRECT": True}, "W006", "EVENT_DAEMON_GET_SSL"),
    ({**DMOJ, "EVENT_DAEMON_POLL": None}, "W007", "EVENT_DAEMON_POLL"),
    ({**LQDOJ, "EVENT_DAEMON_PUBLIC_URL": "wss://judge.example/event/"}, "W008", "EVENT_DAEMON_PUBLIC_URL"),
    ({**LQDOJ, "EVENT_DAEMON_PUBLIC_URL": "http://localhost:15100"}, "W009", "EVENT_DAEMON_PUBLIC_URL"),
    ({**LQDOJ, "EVENT_DAEMON_PUBLIC_URL": "http://127.0.0.53:15100"}, "W009", "EVENT_DAEMON_PUBLIC_URL"),
    ({**LQDOJ, "EVENT_DAEMON_PUBLC_URL_SSL": "https://judge.example"}, "W010", "EVENT_DAEMON_PUBLIC_URL_SSL"),
    ({**DMOJ, "EVENT_DAEMON_URL": "http://127.0.0.1:15100", "EVENT_DAEMON_KEY": "k"}, "I001", "EVENT_DAEMON_POST"),
]  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_settings_are_passed_over(name: str) -> None:
    with override_settings(**RIGHT[name]):
        assert run_checks() == []


@pytest.mark.parametrize(
    ("values", "code", "setting"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_wrong_setting_is_named_with_its_cure(values: dict[str, Any], code: str, setting: str) -> None:
    with override_settings(**values):
        (message,) = run_checks()
    assert message.id == f"oyez.{code}"
    assert setting in f"{message.msg} {message.hint}"
    assert message.hint
    assert SECRET not in str(message)


def test_amqp_without_pika_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pika", None)  # as if it were not there
    with override_settings(**DMOJ, **AMQP):
        assert [message.id for message in run_checks()] == ["oyez.E004"]


def test_every_check_is_documented_and_tried_here() -> None:
    source = (ROOT / "src/oyez/django/checks.py").read_text("utf-8")
    ids = set(re.findall(r'id="oyez\.(\w+)"', source))
    assert ids == {code for _, code, _ in WRONG} | {"E004"}
    page = (ROOT / "docs/reference/django.md").read_text("utf-8")
    assert ids == set(re.findall(r"^\| `oyez\.(\w+)` \|", page, re.MULTILINE))
