"""Does the HTTP API tell what was posted, and refuse in one form what it cannot answer?"""

import pytest

from tests.api import call, history, publish, read
from tests.daemon import Daemon
from tests.integration.links import SUCCESS, listen, metrics
from tests.raw import request
from tests.scenarios import new_channel


def test_the_newest_id(daemon: Daemon) -> None:
    event_id = publish(daemon, {"channel": new_channel()})["id"]
    assert call(daemon, "GET", "last").data == {"id": event_id}


@pytest.mark.parametrize(
    "name", ["a/b", "/", "a//b/", "..", ".", "%2F", "?#&=+", " ", "\n", "\0", "é😀", "history", "x/history"]
)
def test_history_of_channels_with_any_name(daemon: Daemon, name: str) -> None:
    channel = new_channel() + name
    event_id = publish(daemon, {"channel": channel, "message": 1})["id"]
    assert history(daemon, channel)["events"] == [{"id": event_id, "channel": channel, "message": 1}]
    assert history(daemon, channel + "x")["events"] == []


def test_history_comes_in_pages(daemon: Daemon) -> None:
    channel = new_channel()
    ids = publish(daemon, {"events": [{"channel": channel}] * 5})["ids"]
    pages, since = [], 0
    while True:
        page = history(daemon, channel, f"?limit=2&since={since}")
        assert page["gap"] is None
        pages.append([event["id"] for event in page["events"]])
        since = page["next"]
        if since is None:
            break
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert history(daemon, channel, f"?since={ids[3]}")["events"] == [{"id": ids[4], "channel": channel}]


def test_a_page_of_long_messages_ends_early(daemon: Daemon) -> None:
    channel = new_channel()
    ids = [publish(daemon, {"channel": channel, "message": "x" * 600_000})["id"] for _ in range(3)]
    page = history(daemon, channel)
    assert ([event["id"] for event in page["events"]], page["next"]) == (ids[:2], ids[1])
    page = history(daemon, channel, f"?since={ids[1]}")
    assert ([event["id"] for event in page["events"]], page["next"]) == (ids[2:], None)


def test_history_tells_what_it_lacks(daemon: Daemon) -> None:
    channel = new_channel()
    ids = publish(daemon, {"events": [{"channel": channel}] * 300})["ids"]
    oldest = ids[-256]
    assert history(daemon, channel)["gap"] is None
    assert history(daemon, channel, f"?since={ids[0]}&limit=1")["gap"] == {
        "channel": channel,
        "from": ids[0],
        "oldest": oldest,
    }
    assert history(daemon, channel, f"?since={ids[43]}")["gap"] is None
    assert history(daemon, channel, f"?since={ids[-1] + 10**9}")["gap"]["oldest"] == oldest


def test_channels_with_their_listeners_and_newest_ids(daemon: Daemon) -> None:
    prefix = new_channel()
    names = [f"{prefix}{letter}" for letter in "dacb"]
    ids = publish(daemon, {"channels": names})["ids"]
    with listen(daemon.port, prefix + "e", prefix + "a") as link:
        assert link.receive() == SUCCESS
        listed = call(daemon, "GET", f"channels?prefix={prefix}").data
    rows = [(row["name"].removeprefix(prefix), row["listeners"], row["last_id"]) for row in listed["channels"]]
    assert rows == [("a", 1, ids[1]), ("b", 0, ids[3]), ("c", 0, ids[2]), ("d", 0, ids[0]), ("e", 1, None)]
    assert listed["next"] is None
    page = call(daemon, "GET", f"channels?prefix={prefix}&after={prefix}a&limit=2").data
    assert ([row["name"] for row in page["channels"]], page["next"]) == ([prefix + "b", prefix + "c"], prefix + "c")


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["", "/", "/x", "/publish/", "/last/x", "/channels/", "/channels/x", "/channels/x/history/", "/%0A"]
)
def test_paths_that_are_not_there(daemon: Daemon, path: str) -> None:
    for method in ("GET", "POST"):
        assert read(request(daemon.port, method, f"/api{path}")).error == (404, "not-found")
    assert request(daemon.port, "GET", f"/apix{path}").body == "Not Found"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("publish", "POST"), ("last", "GET, HEAD"), ("channels", "GET, HEAD"), ("channels/a%2F/history", "GET, HEAD"),
     ("addresses", "GET, HEAD"), ("openapi.json", "GET, HEAD")],
)  # fmt: skip
def test_other_methods_are_told_which_are_allowed(daemon: Daemon, path: str, allowed: str) -> None:
    for method in {"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"} - set(allowed.split(", ")):
        reply = read(request(daemon.port, method, f"/api/{path}"))
        assert reply.error == (405, "method-not-allowed")
        assert reply.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["last", "channels", "channels/a/history", "addresses", "openapi.json"])
def test_head_is_answered_as_get_is(daemon: Daemon, path: str) -> None:
    bearer = f"Bearer {daemon.key}"
    answer = request(daemon.port, "HEAD", f"/api/{path}", Authorization=bearer)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, "", "application/json")


def test_nothing_but_the_description_is_there_without_the_key(daemon: Daemon) -> None:
    for method, path in (
        ("POST", "publish"),
        ("GET", "last"),
        ("GET", "channels"),
        ("GET", "channels/a/history"),
        ("GET", "channels/a/listeners"),
    ):
        reply = read(request(daemon.port, method, f"/api/{path}", Authorization="Bearer wrong"))
        assert reply.error == (401, "unauthorized")
        assert reply.headers["www-authenticate"] == "Bearer"
    assert read(request(daemon.port, "GET", "/api/openapi.json")).data["openapi"] == "3.1.0"


@pytest.mark.parametrize("query", ["?x=1", "?limit=0", "?limit=1&limit=1", "?since=-1", "?prefix=%ff", "?after=%"])
def test_bad_queries_are_refused(daemon: Daemon, query: str) -> None:
    for method, path in (
        ("GET", "channels"),
        ("GET", "channels/a/history"),
        ("GET", "channels/a/listeners"),
        ("GET", "last"),
        ("POST", "publish"),
    ):
        assert call(daemon, method, path + query, "{}").error == (400, "bad-request")


def test_names_that_are_none_are_refused(daemon: Daemon) -> None:
    for name in ("", "x" * 101, "%F0%9F%98%80" * 51):
        for what in ("history", "listeners"):
            assert call(daemon, "GET", f"channels/{name}/{what}").error == (400, "invalid-channel")
    assert call(daemon, "GET", "channels/%ff/history").error == (400, "bad-request")


def test_refusals_are_counted(daemon: Daemon) -> None:
    name = 'oyez_refusals_total{reason="bad-request"}'
    before = metrics(daemon.port).get(name, 0)
    assert call(daemon, "POST", "publish", "{").status == 400
    assert metrics(daemon.port)[name] == before + 1
