"""Do `oyez check-config` and `oyez serve` say where settings are from, and what is wrong with them?"""

import json
import tomllib
from pathlib import Path

import pytest

from tests.command import oyez
from tests.integration.conftest import StartCommand


@pytest.mark.parametrize("command", ["serve", "check-config"])
def test_wrong_setting_is_explained_with_exit_code_2(command: str) -> None:
    done = oyez(command, "--port", "99999")
    assert (done.returncode, done.stdout) == (2, "")
    assert "port" in done.stderr
    assert "99999" in done.stderr
    assert "from 0 to 65535" in done.stderr


def test_check_config_prints_the_settings_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "oyez.toml"
    file.write_text("port = 7\n[http]\nallowed_origins = ['https://a.example']\n", "utf-8")
    environ = {"OYEZ_LOG_LEVEL": "debug", "EVENT_DAEMON_KEY": "hush", "OYEZ_BROKER": "amqp://u:hush@mq/?exchange=x"}
    done = oyez("check-config", "--config", str(file), "--no-dev", **environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert tomllib.loads(done.stdout) == {
        "port": 7,
        "dev": False,
        "log_level": "debug",
        "http": {"allowed_origins": ["https://a.example"]},
    }
    for source in (f"file {file}", "environment OYEZ_LOG_LEVEL", "environment EVENT_DAEMON_KEY", "flag --no-dev"):
        assert f"  # {source}\n" in done.stdout
    assert '# key = "***"  # environment EVENT_DAEMON_KEY\n' in done.stdout
    assert '# broker = "amqp://u:***@mq/?exchange=x"  # environment OYEZ_BROKER\n' in done.stdout
    assert done.stdout.splitlines()[-1].startswith("# Fine: ")
    assert "hush" not in done.stdout


def test_check_config_prints_a_whole_file_that_serve_would_take(tmp_path: Path) -> None:
    file = tmp_path / "oyez.toml"
    done = oyez("check-config", "--all", "--port", "7", "--uds", "/run/é\U0001f600\U000e0001\x9b", OYEZ_KEY="hush")
    file.write_text(done.stdout, "utf-8")
    assert tomllib.loads(done.stdout)["socketio"]["ping_interval_s"] == 25.0
    assert tomllib.loads(done.stdout)["uds"] == "/run/é\U0001f600\U000e0001\x9b"
    again = oyez("check-config", "--config", str(file), OYEZ_PROT="1")
    assert again.returncode == 0
    assert f"port = 7  # file {file}\n" in again.stdout
    assert again.stderr.splitlines() == [
        "oyez: warning: the environment variable OYEZ_PROT is no setting and is passed over; did you mean OYEZ_PORT?",
        "oyez: warning: no key is set, so nobody may post: set OYEZ_KEY or EVENT_DAEMON_KEY",
    ]


def test_serve_names_variables_that_are_no_settings_in_its_log(start: StartCommand) -> None:
    environ = {"OYEZ_PROT": "1", "OYEZ_SERVICE_HOST": "10.0.0.7"}
    daemon = start("serve", "--port", "0", "--broker", "memory://", "--log-format", "json", env=environ)
    daemon.lines.wait_until(lambda: any("listening on" in line for line in daemon.lines.of("err")), "the daemon")
    messages = [json.loads(line)["message"] for line in daemon.lines.of("err")]
    assert [message for message in messages if "OYEZ_" in message and "no setting" in message] == [
        "the environment variable OYEZ_PROT is no setting and is passed over; did you mean OYEZ_PORT?"
    ]


def test_version() -> None:
    assert oyez("--version").stdout.startswith("oyez 0.")
