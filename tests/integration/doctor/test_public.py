"""Does the doctor find what is wrong between browsers and the daemon?"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.dialects import POLL_LISTENER, POST_LISTENER
from tests.integration.doctor.sites import (
    NOWHERE,
    dmoj_settings,
    examine,
    examine_here,
    lqdoj_settings,
    proxied,
    without_upgrade,
)
from tests.integration.links import listen
from tests.integration.test_nginx import port_of
from tests.nginx import FORWARDED, UPGRADE, Nginx, dmoj, location, lqdoj, pass_to, streams

Layout = Callable[[Daemon], str]


@pytest.mark.parametrize(
    ("layout", "code", "cure"),
    [
        (lambda daemon: "", "proxy-no-location", "location /socket.io/"),
        (lambda daemon: lqdoj(NOWHERE), "proxy-bad-gateway", "proxy_pass"),
        (lambda daemon: location("/socket.io/", pass_to(daemon.port, "/"), UPGRADE), "path-stripped", "proxy_pass"),
        (lambda daemon: without_upgrade("/socket.io/", daemon.port), "upgrade-lost", "proxy_set_header Upgrade"),
        (lambda daemon: "return 301 https://judge.example$request_uri;", "public-redirect", "'https://judge.example'"),
        (lambda daemon: "return 302 /accounts/login/;", "public-not-daemon", "/socket.io/"),
        (lambda daemon: "default_type text/html; return 200 welcome;", "public-not-daemon", "/socket.io/"),
        (lambda daemon: "return 403;", "public-http-status", "/socket.io/"),
    ],
)
def test_nginx_that_is_set_up_wrong_for_socketio(
    site_daemon: Daemon, tmp_path: Path, layout: Layout, code: str, cure: str
) -> None:
    with proxied(tmp_path, layout(site_daemon)) as nginx:
        diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, nginx.url))
    assert diagnosis.errors == {code}
    assert diagnosis.findings[code]["setting"] == "EVENT_DAEMON_PUBLIC_URL"
    assert cure in diagnosis.findings[code]["cure"]


@pytest.mark.parametrize(
    ("layout", "code", "setting"),
    [
        (lambda polls: location("/channels/", pass_to(polls, "/")), "path-stripped", "EVENT_DAEMON_POLL"),
        (lambda polls: location("/channels/", pass_to(NOWHERE)), "proxy-bad-gateway", "EVENT_DAEMON_POLL"),
        (lambda polls: "", "proxy-no-location", "EVENT_DAEMON_POLL"),
    ],
)
def test_nginx_that_is_set_up_wrong_for_long_polls(
    site_daemon: Daemon, tmp_path: Path, layout: Callable[[int], str], code: str, setting: str
) -> None:
    listening = location("/event/", pass_to(site_daemon.port), UPGRADE)
    with proxied(tmp_path, listening, layout(port_of(site_daemon, "long polls"))) as nginx:
        diagnosis = examine(tmp_path, dmoj_settings(port_of(site_daemon, "posters"), nginx.port))
    assert diagnosis.errors == {code}
    assert diagnosis.findings[code]["setting"] == setting
    assert "/channels/" in diagnosis.findings[code]["cure"]


@pytest.mark.parametrize(
    ("layout", "code"),
    [
        (lambda port: without_upgrade("/event/", port), "upgrade-lost"),
        (lambda port: location("/event/", pass_to(port, "/elsewhere/"), UPGRADE), "path-stripped"),
        (lambda port: "", "proxy-no-location"),
        (lambda port: location("/event/", pass_to(NOWHERE), UPGRADE), "proxy-bad-gateway"),
    ],
)
def test_nginx_that_is_set_up_wrong_for_raw_websockets(
    site_daemon: Daemon, tmp_path: Path, layout: Callable[[int], str], code: str
) -> None:
    polling = location("/channels/", pass_to(port_of(site_daemon, "long polls")))
    with proxied(tmp_path, layout(site_daemon.port), polling) as nginx:
        diagnosis = examine(tmp_path, dmoj_settings(port_of(site_daemon, "posters"), nginx.port))
    assert diagnosis.errors == {code}
    assert diagnosis.findings[code]["setting"] == "EVENT_DAEMON_GET"
    assert "/event/" in diagnosis.findings[code]["cure"]


def test_public_port_that_nothing_listens_on(site_daemon: Daemon, tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, f"http://127.0.0.1:{NOWHERE}"))
    assert diagnosis.errors == {"public-refused"}
    assert diagnosis.findings["public-refused"]["setting"] == "EVENT_DAEMON_PUBLIC_URL"


def test_certificate_that_is_not_trusted(site_daemon: Daemon, certificate: Path, tmp_path: Path) -> None:
    with Nginx(tmp_path, lqdoj(site_daemon.port), certificate=certificate) as nginx:
        diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, nginx.url))
    assert diagnosis.errors == {"public-tls"}


def test_address_without_tls_matters_less_beside_one_with_it(
    site_daemon: Daemon, certificate: Path, tmp_path: Path
) -> None:
    with (
        Nginx(tmp_path / "tls", lqdoj(site_daemon.port), certificate=certificate) as secure,
        proxied(tmp_path, f"return 301 {secure.url}$request_uri;") as plain,
    ):
        settings = lqdoj_settings(site_daemon.url, plain.url, EVENT_DAEMON_PUBLIC_URL_SSL=secure.url)
        diagnosis = examine(tmp_path, settings, SSL_CERT_FILE=str(certificate))
    assert (diagnosis.exit_code, diagnosis.codes) == (0, {"public-redirect"})


def test_address_with_tls_matters_less_where_there_is_none(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, dmoj(site_daemon.port, port_of(site_daemon, "long polls"))) as nginx:
        settings = dmoj_settings(
            port_of(site_daemon, "posters"), nginx.port, EVENT_DAEMON_GET_SSL=f"wss://127.0.0.1:{NOWHERE}/event/"
        )
        diagnosis = examine(tmp_path, settings)
    assert (diagnosis.exit_code, diagnosis.codes) == (0, {"public-refused"})


@pytest.mark.parametrize("layout", ["lqdoj", "dmoj"])
def test_public_address_of_another_daemon(site_daemon: Daemon, start_daemon: StartDaemon, layout: str) -> None:
    other = start_daemon()
    raw = dmoj_settings(port_of(site_daemon, "posters"), other.port)
    settings = raw if layout == "dmoj" else lqdoj_settings(site_daemon.url, other.url)
    diagnosis = examine_here(settings, step_s=1.0)
    assert diagnosis.errors == {"event-lost"}


def test_daemon_that_refuses_listeners(site_daemon: Daemon, start_daemon: StartDaemon, tmp_path: Path) -> None:
    other = start_daemon(settings={"limits.max_channel_length": 10})
    assert examine(tmp_path, lqdoj_settings(site_daemon.url, other.url)).errors == {"listener-refused"}


@pytest.mark.parametrize("layout", ["lqdoj", "dmoj"])
def test_daemon_whose_rules_close_all_channels(start_daemon: StartDaemon, layout: str) -> None:
    rules = {"channels": [{"match": "*", "listen": "grant"}]}
    daemon = start_daemon(settings={**POST_LISTENER, **POLL_LISTENER, **rules})
    raw = dmoj_settings(port_of(daemon, "posters"), daemon.port)
    settings = raw if layout == "dmoj" else lqdoj_settings(daemon.url, daemon.url)
    diagnosis = examine_here(settings)
    assert diagnosis.errors == set()
    assert "channel-closed" in diagnosis.codes
    assert not diagnosis.codes & {"event-lost", "stream-buffered", "listener-refused"}
    assert "oyez-doctor-*" in diagnosis.findings["channel-closed"]["cure"]


def test_full_server(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon(settings={"limits.max_connections": 1})
    with listen(daemon.port, "somebody"):
        diagnosis = examine(tmp_path, lqdoj_settings(daemon.url, daemon.url))
    assert diagnosis.errors == {"at-capacity"}
    assert "limits.max_connections" in diagnosis.findings["at-capacity"]["cure"]


def test_event_streams_that_are_buffered(site_daemon: Daemon, tmp_path: Path) -> None:
    buffering = streams(site_daemon.port, "    proxy_ignore_headers X-Accel-Buffering;\n")
    with proxied(tmp_path, lqdoj(site_daemon.port), buffering) as nginx:
        diagnosis = examine_here(lqdoj_settings(site_daemon.url, nginx.url), step_s=1.0)
    assert diagnosis.errors == {"stream-buffered"}
    assert "proxy_buffering off" in diagnosis.findings["stream-buffered"]["cure"]


def test_doors_that_are_nobodys_business(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, location("/", pass_to(site_daemon.port), UPGRADE, FORWARDED)) as nginx:
        diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, nginx.url))
    assert (diagnosis.exit_code, diagnosis.codes) == (0, {"api-exposed", "metrics-exposed", "post-exposed"})
