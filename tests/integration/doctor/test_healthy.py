"""Does the doctor leave sites alone that are all right, and what do people see of it?"""

import os
import pty
import signal
import subprocess
from pathlib import Path

from oyez.cli.doctor.findings import KINDS
from tests.command import OYEZ
from tests.conftest import StartDaemon
from tests.daemon import KEY, Daemon, as_toml
from tests.inbox import PATIENCE_S
from tests.integration.doctor.sites import (
    MODULE,
    NOWHERE,
    dmoj_settings,
    examine,
    examine_by_command,
    examine_here,
    lqdoj_settings,
    proxied,
    run,
    write,
)
from tests.integration.test_nginx import port_of
from tests.nginx import Nginx, dmoj, lqdoj, streams
from tests.sandbox import environment

# --- sites that are all right -----------------------------------------------------------------------------------------


def test_lqdoj_site_is_all_right(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, lqdoj(site_daemon.port)) as nginx:
        diagnosis = examine_by_command(tmp_path, lqdoj_settings(site_daemon.url, nginx.url))
    assert diagnosis.codes == set()


def test_dmoj_site_is_all_right(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, dmoj(site_daemon.port, port_of(site_daemon, "long polls"))) as nginx:
        diagnosis = examine_by_command(tmp_path, dmoj_settings(port_of(site_daemon, "posters"), nginx.port))
    assert diagnosis.codes == set()
    assert '"skipped"' in diagnosis.output  # there are no event streams


def test_dmoj_site_on_one_port_is_all_right(site_daemon: Daemon, tmp_path: Path) -> None:
    post = f"ws://127.0.0.1:{site_daemon.port}/post"
    settings = dmoj_settings(0, site_daemon.port, EVENT_DAEMON_POST=post, EVENT_DAEMON_KEY=KEY)
    assert examine(tmp_path, settings).codes == set()


def test_event_streams_are_all_right(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, lqdoj(site_daemon.port), streams(site_daemon.port)) as nginx:
        diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, nginx.url))
    assert diagnosis.codes == set()
    assert '"skipped"' not in diagnosis.output


def test_site_with_tls_is_all_right(site_daemon: Daemon, certificate: Path, tmp_path: Path) -> None:
    with Nginx(tmp_path, lqdoj(site_daemon.port), certificate=certificate) as nginx:
        settings = lqdoj_settings(site_daemon.url, nginx.url.replace("https", "wss"))
        diagnosis = examine(tmp_path, settings, SSL_CERT_FILE=str(certificate))
    assert diagnosis.codes == set()


def test_site_that_passes_on_nothing_but_socketio_has_event_streams(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, lqdoj(site_daemon.port)) as nginx:
        diagnosis = examine_here(lqdoj_settings(site_daemon.url, nginx.url))
    assert [step["status"] for step in diagnosis.steps if step["title"] == "Event streams"] == ["ok"]


def test_options_are_enough(site_daemon: Daemon, tmp_path: Path) -> None:
    done = run(tmp_path, "--url", site_daemon.url, "--public-url", site_daemon.url, "--key", KEY)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "Events get through to browsers on this machine. Others were not tried."
    assert "The daemon at --url: " in done.stdout
    assert "EVENT_DAEMON" not in done.stdout  # names of a site's settings
    assert KEY not in done.stdout


def test_environment_is_enough(site_daemon: Daemon, tmp_path: Path) -> None:
    done = run(tmp_path, EVENT_DAEMON_URL=site_daemon.url, OYEZ_KEY=KEY)
    assert done.returncode == 0
    assert "The public address: none is known" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Nothing wrong was found, but no event was followed to a browser: ")


def test_settings_of_the_daemon_are_enough(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon()
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "oyez.toml").write_text(f"host = '0.0.0.0'\nport = {daemon.port}\nkey_file = '{tmp_path / 'key'}'\n")
    for arguments, variables in (
        (["--config", "oyez.toml"], {}),
        ([], {"OYEZ_CONFIG": "oyez.toml"}),
        ([], {"OYEZ_PORT": str(daemon.port), "OYEZ_KEY_FILE": "key", "OYEZ_PORT_15100_TCP": "tcp://10.0.0.7:15100"}),
    ):
        done = run(tmp_path, *arguments, **variables)
        assert (done.returncode, done.stderr) == (0, "")
        assert "ok       The key, and a post: event " in done.stdout


def test_of_several_keys_the_doctor_takes_one_that_is_not_restricted(start_daemon: StartDaemon, tmp_path: Path) -> None:
    keys = [{"name": "bridge", "key": "for some", "may_post": ["sub_*"]}, {"name": "site", "key": "for all"}]
    daemon = start_daemon(settings={"keys": keys})
    (tmp_path / "oyez.toml").write_text(f"port = {daemon.port}\nkeys = {as_toml(keys)}\n")
    done = run(tmp_path, "--config", "oyez.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ok       The key, and a post: event " in done.stdout


def test_settings_without_a_key_lead_to_the_post_listener(site_daemon: Daemon, tmp_path: Path) -> None:
    posters = port_of(site_daemon, "posters")
    settings = f"port = {site_daemon.port}\n[post_listener]\nhost = '127.0.0.1'\nport = {posters}\n"
    (tmp_path / "oyez.toml").write_text(settings)
    done = run(tmp_path, "--config", "oyez.toml", "--public-url", f"ws://127.0.0.1:{site_daemon.port}/event/")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  The options: public-url-local" in done.stdout
    assert f"it answers at ws://127.0.0.1:{posters} (" in done.stdout
    assert "ok       WebSocket at --public-url: an event came" in done.stdout
    assert "EVENT_DAEMON" not in done.stdout


def test_key_of_the_daemon_is_shown_to_no_other_address(site_daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    done = run(tmp_path, "--url", site_daemon.url, OYEZ_KEY_FILE="key")
    assert done.returncode == 1
    assert "ERROR: key-missing  --key" in done.stdout


def test_options_win_over_the_settings_and_these_over_the_environment(site_daemon: Daemon, tmp_path: Path) -> None:
    settings = lqdoj_settings(f"http://127.0.0.1:{NOWHERE}", f"http://127.0.0.1:{NOWHERE}/event/")
    options = ("--url", site_daemon.url, "--public-url", site_daemon.url)
    diagnosis = examine(tmp_path, settings, *options, OYEZ_KEY="wrong", OYEZ_URL="http://127.0.0.1:2")
    assert diagnosis.codes == set()


# --- what people see --------------------------------------------------------------------------------------------------


def test_report_in_a_pipe(site_daemon: Daemon, tmp_path: Path) -> None:
    write(tmp_path, lqdoj_settings(site_daemon.url, f"http://127.0.0.1:{NOWHERE}/event/"))
    done = subprocess.run(
        [*OYEZ, "doctor", "--django-settings", MODULE], check=False, cwd=tmp_path, capture_output=True, text=True,
        env=environment({"LANG": "C"}), timeout=6 * PATIENCE_S,
    )  # fmt: skip
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0] == "ERROR    The site's settings: namespace-trap, public-url-local"
    assert lines[1].startswith("ok       The daemon at EVENT_DAEMON_URL: ")
    assert "ERROR: namespace-trap  EVENT_DAEMON_PUBLIC_URL" in lines
    assert lines[-1] == "2 problems found."
    assert lines.index("ERROR: public-refused  EVENT_DAEMON_PUBLIC_URL") < lines.index(
        "warning: public-url-local  EVENT_DAEMON_PUBLIC_URL"
    )


def test_report_on_a_terminal(site_daemon: Daemon, tmp_path: Path) -> None:
    write(tmp_path, lqdoj_settings(site_daemon.url, f"http://127.0.0.1:{NOWHERE}"))
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [*OYEZ, "doctor", "--django-settings", MODULE],
        cwd=tmp_path, stdout=theirs, env=environment({"TERM": "xterm", "COLUMNS": "70"}),
    )  # fmt: skip
    os.close(theirs)
    shown = b"".join(iter(lambda: read_terminal(ours), b"")).decode()
    assert done.wait(PATIENCE_S) == 1
    os.close(ours)
    assert "public-refused" in shown
    assert "\x1b[" in shown
    assert "Socket.IO at EVENT_DAEMON_PUBLIC_URL" in shown


def read_terminal(ours: int) -> bytes:
    try:
        return os.read(ours, 65_536)
    except OSError:  # Linux says so when the other side is closed
        return b""


def test_interrupt_ends_the_walk(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon()
    daemon.suspend()
    walk = subprocess.Popen(
        [*OYEZ, "doctor", "--url", daemon.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert walk.stdout is not None
    assert walk.stdout.readline()  # the settings are done, the daemon is being asked
    walk.send_signal(signal.SIGINT)
    _, complaint = walk.communicate(timeout=PATIENCE_S)
    daemon.resume()
    assert walk.returncode == 130
    assert b"Traceback" not in complaint


def test_every_finding_is_tried() -> None:
    tests = Path(__file__).parent.parent.parent
    files = [*Path(__file__).parent.glob("*.py"), tests / "django/test_doctor.py"]
    text = "".join(file.read_text("utf-8") for file in files)
    assert {code for code in KINDS if f'"{code}"' not in text} == set()
