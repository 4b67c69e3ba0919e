"""Who may post, who may listen, and what are the others told?"""

import json
from pathlib import Path

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.links import SUCCESS, TARGET, Link, Poller, Sender, eventually, listen, metrics
from tests.raw import NO_CODE, Closed, request
from tests.scenarios import new_channel

FAILED = '44{"message":"Authentication failed"}'
CAPACITY = '42["error",{"status":"error","code":"server-capacity","message":"Server at capacity"}]'


@pytest.mark.parametrize(
    "token", ["wrong", "", None, 5, ["the key of the tests"], {}, True, "né", "the key of the tests "]
)
def test_wrong_key_is_refused_and_the_link_may_try_again(daemon: Daemon, token: object) -> None:
    with Link(daemon.port, {"role": "sender", "token": token}) as link:
        assert link.connected == FAILED
        link.connect({"role": "sender"})
        assert link.connected == FAILED
        link.connect({"role": "sender", "token": daemon.key})
        assert link.connected.startswith('40{"sid":')
        link.emit("post", {"channel": new_channel()}, ack=1)
        assert str(link.receive()).startswith('431[{"status":"success"')


@pytest.mark.parametrize(
    "auth",
    [None, {}, {"token": "x"}, *({"role": role} for role in ("", "admin", "SENDER", ["sender"], None, 1, "client"))],
)
def test_every_other_role_is_a_client(daemon: Daemon, auth: object) -> None:
    with Link(daemon.port, auth) as link:
        assert link.connected.startswith('40{"sid":')
        link.emit("post", {"channel": "x", "message": 1})
        assert link.event()[1]["code"] == "unauthorized"


def daemon_with_key(directory: Path, key: str, **settings: object) -> Daemon:
    daemon = Daemon(directory, settings=settings)
    daemon.key = key
    return daemon


def test_without_a_key_nobody_may_post(tmp_path: Path) -> None:
    with daemon_with_key(tmp_path, "") as daemon:
        for token in (None, "", "lqdoj", "null"):
            auth = {"role": "sender"} | ({} if token is None else {"token": token})
            with Link(daemon.port, auth) as link:
                assert link.connected == FAILED, token
        for authorization in (None, "Bearer", "Bearer ", "Bearer lqdoj"):
            answer = request(daemon.port, "POST", "/api/publish", '{"channel":"x"}', Authorization=authorization)
            assert answer.status == 401
        assert "nobody may post" in daemon.stderr


def test_well_known_key_is_good_on_this_machine_only(tmp_path: Path) -> None:
    with daemon_with_key(tmp_path, "lqdoj") as daemon:
        auth = {"role": "sender", "token": "lqdoj"}
        with Sender(daemon.port, "lqdoj") as sender:
            sender.post("x", 1)
        for forwarded in ("203.0.113.9", "127.0.0.1", "", "garbage, , ,"):
            with Link(daemon.port, auth, X_Forwarded_For=forwarded) as link:
                assert link.connected == FAILED
            assert Poller(daemon.port, auth, X_Forwarded_For=forwarded).connected == FAILED
            answer = request(
                daemon.port, "POST", "/api/publish", '{"channel":"x"}',
                Authorization="Bearer lqdoj", X_Forwarded_For=forwarded,
            )  # fmt: skip
            assert answer.status == 401
        published = request(daemon.port, "POST", "/api/publish", '{"channel":"x"}', Authorization="Bearer lqdoj")
        assert published.status == 200
        assert "PUBLIC KNOWLEDGE" in daemon.stderr


def test_guessing_is_slowed_down_and_the_right_key_works(own_daemon: Daemon) -> None:
    refused = 0
    with Link(own_daemon.port, {"role": "sender", "token": "0"}) as link:
        with pytest.raises(Closed) as closed:  # noqa: PT012 - the link is closed at some attempt
            for n in range(1, 100):
                assert link.connected == FAILED
                refused = n
                link.connect({"role": "sender", "token": str(n)})
        assert closed.value.code == NO_CODE
        assert refused >= 5
    with Link(own_daemon.port, {"role": "sender", "token": "x"}) as link:
        assert link.connected == FAILED
        assert link.close_code() == NO_CODE
    answer = request(own_daemon.port, "POST", "/api/publish", "{}", Authorization="Bearer x")
    assert answer.status == 429
    assert answer.headers["retry-after"]
    with Sender(own_daemon.port) as sender:
        assert sender.post("x", 1)[0]["id"] > 0
    assert metrics(own_daemon.port)['oyez_refusals_total{reason="auth-failed"}'] >= refused
    assert own_daemon.stderr.count("auth-failed") <= 3
    assert "auth-failed: wrong key, from 127.0.0.1" in own_daemon.stderr


def test_third_listener_of_two_is_told_and_kept_waiting(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections": 2})
    channel = new_channel()
    with listen(daemon.port, channel) as first, listen(daemon.port, channel) as second, Link(daemon.port) as third:
        assert first.receive() == second.receive() == SUCCESS
        assert third.connected.startswith('40{"sid":')
        assert third.receive() == CAPACITY
        third.emit("set-filter", {"filter": [channel]})
        third.emit("last-msg")
        third.emit("post", {})
        with Sender(daemon.port) as sender, Sender(daemon.port) as another:
            events = sender.post(channel, 1) + another.post(channel, 2)
        assert first.messages(2) == second.messages(2) == events
        third.check_alive()
        poller = Poller(daemon.port)
        assert (poller.first or poller.packets()) == [CAPACITY]
        first.drop()
        eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 1, "free place")
        with listen(daemon.port, channel) as fourth:
            assert fourth.receive() == SUCCESS
            assert fourth.messages(2) == events
            third.check_alive()


def test_place_is_free_again_after_a_disconnect_packet(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections": 1})
    with listen(daemon.port, "x") as first:
        assert first.receive() == SUCCESS
        first.send("41")
        with listen(daemon.port, "x") as second:
            assert second.receive() == SUCCESS
            first.connect()
            assert first.connected.startswith('40{"sid":')
            assert first.receive() == CAPACITY


def test_link_that_joins_nothing_is_closed(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"socketio.connect_timeout_s": 0.3})
    with Link(daemon.port, {"role": "sender"}) as link:
        assert link.connected == FAILED
        assert link.close_code() == NO_CODE
    poller = Poller(daemon.port, {"role": "sender"})
    assert poller.connected == FAILED
    assert poller.get().status == 200
    assert poller.is_gone


def test_only_named_origins_may_connect(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"http.allowed_origins": ["https://judge.example"]})
    target = TARGET.replace("websocket", "polling")
    allowed = request(daemon.port, "GET", target, Origin="https://judge.example")
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://judge.example")
    refused = request(daemon.port, "GET", target, Origin="https://evil.example")
    assert refused.error == (403, '{"code":4,"message":"Forbidden"}')
    assert json.loads(request(daemon.port, "GET", target).body[1:])["sid"]
