"""The long poll that asks for several events at once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.integration.dialects import TIMEOUT, RawPoster, poll_target
from tests.integration.links import eventually, metrics
from tests.raw import Answer, Call, request
from tests.scenarios import new_channel


@pytest.fixture
def poster(daemon: Daemon) -> Iterator[RawPoster]:
    with RawPoster(daemon.port) as poster:
        yield poster


def target(channels: list[str], last: object, at_most: object, **flags: bool) -> str:
    return f"{poll_target(channels, last=last, **flags)}&max={at_most}"


def ask(daemon: Daemon, channels: list[str], last: object, at_most: object, **flags: bool) -> Answer:
    return request(daemon.port, "GET", target(channels, last, at_most, **flags))


def body(answer: Answer) -> Any:
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    return json.loads(answer.body)


def test_answer_to_the_byte(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    first = poster.post_text(channel, '{"b": 1,\n"a":\t[null, 1.0]}')
    (second,) = poster.post(channel, "e")
    answer = ask(daemon, [channel], first - 1, 10)
    assert answer.body == (
        f'{{"id":{second["id"]},"events":['
        f'{{"id":{first},"channel":"{channel}","message":{{"b": 1,\n"a":\t[null, 1.0]}}}},'
        f'{{"id":{second["id"]},"channel":"{channel}","message":"e"}}],"gaps":[]}}'
    )
    assert "oyez-gap" not in answer.headers


@pytest.mark.parametrize("at_most", [1, 7, 64, 1000])
def test_going_on_brings_every_event_once_and_in_order(daemon: Daemon, poster: RawPoster, at_most: int) -> None:
    one, two = new_channel(), new_channel()
    last = poster.last()
    posted = [event for n in range(40) for event in (*poster.post(one, n), *poster.post(two, n))]
    heard: list[Any] = []
    answers = 0
    while len(heard) < len(posted):
        batch = body(ask(daemon, [one, two], last, at_most))
        assert 1 <= len(batch["events"]) <= at_most
        assert batch["id"] == batch["events"][-1]["id"]
        heard += batch["events"]
        last = batch["id"]
        answers += 1
    assert heard == posted
    assert answers == -(-len(posted) // at_most)


def test_a_poll_waits_for_the_first_event_alone(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    waiter = Call(daemon.port, "GET", target([channel], poster.last(), 100))
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] > 0, "waiting poll")
    (event,) = poster.post(channel, "live")
    assert body(waiter.answer()) == {"id": event["id"], "events": [event], "gaps": []}


def test_gaps_are_named_in_the_body_and_the_header(daemon: Daemon, poster: RawPoster) -> None:
    busy, quiet = new_channel(), new_channel()
    start = poster.last()
    (early,) = poster.post(quiet, "early")
    posted = poster.post(busy, *range(300))[-256:]
    answer = ask(daemon, [busy, quiet], start, 256)
    batch = body(answer)
    assert batch["gaps"] == [{"channel": busy, "from": start, "oldest": posted[0]["id"]}]
    assert json.loads(answer.headers["oyez-gap"]) == batch["gaps"]
    assert batch["events"] == [early, *posted[:255]]
    assert body(ask(daemon, [busy, quiet], batch["id"], 256))["events"] == posted[255:]


def test_answers_without_an_event_have_the_same_form(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    newest = poster.last()
    at_once = body(ask(daemon, [channel], newest, 5, nowait=True))
    assert at_once == {"id": at_once["id"], "events": [], "gaps": []}
    told = body(ask(daemon, [channel], 5, 5, notify=True))
    assert (told["events"], told["gaps"][0]["from"]) == ([], 5)
    assert told["id"] >= newest


def test_nothing_in_time_is_answered_as_ever(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Daemon(tmp_path_factory.mktemp("hasty"), settings={"http.long_poll_timeout_s": 0.2}) as hasty:
        assert ask(hasty, [new_channel()], 1_000_000, 5).error == (504, TIMEOUT)


def test_long_events_come_one_by_one_and_short_ones_together(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    posted = [event for size in (200_000, 10, 30_000, 30_000, 30_000, 10) for event in poster.post(channel, "x" * size)]
    last, counts = posted[0]["id"] - 1, []
    while last < posted[-1]["id"]:
        answer = ask(daemon, [channel], last, 256)
        counts.append(len(body(answer)["events"]))
        last = body(answer)["id"]
    assert counts == [1, 3, 2]


@pytest.mark.parametrize("number", ["0", "", "x", "-5", "1.5"])
def test_a_number_that_is_none_is_refused_in_words(daemon: Daemon, number: str) -> None:
    answer = ask(daemon, ["a"], 1, number)
    assert answer.status == 400
    assert answer.body.startswith("400 Bad Request: max has to be a whole number")
