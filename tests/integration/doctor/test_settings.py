"""Does the doctor read sites' settings, and see what is wrong with them before anything is tried?"""

import json
import sys
import venv
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.integration.doctor.sites import (
    MODULE,
    Settings,
    dmoj_settings,
    examine,
    lqdoj_settings,
    run,
    write,
)
from tests.integration.test_nginx import port_of


@pytest.mark.parametrize("use", [{}, {"EVENT_DAEMON_USE": False}], ids=["omitted", "False"])
def test_site_that_posts_nothing(site_daemon: Daemon, tmp_path: Path, use: Settings) -> None:
    settings = lqdoj_settings(site_daemon.url, site_daemon.url)
    del settings["EVENT_DAEMON_USE"]
    finding = examine(tmp_path, settings | dict(use)).findings["events-off"]
    assert "EVENT_DAEMON_USE = True" in finding["cure"]


@pytest.mark.parametrize("amqp", [None, ""])
def test_amqp_that_is_merely_defined(site_daemon: Daemon, tmp_path: Path, amqp: object) -> None:
    diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, site_daemon.url, EVENT_DAEMON_AMQP=amqp))
    assert diagnosis.errors == {"amqp-empty"}


def test_site_that_posts_to_rabbitmq_needs_neither_url_nor_key(site_daemon: Daemon, tmp_path: Path) -> None:
    settings = lqdoj_settings(site_daemon.url, site_daemon.url, EVENT_DAEMON_AMQP="amqp://user:secret@host/")
    del settings["EVENT_DAEMON_URL"], settings["EVENT_DAEMON_KEY"]
    diagnosis = examine(tmp_path, settings)
    assert diagnosis.errors == set()
    assert "amqp-selected" in diagnosis.findings
    assert "EVENT_DAEMON_URL = 'http" in diagnosis.findings["amqp-no-address"]["cure"]
    assert "secret" not in diagnosis.output


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize("path", ["/event/", "/socket.io/"])
def test_path_that_is_taken_for_a_namespace(site_daemon: Daemon, tmp_path: Path, scheme: str, path: str) -> None:
    public = f"{scheme}://127.0.0.1:{site_daemon.port}{path}"
    diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, public))
    assert diagnosis.errors == {"namespace-trap"}
    assert f"EVENT_DAEMON_PUBLIC_URL = '{site_daemon.url}'" in diagnosis.findings["namespace-trap"]["cure"]


def test_settings_without_anything(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, {"DEBUG": True})
    assert diagnosis.errors == {"events-off", "url-missing", "key-missing"}


@pytest.mark.parametrize("url", ["127.0.0.1:15100", "http://", "redis://localhost", 15100, "http://127.0.0.1:0"])
def test_url_that_is_none(site_daemon: Daemon, tmp_path: Path, url: object) -> None:
    diagnosis = examine(tmp_path, lqdoj_settings(url, site_daemon.url))  # type: ignore[arg-type]  # as sites do
    assert diagnosis.errors == {"url-wrong"}
    assert diagnosis.findings["url-wrong"]["setting"] == "EVENT_DAEMON_URL"


def test_scheme_that_raw_posters_do_not_know(site_daemon: Daemon, tmp_path: Path) -> None:
    port = port_of(site_daemon, "posters")
    settings = dmoj_settings(port, site_daemon.port, EVENT_DAEMON_POST=f"http://127.0.0.1:{port}/")
    assert examine(tmp_path, settings).errors == {"scheme-wrong"}


def test_pages_with_tls_and_a_public_address_without(site_daemon: Daemon, tmp_path: Path) -> None:
    settings = lqdoj_settings(site_daemon.url, "http://judge.invalid:15100", SESSION_COOKIE_SECURE=True)
    diagnosis = examine(tmp_path, settings)
    assert diagnosis.errors == {"mixed-content", "public-name-unknown"}
    assert "EVENT_DAEMON_PUBLIC_URL_SSL = 'https://judge.invalid'" in diagnosis.findings["mixed-content"]["cure"]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        (None, "the one with manage.py"),
        ("import a_library_of_the_site", "the site's own Python"),
        ("INSTALLED_APPS += ('x',)", "the site's main settings"),
        ("raise SystemExit(1)", "SystemExit"),
        ("EVENT_DAEMON_USE = ", "SyntaxError"),
    ],
)
def test_settings_that_cannot_be_imported(tmp_path: Path, source: str | None, hint: str) -> None:
    if source is not None:
        write(tmp_path, source)
    done = run(tmp_path, "--django-settings", MODULE, COLUMNS="1000")
    assert (done.returncode, done.stdout) == (2, "")
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_site_with_a_python_of_its_own(site_daemon: Daemon, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    (library,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (library / "a_library_of_the_site.py").write_text("")
    settings = lqdoj_settings(site_daemon.url, site_daemon.url)
    lines = [f"{name} = {value!r}\n" for name, value in settings.items()]
    write(tmp_path, "import a_library_of_the_site\nprint('hello')\n" + "".join(lines))
    asked = ("--django-settings", MODULE, "--python")
    done = run(tmp_path, *asked, str(tmp_path / "venv/bin/python"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["steps"][0]["note"] == "Socket.IO, 4 settings"
    for python, complaint in (
        (sys.executable, "No module named 'a_library_of_the_site'"),
        ("/nowhere", "cannot be run"),
    ):
        done = run(tmp_path, *asked, python)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert complaint in done.stderr


def test_settings_that_print_do_not_spoil_the_json(site_daemon: Daemon, tmp_path: Path) -> None:
    write(tmp_path, f"print('hello')\nEVENT_DAEMON_USE = True\nEVENT_DAEMON_URL = {site_daemon.url!r}\n")
    done = run(tmp_path, "--django-settings", MODULE, "--json")
    assert done.stderr == "hello\n"
    assert "url-missing" in {finding["code"] for finding in json.loads(done.stdout)["findings"]}
