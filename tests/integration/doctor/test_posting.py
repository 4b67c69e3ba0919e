"""Does the doctor find what is wrong between the site and the daemon?"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.conftest import StartDaemon
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.integration.doctor.sites import (
    NOWHERE,
    dmoj_settings,
    examine,
    examine_here,
    lqdoj_settings,
    proxied,
)
from tests.integration.test_nginx import port_of
from tests.nginx import location, lqdoj, pass_to

# --- the daemon, from where the site is -------------------------------------------------------------------------------


def test_daemon_that_is_down(tmp_path: Path) -> None:
    with proxied(tmp_path, lqdoj(NOWHERE)) as nginx:
        diagnosis = examine(tmp_path, lqdoj_settings(f"http://127.0.0.1:{NOWHERE}", nginx.url))
    assert diagnosis.errors == {"daemon-refused", "proxy-bad-gateway"}
    assert diagnosis.findings["daemon-refused"]["setting"] == "EVENT_DAEMON_URL"
    assert "oyez serve" in diagnosis.findings["daemon-refused"]["cure"]
    assert "proxy_pass" in diagnosis.findings["proxy-bad-gateway"]["cure"]


def test_port_of_something_else(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, lqdoj(site_daemon.port)) as nginx, proxied(tmp_path / "other", "return 404;") as other:
        diagnosis = examine(tmp_path, lqdoj_settings(other.url, nginx.url))
    assert diagnosis.errors == {"not-a-daemon"}


def test_host_that_nobody_knows(site_daemon: Daemon, tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, lqdoj_settings("http://wsevent.invalid:15100", site_daemon.url))
    assert diagnosis.errors == {"daemon-name-unknown"}


def test_daemon_that_hangs(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    daemon.suspend()
    diagnosis = examine_here(lqdoj_settings(daemon.url, daemon.url), step_s=0.2)
    daemon.resume()
    assert diagnosis.errors == {"daemon-silent", "public-silent"}


def test_tls_where_there_is_none(site_daemon: Daemon, tmp_path: Path) -> None:
    url = f"https://127.0.0.1:{site_daemon.port}"
    assert examine(tmp_path, lqdoj_settings(url, site_daemon.url)).errors == {"daemon-tls"}


@contextmanager
def speaking(words: bytes) -> Iterator[int]:
    """Something else on a port: it says its words to whoever connects, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                with link:
                    link.recv(65_536)
                    link.sendall(words)

        thread = Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE_S)


@pytest.mark.parametrize("words", [b"", b"220 mail.example ESMTP\r\n"], ids=["nothing", "mail"])
def test_port_that_does_not_speak_http(tmp_path: Path, words: bytes) -> None:
    with speaking(words) as port:
        url = f"http://127.0.0.1:{port}"
        assert examine(tmp_path, lqdoj_settings(url, url)).errors == {"daemon-broken", "public-broken"}


def test_proxy_without_a_daemon_where_the_site_posts(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, location("/", pass_to(NOWHERE))) as nginx:
        diagnosis = examine(tmp_path, lqdoj_settings(nginx.url, site_daemon.url))
    assert diagnosis.errors == {"daemon-http-status"}


def test_daemon_of_another_kind(site_daemon: Daemon, tmp_path: Path) -> None:
    with proxied(tmp_path, lqdoj(site_daemon.port)) as nginx:  # what does not show Oyez's other doors might be any
        diagnosis = examine(tmp_path, lqdoj_settings(nginx.url, nginx.url))
    assert diagnosis.exit_code == 0
    assert diagnosis.codes == {"other-daemon"}


@pytest.mark.parametrize(("door", "code"), [("listening", "post-wrong-door"), ("long polls", "post-not-websocket")])
def test_raw_poster_at_another_door(site_daemon: Daemon, tmp_path: Path, door: str, code: str) -> None:
    port = site_daemon.port if door == "listening" else port_of(site_daemon, door)
    diagnosis = examine(tmp_path, dmoj_settings(port, site_daemon.port))
    assert diagnosis.errors == {code}
    assert "15101" in diagnosis.findings[code]["cure"]


# --- the key ----------------------------------------------------------------------------------------------------------


def test_wrong_key(site_daemon: Daemon, tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, lqdoj_settings(site_daemon.url, site_daemon.url, EVENT_DAEMON_KEY="wrong one"))
    assert diagnosis.errors == {"key-refused"}
    assert diagnosis.findings["key-refused"]["setting"] == "EVENT_DAEMON_KEY"
    assert "wrong one" not in diagnosis.output


def test_one_of_several_keys_is_right(start_daemon: StartDaemon, tmp_path: Path) -> None:
    keys = [{"name": "site", "key": "for all"}, {"name": "bridge", "key": "for some", "may_post": ["sub_*"]}]
    daemon = start_daemon(settings={"keys": keys})
    for_all = examine(tmp_path, lqdoj_settings(daemon.url, daemon.url, EVENT_DAEMON_KEY="for all"))
    assert for_all.errors == set()
    for_some = examine(tmp_path, lqdoj_settings(daemon.url, daemon.url, EVENT_DAEMON_KEY="for some"))
    assert for_some.errors == set()
    finding = for_some.findings["key-for-some-channels"]
    assert (finding["weight"], finding["setting"]) == ("warning", "EVENT_DAEMON_KEY")
    assert "oyez-doctor-*" in finding["cure"]


def test_daemon_without_a_key(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.key = ""
    with daemon:
        diagnosis = examine(tmp_path, lqdoj_settings(daemon.url, daemon.url))
    assert diagnosis.errors == {"key-refused"}
    assert "OYEZ_KEY" in diagnosis.findings["key-refused"]["cure"]


def test_well_known_key(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.key = "lqdoj"
    with daemon, proxied(tmp_path, lqdoj(daemon.port)) as nginx:
        direct = examine(tmp_path, lqdoj_settings(daemon.url, nginx.url, EVENT_DAEMON_KEY="lqdoj"))
        through_nginx = examine(tmp_path, lqdoj_settings(nginx.url, nginx.url, EVENT_DAEMON_KEY="lqdoj"))
    assert (direct.exit_code, direct.codes) == (0, {"key-well-known"})
    assert through_nginx.errors == {"key-refused"}
    assert "well-known" in through_nginx.findings["key-refused"]["seen"]


def test_key_that_a_raw_poster_needs(site_daemon: Daemon, tmp_path: Path) -> None:
    post = f"ws://127.0.0.1:{site_daemon.port}/post"
    diagnosis = examine(tmp_path, dmoj_settings(0, site_daemon.port, EVENT_DAEMON_POST=post))
    assert diagnosis.errors == {"key-wanted"}


@contextmanager
def old_raw_daemon(replies: Mapping[str, object]) -> Iterator[int]:
    """A daemon of raw WebSockets as DMOJ's is, as far as its replies go; it knows no other commands."""

    def converse(connection: ServerConnection) -> None:
        try:
            for frame in connection:
                command = json.loads(frame)["command"]
                unknown = {"status": "error", "code": "bad-command", "message": f"bad command: {command}"}
                connection.send(json.dumps(replies.get(command, unknown)))
        except ConnectionClosed:
            pass

    with serve(converse, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
    thread.join(PATIENCE_S)


def test_key_for_a_daemon_that_knows_none(tmp_path: Path) -> None:
    replies = {name: {"status": "success", "id": 5} for name in ("post", "last-msg")}
    with old_raw_daemon(replies) as port:
        diagnosis = examine(tmp_path, dmoj_settings(port, NOWHERE, EVENT_DAEMON_KEY=KEY))
        assert diagnosis.errors >= {"auth-unknown"}
        assert "auth-unknown" not in examine(tmp_path, dmoj_settings(port, NOWHERE)).errors


def test_newest_id_of_zero(tmp_path: Path) -> None:
    replies = {"post": {"status": "success", "id": 5}, "last-msg": {"status": "success", "id": 0}}
    with old_raw_daemon(replies) as port:
        assert examine(tmp_path, dmoj_settings(port, NOWHERE)).errors >= {"last-id-zero"}


def test_post_that_is_refused(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon(settings={"limits.max_channel_length": 10})
    diagnosis = examine(tmp_path, lqdoj_settings(daemon.url, daemon.url))
    assert diagnosis.errors == {"post-failed"}
    assert "invalid-channel" in diagnosis.findings["post-failed"]["seen"]
