"""Is everything posted that the HTTP API is asked to post: once, in order, all of it or nothing?"""

import json
import threading
from typing import Any
from urllib.parse import quote

import pytest

from tests.api import call, history, publish
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.links import SUCCESS, Sender, cpu_s, listen, metrics
from tests.scenarios import new_channel

LONE = "\ud800"


def test_one_event_reaches_its_listeners_as_it_was_written(daemon: Daemon) -> None:
    channel = new_channel()
    with listen(daemon.port, channel) as link:
        assert link.receive() == SUCCESS
        posted = publish(daemon, f'{{"channel":"{channel}","message":{{"x" : 1.50, "y":"\\ud800"}}}}')
        event = str(link.receive())
    assert posted == {"id": json.loads(event[2:])[1]["id"], "listeners": 1}
    assert event.endswith(',"message":{"x" : 1.50, "y":"\\ud800"}}]')


def test_one_message_to_many_channels(daemon: Daemon) -> None:
    first, second = new_channel(), new_channel()
    ids = publish(daemon, {"channels": [second, first, second], "message": {"a": 1}})["ids"]
    assert ids[0] == ids[2] < ids[1]
    assert history(daemon, first)["events"] == [{"id": ids[1], "channel": first, "message": {"a": 1}}]
    assert history(daemon, second)["events"] == [{"id": ids[0], "channel": second, "message": {"a": 1}}]


def test_a_full_batch_arrives_whole_and_in_order(daemon: Daemon) -> None:
    channels = [new_channel() for _ in range(50)]
    events = [{"channel": channels[number % 50], "message": number} for number in range(10_000)]
    before = metrics(daemon.port)["oyez_posts_total"]
    with listen(daemon.port, channels[7]) as link:
        assert link.receive() == SUCCESS
        ids = publish(daemon, {"events": events})["ids"]
        assert [event["message"] for event in link.messages(200)] == list(range(7, 10_000, 50))
    assert ids == sorted(set(ids))
    assert metrics(daemon.port)["oyez_posts_total"] - before == len(ids) == 10_000


def test_it_is_told_how_many_listen_at_whatever_door(daemon: Daemon) -> None:
    followed, alone = new_channel(), new_channel()
    with listen(daemon.port, followed) as one, listen(daemon.port, followed, alone) as other:
        assert [one.receive(), other.receive()] == [SUCCESS] * 2
        assert publish(daemon, {"channel": followed})["listeners"] == 2
        assert publish(daemon, {"channels": [alone, followed, new_channel(), alone]})["listeners"] == [1, 2, 0, 1]
        events = [{"channel": followed if number % 2 else alone, "message": number} for number in range(300)]
        assert publish(daemon, {"events": events})["listeners"] == [1, 2] * 150


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"channel": ""}, 400, "invalid-channel"),
        ({"chanel": "x"}, 400, "bad-request"),
        ({"channel": "x", "key": 5}, 400, "invalid-idempotency-key"),
        ({"channel": "x", "message": "x" * 2**20}, 413, "too-large"),
    ],
)
def test_a_batch_is_posted_whole_or_not_at_all(daemon: Daemon, wrong: object, status: int, code: str) -> None:
    channel = new_channel()
    reply = call(daemon, "POST", "publish", {"events": [{"channel": channel}, wrong, {"channel": channel}]})
    assert reply.error == (status, code)
    assert "events[1]" in reply.data["message"]
    assert history(daemon, channel)["events"] == []


def test_limits_are_those_of_the_settings(start_daemon: StartDaemon) -> None:
    names = ("receiver_message", "sender_message", "batch")
    settings: dict[str, object] = {f"limits.max_{name}_bytes": 1000 for name in names}
    daemon = start_daemon(settings=settings | {"limits.max_batch_events": 3, "limits.max_channel_length": 5})
    events = [{"channel": "12345"}] * 3
    publish(daemon, {"events": events})
    publish(daemon, {"channels": ["a"] * 3, "message": "x" * 998})
    assert call(daemon, "POST", "publish", {"events": [*events, *events]}).error == (400, "bad-request")
    assert call(daemon, "POST", "publish", {"channel": "123456"}).error == (400, "invalid-channel")
    assert call(daemon, "POST", "publish", {"channel": "a", "message": "x" * 999}).error == (413, "too-large")
    assert call(daemon, "POST", "publish", {"channels": ["a", "b"], "message": "x" * 500}).error == (413, "too-large")
    assert call(daemon, "POST", "publish", b" " * 5097).error == (413, "too-large")
    document = call(daemon, "GET", "openapi.json").data
    assert document["components"]["schemas"]["Channel"]["maxLength"] == 5
    assert document["components"]["schemas"]["Batch"]["properties"]["events"]["maxItems"] == 3
    assert "$" not in json.dumps(document).replace("$ref", "").replace('$"', "")  # the latter ends a pattern


@pytest.mark.parametrize("size_mb", [17, 40])
def test_a_body_that_is_far_too_long_is_answered(daemon: Daemon, size_mb: int) -> None:
    assert call(daemon, "POST", "publish", b"x" * (size_mb << 20)).error == (413, "too-large")


def test_lone_surrogates_are_fit_for_names_keys_and_messages(daemon: Daemon) -> None:
    channel = new_channel() + LONE
    event = {"channel": channel, "message": [LONE], "key": channel}
    ids = publish(daemon, {"events": [event, event, {"channel": channel}]})["ids"]
    assert ids[0] == ids[1] < ids[2]
    assert history(daemon, channel)["events"] == [
        {"id": ids[0], "channel": channel, "message": [LONE]},
        {"id": ids[2], "channel": channel},
    ]
    listed = call(daemon, "GET", f"channels?prefix={quote(channel.encode('utf-8', 'surrogatepass'))}").data
    assert [row["name"] for row in listed["channels"]] == [channel]


def test_others_hardly_notice_a_full_batch(daemon: Daemon) -> None:
    body = json.dumps({"events": [{"channel": new_channel(), "message": {"n": n}} for n in range(10_000)]})
    posted = threading.Thread(target=publish, args=(daemon, body))
    longest = 0.0
    with Sender(daemon.port) as sender:
        posted.start()
        while posted.is_alive():
            began = cpu_s(daemon.pid)
            sender.last()
            longest = max(longest, cpu_s(daemon.pid) - began)
    posted.join()
    assert 0 < longest < 0.25  # of the daemon's work; some 30 ms


# --- repetitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["header", "key", "channels", "event", "batch"])
def test_a_repetition_gets_the_first_answer(daemon: Daemon, form: str) -> None:
    channel, key = new_channel(), new_channel()
    bodies: dict[str, Any] = {
        "header": {"channel": channel, "message": 1},
        "key": {"channel": channel, "message": 1, "key": key},
        "channels": {"channels": [channel, channel + "x"], "message": 1, "key": key},
        "event": {"events": [{"channel": channel, "message": 1, "key": key}]},
        "batch": {"events": [{"channel": channel, "message": 1, "key": key}, {"channel": channel, "key": key + "x"}]},
    }
    headers = {"Idempotency_Key": key} if form == "header" else {}
    first, second = (publish(daemon, bodies[form], **headers) for _ in range(2))
    assert first == second
    assert len(history(daemon, channel)["events"]) == (2 if form == "batch" else 1)


def test_a_key_is_the_same_in_every_form_of_a_body(daemon: Daemon) -> None:
    channel, key = new_channel(), new_channel()
    event = {"channel": channel, "message": 1, "key": key}
    (event_id,) = publish(daemon, {"events": [event]})["ids"]
    assert publish(daemon, event) == {"id": event_id, "listeners": 0}
    assert publish(daemon, {"channels": [channel], "message": 1, "key": key}) == {"ids": [event_id], "listeners": [0]}
    assert publish(daemon, {"channel": channel, "message": 1}, Idempotency_Key=key)["id"] > event_id


def test_repetitions_at_the_same_time_are_one(daemon: Daemon) -> None:
    channel, key = new_channel(), new_channel()
    answers: list[Any] = []

    def post() -> None:
        answers.append(publish(daemon, {"channel": channel, "key": key}))

    threads = [threading.Thread(target=post) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 10
    assert len(history(daemon, channel)["events"]) == 1
    assert all(answer == answers[0] for answer in answers)


def test_a_key_with_another_content_is_refused(daemon: Daemon) -> None:
    channel, key = new_channel(), new_channel()
    publish(daemon, {"channel": channel, "key": key}, Idempotency_Key=key)
    for body, headers in (
        ({"channel": channel, "message": None, "key": key}, {}),
        ({"channel": channel + "x", "key": key}, {}),
        ({"events": [{"channel": channel}, {"channel": channel, "message": 1, "key": key}]}, {}),
        ({"channel": channel}, {"Idempotency_Key": key}),
    ):
        assert call(daemon, "POST", "publish", body, **headers).error == (422, "key-reused")
    assert len(history(daemon, channel)["events"]) == 1


def test_what_was_refused_is_not_remembered(daemon: Daemon) -> None:
    channel, key = new_channel(), new_channel()
    refused = {"events": [{"channel": channel, "key": key}, {"channel": ""}]}
    assert call(daemon, "POST", "publish", refused, Idempotency_Key=key).status == 400
    assert publish(daemon, {"channel": channel, "message": 1, "key": key}, Idempotency_Key=key)["id"]


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_header_key_has_1_to_200_characters(daemon: Daemon, key: str) -> None:
    reply = call(daemon, "POST", "publish", {"channel": "x"}, Idempotency_Key=key)
    assert reply.error == (400, "invalid-idempotency-key")
