"""Does everything pass through nginx, set up as sites have it, and does the daemon still know who is who?"""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.clients.python import AsyncSession, PythonClient
from tests.clients.site_poster import SitePoster
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.integration.links import Poller, eventually, metrics
from tests.nginx import FORWARDED, UPGRADE, Nginx, dmoj, location, lqdoj, pass_to, streams
from tests.pages import snippets
from tests.raw import Answer, Call, Polling, request
from tests.scenarios import new_channel

DOORS = {
    "post_listener.host": "127.0.0.1",
    "post_listener.port": 0,
    "poll_listener.host": "127.0.0.1",
    "poll_listener.port": 0,
}
# This machine has more addresses than the one that proxies are trusted at.
VISITOR, OTHER_VISITOR, FORGER = "127.0.0.2", "127.0.0.3", "127.0.0.4"


def port_of(daemon: Daemon, door: str) -> int:
    """Find where the daemon says that it opened one of its other doors."""
    found = re.findall(rf"{door}\b.* at http://127\.0\.0\.1:(\d+)", daemon.stderr)
    assert found, daemon.stderr
    return int(found[-1])


@pytest.fixture(scope="module")
def site_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("site"), settings=DOORS) as daemon:
        yield daemon


@pytest.fixture(scope="module", params=[False, True], ids=["as-asked", "rewritten"])
def site(
    site_daemon: Daemon, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Nginx]:
    """All layouts at once; ``proxy_pass`` without a path, and with one that keeps the prefix."""
    locations = (
        lqdoj(site_daemon.port, rewrites=request.param)
        + dmoj(site_daemon.port, port_of(site_daemon, "long polls"), rewrites=request.param)
        + streams(site_daemon.port)
    )
    with Nginx(tmp_path_factory.mktemp("site"), locations) as nginx:
        yield nginx


def web_socket(nginx: Nginx, path: str) -> websocket.WebSocket:
    return websocket.create_connection(f"ws://127.0.0.1:{nginx.port}{path}", timeout=PATIENCE_S)


def ask(link: websocket.WebSocket, **command: object) -> Any:
    link.send(json.dumps(command))
    return json.loads(link.recv())


# --- every door -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transports", ["websocket", "polling", "upgrade"])
def test_socketio_passes(site: Nginx, site_daemon: Daemon, transports: str) -> None:
    channel = new_channel()
    client = PythonClient(AsyncSession, transports)
    with client.open(site.url, channels=[channel]) as session:
        session.inbox.wait("status", 2)
        events = site_daemon.post(channel, *range(3))
        assert session.inbox.wait("message", 3) == events
        assert session.inbox.of("transport") == [client.transport]


def test_site_posts_through_nginx(site: Nginx, site_daemon: Daemon) -> None:
    poster = SitePoster(site.url, site_daemon.key)
    try:
        event_id = poster.post(new_channel(), {"type": "update"})
        assert event_id > 0
        assert poster.last() >= event_id
        assert poster.transport() == "websocket"
    finally:
        poster.close()


def test_raw_websockets_pass(site: Nginx, site_daemon: Daemon) -> None:
    channel = new_channel()
    (past,) = site_daemon.post(channel, "past")
    with closing(web_socket(site, "/event/")) as listener:
        listener.send(json.dumps({"command": "start-msg", "start": past["id"] - 1}))
        listener.send(json.dumps({"command": "set-filter", "filter": [channel]}))
        assert json.loads(listener.recv()) == past
        (coming,) = site_daemon.post(channel, "coming")
        assert json.loads(listener.recv()) == coming


@pytest.mark.parametrize("separator", ["|", "%7C", "%7c"])
def test_long_polls_pass(site: Nginx, site_daemon: Daemon, separator: str) -> None:
    channel = new_channel()
    target = f"/channels/nobody-posts-here{separator}{channel}?last="
    (past,) = site_daemon.post(channel, "past")
    answer = request(site.port, "GET", f"{target}{past['id'] - 1}")
    assert (answer.status, json.loads(answer.body)) == (200, past)
    waiting = Call(site.port, "GET", f"{target}{past['id']}")
    (coming,) = site_daemon.post(channel, "coming")
    assert json.loads(waiting.answer().body) == coming


@pytest.mark.parametrize("command", ["post", "last-msg"])
def test_raw_posters_need_the_key_once_nginx_is_between(site_daemon: Daemon, tmp_path: Path, command: str) -> None:
    port = port_of(site_daemon, "posters")
    with closing(websocket.create_connection(f"ws://127.0.0.1:{port}/", timeout=PATIENCE_S)) as direct:
        assert ask(direct, command=command, channel=new_channel())["status"] == "success"
    with (
        Nginx(tmp_path, location("/", pass_to(port), UPGRADE, FORWARDED)) as nginx,
        closing(web_socket(nginx, "/")) as proxied,
    ):
        assert ask(proxied, command=command, channel=new_channel())["code"] == "unauthorized"
        assert ask(proxied, command="auth", key="wrong")["code"] == "auth-failed"
        assert ask(proxied, command="auth", key=site_daemon.key) == {"status": "success"}
        assert ask(proxied, command=command, channel=new_channel())["status"] == "success"


class Stream:
    """An event stream, read line by line."""

    def __init__(self, port: int, channel: str) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._http.request("GET", f"/sse?channel={channel}")
        self._answer = self._http.getresponse()
        assert self._answer.status == 200

    def until(self, start: str) -> str:
        """Read on to the first line that begins so, and give the rest of it."""
        for line in iter(self._answer.readline, b""):
            if line.startswith(start.encode()):
                return line.decode()[len(start) :].strip()
        raise AssertionError(f"the stream ended without {start!r}")

    def close(self) -> None:
        self._http.close()


def test_event_streams_are_not_buffered(site: Nginx, site_daemon: Daemon) -> None:
    channel = new_channel()
    with closing(Stream(site.port, channel)) as stream:
        assert stream.until("event: ") == "status"
        stream.until("data: ")
        for event in site_daemon.post(channel, "first") + site_daemon.post(channel, "second"):
            assert json.loads(stream.until("data: ")) == event


# --- who is who -------------------------------------------------------------------------------------------------------


def publish(port: int, key: str, *, source: str, forwarded: str | None = None) -> Answer:
    """Post from one of this machine's addresses, with a forwarding header of one's own if wanted."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S, source_address=(source, 0))
    headers = {"Authorization": f"Bearer {key}"} | ({} if forwarded is None else {"X-Forwarded-For": forwarded})
    link.request("POST", "/api/publish", '{"channel":"x"}', headers)
    response = link.getresponse()
    with closing(link):
        return Answer(response.status, dict(response.getheaders()), response.read().decode())


def behind_nginx(daemon: Daemon, directory: Path) -> Nginx:
    return Nginx(directory, location("/", pass_to(daemon.port), UPGRADE, FORWARDED))


def test_wrong_keys_are_counted_by_the_visitors_address(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon(settings={"limits.auth_failures_per_minute": 3})
    with behind_nginx(daemon, tmp_path) as nginx:
        statuses = [publish(nginx.port, "wrong", source=VISITOR).status for _ in range(5)]
        assert statuses[0] == 401
        assert statuses[-1] == 429
        assert publish(nginx.port, "wrong", source=OTHER_VISITOR).status == 401


@pytest.mark.parametrize("proxied", [True, False], ids=["to-nginx", "to-the-daemon"])
def test_visitor_cannot_pass_for_another(start_daemon: StartDaemon, tmp_path: Path, *, proxied: bool) -> None:
    daemon = start_daemon(settings={"limits.auth_failures_per_minute": 3})
    with behind_nginx(daemon, tmp_path) as nginx:
        port = nginx.port if proxied else daemon.port
        statuses = [
            publish(port, "wrong", source=FORGER, forwarded=f"203.0.113.{number}").status for number in range(5)
        ]
        assert statuses[-1] == 429
        assert publish(nginx.port, "wrong", source="127.0.0.1", forwarded="203.0.113.4").status == 401


def test_word_of_a_proxy_that_is_not_trusted_counts_for_nothing(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon(settings={"limits.auth_failures_per_minute": 3, "http.trusted_proxies": ["192.0.2.1"]})
    with behind_nginx(daemon, tmp_path) as nginx:
        statuses = [
            publish(nginx.port, "wrong", source=source).status
            for source in (VISITOR, OTHER_VISITOR, FORGER, VISITOR, OTHER_VISITOR)
        ]
        assert statuses[-1] == 429  # to the daemon they were all one: nginx


def test_back_ends_may_be_told_apart_by_address_behind_nginx(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon(settings={"auth.sender_addresses": [VISITOR]})
    with behind_nginx(daemon, tmp_path) as nginx:
        assert publish(nginx.port, daemon.key, source=VISITOR).status == 200
        assert publish(nginx.port, daemon.key, source=OTHER_VISITOR).status == 401
        assert publish(nginx.port, daemon.key, source=OTHER_VISITOR, forwarded=VISITOR).status == 401


def test_well_known_key_is_refused_through_nginx(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.key = "lqdoj"
    with daemon, Nginx(tmp_path, lqdoj(daemon.port)) as nginx:
        for url, accepted in ((nginx.url, False), (daemon.url, True)):
            poster = SitePoster(url, daemon.key)
            assert (poster.post("x", 1) > 0) is accepted
            poster.close()


@pytest.mark.parametrize(
    "block",
    ["", UPGRADE, UPGRADE.replace('"upgrade"', "close"), UPGRADE.replace('"upgrade"', '"Upgrade"'),
     UPGRADE + "    proxy_set_header Host judge.example;"],
    ids=["none", "upgrade", "close", "capital", "named"],
)  # fmt: skip
def test_well_known_key_is_refused_behind_a_block_that_hides_the_visitor(tmp_path: Path, block: str) -> None:
    daemon = Daemon(tmp_path)
    daemon.key = "lqdoj"
    with daemon, Nginx(tmp_path, location("/", pass_to(daemon.port), block)) as nginx:
        poster = SitePoster(nginx.url, daemon.key)
        assert not poster.post("x", 1)
        poster.close()
        assert publish(nginx.port, daemon.key, source=VISITOR).status == 401


# --- a reload ---------------------------------------------------------------------------------------------------------


def test_reload_of_nginx_loses_nothing(site_daemon: Daemon, tmp_path: Path) -> None:
    channel = new_channel()
    client = PythonClient(AsyncSession, "websocket")
    with (
        Nginx(tmp_path, lqdoj(site_daemon.port)) as nginx,
        client.open(nginx.url, channels=[channel]) as session,
    ):
        session.inbox.wait("status", 2)
        before = site_daemon.post(channel, "before")
        session.inbox.wait("message")
        nginx.reload()
        meanwhile = site_daemon.post(channel, *range(20))
        session.inbox.wait("status", 4)
        after = site_daemon.post(channel, "after")
        assert session.inbox.wait("message", 22) == before + meanwhile + after


def test_reload_of_nginx_ends_no_long_poll(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon(settings=DOORS)
    channel, last = new_channel(), daemon.last()
    locations = dmoj(daemon.port, port_of(daemon, "long polls"))
    with Nginx(tmp_path, locations, shutdown_s=PATIENCE_S) as nginx:
        waiting = Call(nginx.port, "GET", f"/channels/{channel}?last={last}")
        eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 1, "poll that waits")
        nginx.reload()
        (event,) = daemon.post(channel, "during the reload")
        assert json.loads(waiting.answer().body) == event


# --- several daemons --------------------------------------------------------------------------------------------------


def test_a_page_that_begins_with_polls_needs_the_line_of_the_guide(
    site_daemon: Daemon, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    (upstreams,) = snippets("docs/how-to/use-redis.md", "nginx")
    for number, daemon in enumerate((site_daemon, start_daemon()), 1):
        upstreams = upstreams.replace(f"10.0.0.{number}:15100", f"127.0.0.1:{daemon.port}")
    locations = location("/socket.io/", "\n    proxy_pass http://oyez;\n", UPGRADE, FORWARDED)
    with Nginx(tmp_path / "with", locations, upstreams=upstreams) as nginx:
        for _ in range(4):
            assert Poller(nginx.port).connected.startswith('40{"sid"')
    with Nginx(tmp_path / "without", locations, upstreams=upstreams.replace("ip_hash;", "")) as nginx:
        assert Polling(nginx.port).is_gone
