"""Does each back end get what its own key is for, at every door, and is it told apart from the others?"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api import Reply, call, history, publish, read
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.dialects import RawPoster
from tests.integration.links import Link, Sender, metrics
from tests.raw import request

BRIDGE, OLD, NEW, FAR = "key of the bridge", "old key of the site", "new key of the site", "key for afar"
KEYS = [
    {"name": "bridge", "key": BRIDGE, "may_post": ["sub_*", "contest"]},
    {"name": "site", "key": OLD},
    {"name": "site", "key": NEW},
    {"name": "afar", "key": FAR, "from": ["203.0.113.0/24"]},
]
REFUSED = {"status": "error", "code": "may-not-post", "message": "This key may not post to this channel"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with several keys, beside that of all tests."""
    with Daemon(tmp_path_factory.mktemp("keyed"), settings={"keys": KEYS}) as daemon:
        yield daemon


def as_holder(daemon: Daemon, key: str, method: str, path: str, body: object = None, **headers: str) -> Reply:
    data = None if body is None else json.dumps(body)
    return read(request(daemon.port, method, f"/api/{path}", data, Authorization=f"Bearer {key}", **headers))


def posts(daemon: Daemon) -> dict[str, float]:
    found = {name: value for name, value in metrics(daemon.port).items() if name.startswith("oyez_posts_total")}
    return {name.partition('"')[2].rstrip('"}'): value for name, value in found.items()}


def test_posts_are_counted_by_the_name_of_the_key_at_every_door(keyed: Daemon) -> None:
    before = posts(keyed)
    assert before.keys() == {"", "bridge", "site", "afar"}
    with Sender(keyed.port, BRIDGE) as socketio, RawPoster(keyed.port, key=OLD) as raw:
        socketio.post("sub_1", 1, 2)
        raw.post("anything", 1)
    assert as_holder(keyed, NEW, "POST", "publish", {"events": [{"channel": "a"}, {"channel": "b"}]}).status == 200
    publish(keyed, {"channel": "x"})
    after = posts(keyed)
    assert {name: after[name] - before[name] for name in after} == {"": 1, "bridge": 2, "site": 3, "afar": 0}


def test_a_post_elsewhere_is_refused_at_every_door_and_named_in_the_log(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"keys": KEYS})
    with Sender(daemon.port, BRIDGE) as socketio:
        socketio.emit("post", {"channel": "private", "message": 1}, ack=1)
        assert json.loads(str(socketio.receive()).removeprefix("431")) == [REFUSED]
        socketio.emit("post", {"channel": "private", "message": 1})
        assert socketio.event() == ("error", REFUSED)
        socketio.post("contest", 1)
    with RawPoster(daemon.port, key=BRIDGE) as raw:
        assert raw.ask("post", channel="private", message=1) == REFUSED
        raw.post("sub_", 1)
    reply = as_holder(daemon, BRIDGE, "POST", "publish", {"channel": "private"})
    assert reply.error == (403, "may-not-post")
    assert history(daemon, "private")["events"] == []
    assert metrics(daemon.port)['oyez_refusals_total{reason="may-not-post"}'] == 4
    assert "may-not-post: the key 'bridge' is not for the channel, from 127.0.0.1" in daemon.stderr
    assert "private" not in daemon.stderr


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"events": [{"channel": "sub_1"}, {"channel": "sub_2"}, {"channel": "é"}]}, "'\\xe9' of events[2]"),
        ({"channels": ["sub_1", "private"]}, "'private' of channels[1]"),
        ({"events": [{"channel": "sub_1"}] * 2500 + [{"channel": "private"}]}, "'private' of events[2500]"),
        ({"channel": "private"}, "'private' of the request"),
    ],
)  # fmt: skip
def test_a_batch_is_refused_as_a_whole_and_the_channel_is_named(keyed: Daemon, body: Any, named: str) -> None:
    before = posts(keyed)
    reply = as_holder(keyed, BRIDGE, "POST", "publish", body)
    assert reply.error == (403, "may-not-post")
    assert reply.data["message"] == f"This key may not post to the channel {named}"
    assert posts(keyed) == before


def test_what_it_may_not_post_to_it_may_not_read(keyed: Daemon) -> None:
    publish(keyed, {"channels": ["sub_1", "contest", "private"]})
    names = [row["name"] for row in as_holder(keyed, BRIDGE, "GET", "channels?limit=1000").data["channels"]]
    assert "contest" in names
    assert all(name == "contest" or name.startswith("sub_") for name in names)
    assert as_holder(keyed, BRIDGE, "GET", "channels/contest/history").status == 200
    assert as_holder(keyed, BRIDGE, "GET", "channels/private/history").error == (403, "may-not-read")
    assert as_holder(keyed, BRIDGE, "GET", "last").status == 200
    assert as_holder(keyed, OLD, "GET", "channels/private/history").data["events"]
    assert "private" in [row["name"] for row in call(keyed, "GET", "channels?limit=1000").data["channels"]]


def test_a_key_counts_from_its_networks_only(keyed: Daemon) -> None:
    there, here = {"X_Forwarded_For": "203.0.113.7"}, {"X_Forwarded_For": "198.51.100.7"}
    assert as_holder(keyed, FAR, "GET", "last", **there).status == 200
    assert as_holder(keyed, FAR, "GET", "last", **here).error == (401, "unauthorized")
    with Link(keyed.port, {"role": "sender", "token": FAR}, receive_buffer=None, **there) as link:
        assert link.connected.startswith('40{"sid":')
    with RawPoster(keyed.port, key=None, **here) as raw:
        assert raw.ask("auth", key=FAR)["code"] == "auth-failed"
    assert "not among those that its key may be used from" in keyed.stderr


def test_both_keys_of_one_name_are_good(keyed: Daemon) -> None:
    for key in (OLD, NEW):
        with RawPoster(keyed.port, key=key) as poster:
            poster.post("x", 1)


def test_another_key_takes_the_place_of_the_first_one_on_a_connection(keyed: Daemon) -> None:
    with RawPoster(keyed.port, key=BRIDGE) as raw:
        assert raw.ask("post", channel="x")["code"] == "may-not-post"
        assert raw.ask("auth", key=OLD) == {"status": "success"}
        raw.post("x", 1)


def test_without_the_unnamed_key_the_others_count(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, settings={"keys": KEYS})
    daemon.key = ""
    with daemon:
        with Sender(daemon.port, OLD) as sender:
            sender.post("x", 1)
        assert request(daemon.port, "GET", "/api/last", Authorization="Bearer").status == 401
        assert "nobody may post" not in daemon.stderr


def test_well_known_keys_count_on_this_machine_only_whatever_their_name(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"keys": [{"name": "old", "key": "lqdoj"}]})
    assert as_holder(daemon, "lqdoj", "GET", "last").status == 200
    assert as_holder(daemon, "lqdoj", "GET", "last", X_Forwarded_For="203.0.113.9").status == 401
    assert "PUBLIC KNOWLEDGE" in daemon.stderr
