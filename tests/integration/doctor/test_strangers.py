"""Does the doctor find that strangers may post, and that a proxy hides who they are?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.doctor.sites import Diagnosis, dmoj_settings, examine, lqdoj_settings, proxied
from tests.integration.links import metrics
from tests.integration.test_nginx import DOORS, port_of
from tests.nginx import FORWARDED, UPGRADE, dmoj, location, lqdoj, pass_to

# What nothing in a request tells from a back end on this machine: see "On this machine" in the reference of settings.
INVISIBLE = """
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "";
"""
CAPITAL = UPGRADE.replace('"upgrade"', '"Upgrade"')
REAL_IP = "    proxy_set_header X-Real-IP $remote_addr;\n"


@pytest.fixture(scope="module")
def known_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon whose key everyone knows."""
    daemon = Daemon(tmp_path_factory.mktemp("known"), settings=DOORS)
    daemon.key = "lqdoj"
    with daemon:
        yield daemon


def step(diagnosis: Diagnosis, title: str) -> dict[str, str]:
    return next(step for step in diagnosis.steps if step["title"] == title)


@pytest.mark.parametrize("block", [UPGRADE, UPGRADE + REAL_IP, UPGRADE + "    proxy_set_header Host $host;"])
def test_a_block_that_hides_the_visitor_is_named_with_its_cure(site_daemon: Daemon, tmp_path: Path, block: str) -> None:
    with proxied(tmp_path, location("/socket.io/", pass_to(site_daemon.port), block)) as nginx:
        diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, nginx.url))
    assert diagnosis.codes == {"visitor-hidden"}
    finding = diagnosis.findings["visitor-hidden"]
    assert (finding["weight"], finding["setting"]) == ("warning", "EVENT_DAEMON_PUBLIC_URL")
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in finding["cure"]
    assert "/socket.io/" in finding["cure"]


def test_where_the_visitor_is_named_all_is_well(site_daemon: Daemon, tmp_path: Path) -> None:
    before = metrics(site_daemon.port).get('oyez_refusals_total{reason="auth-failed"}', 0)
    with proxied(tmp_path, lqdoj(site_daemon.port)) as nginx:
        diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, nginx.url))
    assert diagnosis.codes == set()
    assert step(diagnosis, "Posts of strangers")["status"] == "ok"
    assert step(diagnosis, "Who visitors are to the daemon")["note"] == "we are 127.0.0.1 to it"
    assert metrics(site_daemon.port).get('oyez_refusals_total{reason="auth-failed"}', 0) == before


@pytest.mark.parametrize("hiding", ["/event/", "/channels/"])
def test_a_block_of_a_raw_site_that_hides_the_visitor_is_named(
    site_daemon: Daemon, tmp_path: Path, hiding: str
) -> None:
    blocks = [
        location(path, pass_to(port), UPGRADE, "" if path == hiding else FORWARDED)
        for path, port in (("/event/", site_daemon.port), ("/channels/", port_of(site_daemon, "long polls")))
    ]
    with proxied(tmp_path, *blocks) as nginx:
        diagnosis = examine(tmp_path, dmoj_settings(port_of(site_daemon, "posters"), nginx.port))
    assert diagnosis.codes == {"visitor-hidden"}
    finding = diagnosis.findings["visitor-hidden"]
    assert hiding in finding["cure"]
    assert "the proxy at 127.0.0.1 does not say for whom it asks" in finding["seen"]
    assert "limit of one address holds for no visitor" in finding["cure"]


def test_a_proxy_of_a_raw_site_that_nobody_trusts_is_named(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon(settings=DOORS | {"http.trusted_proxies": []})
    with proxied(tmp_path, dmoj(daemon.port, port_of(daemon, "long polls"))) as nginx:
        diagnosis = examine(tmp_path, dmoj_settings(port_of(daemon, "posters"), nginx.port))
    assert diagnosis.codes == {"visitor-hidden"}
    assert "does not believe the proxy at 127.0.0.1" in diagnosis.findings["visitor-hidden"]["seen"]
    assert daemon.stderr.count("the proxy at 127.0.0.1 is not believed") == 1


def test_a_raw_site_that_names_its_visitors_is_all_right(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, dmoj(site_daemon.port, port_of(site_daemon, "long polls"))) as nginx:
        diagnosis = examine(tmp_path, dmoj_settings(port_of(site_daemon, "posters"), nginx.port))
    assert diagnosis.codes == set()
    assert step(diagnosis, "Who visitors are to the daemon")["note"] == "no proxy hides them"


@pytest.mark.parametrize(("path", "block"), [("/socket.io/", INVISIBLE), ("/api/", INVISIBLE), ("/post", CAPITAL)])
def test_a_stranger_with_the_key_that_everyone_knows_is_an_error(
    known_daemon: Daemon, tmp_path: Path, path: str, block: str
) -> None:
    listening = "" if path == "/socket.io/" else lqdoj(known_daemon.port)
    posted = metrics(known_daemon.port)["oyez_posts_total"]
    with proxied(tmp_path, listening, location(path, pass_to(known_daemon.port), block)) as nginx:
        settings = lqdoj_settings(known_daemon.url, nginx.url, EVENT_DAEMON_KEY="lqdoj")
        diagnosis = examine(tmp_path, settings)
    assert diagnosis.errors - {"upgrade-lost"} == {"stranger-posts"}
    finding = diagnosis.findings["stranger-posts"]
    assert path in finding["seen"]
    assert "EVENT_DAEMON_KEY" in finding["cure"]
    assert metrics(known_daemon.port)["oyez_posts_total"] - posted <= 4  # those of the steps before


def test_the_key_that_everyone_knows_is_no_stranger_s_where_visitors_are_named(
    known_daemon: Daemon, tmp_path: Path
) -> None:
    with proxied(tmp_path, lqdoj(known_daemon.port)) as nginx:
        settings = lqdoj_settings(known_daemon.url, nginx.url, EVENT_DAEMON_KEY="lqdoj")
        diagnosis = examine(tmp_path, settings)
    assert diagnosis.errors == set()
    assert step(diagnosis, "Posts of strangers")["status"] == "ok"


def test_a_public_address_that_needs_no_key_is_an_error(site_daemon: Daemon, tmp_path: Path) -> None:
    keyless = location(
        "/post", pass_to(port_of(site_daemon, "posters"), "/"), UPGRADE.replace('"upgrade"', '"Upgrade"')
    )
    with proxied(tmp_path, lqdoj(site_daemon.port), keyless) as nginx:
        diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, nginx.url))
    assert diagnosis.errors == {"stranger-posts"}
    assert "needs no key" in diagnosis.findings["stranger-posts"]["seen"]
