"""Do the calls that a site makes bring its events to a real daemon, and answer as sites rely on?"""

import asyncio
import importlib
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction
from django.test import override_settings

from oyez.client import Refused, TimedOut, Unreachable
from oyez.django import events, wiring
from oyez.errors import ConfigError
from tests.api import history
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.django.conftest import site_of
from tests.inbox import PATIENCE_S
from tests.integration.dialects import POST_LISTENER, post_port

NOWHERE = "http://127.0.0.1:1"
NO_JSON = object()


def nested() -> list[object]:
    message: list[object] = []
    for _ in range(100_000):
        message = [message]
    return message


@pytest.fixture
def channel() -> str:
    return f"news-{uuid.uuid4()}"


def messages(daemon: Daemon, channel: str) -> list[object]:
    return [event["message"] for event in history(daemon, channel, "?limit=1000")["events"]]


def test_a_post_arrives_and_its_id_is_returned(site: Daemon, channel: str) -> None:
    event_id = events.post(channel, {"type": "test-case", "id": 3})
    assert history(site, channel)["events"] == [
        {"id": event_id, "channel": channel, "message": {"type": "test-case", "id": 3}}
    ]
    assert events.last() >= event_id > 0


def test_many_arrive_in_their_order(site: Daemon, channel: str) -> None:
    ids = events.post_many([(channel, 1), (channel, None), (channel, "3", f"key of {channel}")])
    assert ids == sorted(set(ids))
    assert 0 not in ids
    assert messages(site, channel) == [1, None, "3"]


def test_one_message_goes_to_several_channels(site: Daemon, channel: str) -> None:
    ids = events.publish((f"{channel}-{at}" for at in "ab"), "hear ye")
    assert len(set(ids)) == 2
    assert messages(site, f"{channel}-a") == messages(site, f"{channel}-b") == ["hear ye"]
    events.publish(channel, "alone")
    assert messages(site, channel) == ["alone"]


def test_no_events_are_no_failure(site: Daemon) -> None:
    assert events.post_many([]) == events.publish([], 1) == []


def test_a_repeated_key_posts_nothing_twice(site: Daemon, channel: str) -> None:
    assert events.post(channel, 1, key=channel) == events.post(channel, 1, key=channel) != 0
    assert messages(site, channel) == [1]


def test_asynchronous_code_has_the_same_calls(site: Daemon, channel: str) -> None:
    async def view() -> tuple[int, list[int], list[int], int]:
        one = await events.apost(channel, 1)
        many = await events.apost_many([(channel, 2), (channel, 3)])
        alike = await events.apublish([channel], 4)
        together = await asyncio.gather(*(events.apost(f"{channel}-b", number) for number in range(40)))
        assert len(set(together)) == 40
        return one, many, alike, await events.alast()

    one, many, alike, newest = asyncio.run(view())
    assert 0 < one < many[0] < many[1] < alike[0] < newest
    assert messages(site, channel) == [1, 2, 3, 4]


def test_an_asynchronous_call_that_gets_no_thread_in_time_is_no_outage_and_its_event_waits(
    site: Daemon, channel: str
) -> None:
    async def post_while_all_threads_are_held() -> int:
        held = threading.Event()
        for _ in range(events._THREADS):
            events._executor().submit(held.wait)
        posted = asyncio.create_task(events.apost(channel, 1, raise_errors=True))
        await asyncio.sleep(0.2)  # so that its time is over
        held.set()
        return await posted

    with override_settings(EVENT_DAEMON_TIMEOUT=0.1):
        assert asyncio.run(post_while_all_threads_are_held()) == events.QUEUED
        assert not wiring.current().sender.outage.is_on
        assert events.flush(PATIENCE_S)
        assert messages(site, channel) == [1]
    with override_settings(EVENT_DAEMON_TIMEOUT=0.1, EVENT_DAEMON_QUEUE=0):
        with pytest.raises(TimedOut, match="used up"):
            asyncio.run(post_while_all_threads_are_held())
        assert not wiring.current().sender.outage.is_on


def test_an_event_waits_for_the_commit_and_goes_down_with_a_rollback(site: Daemon, channel: str) -> None:
    with transaction.atomic():
        events.post_on_commit(channel, "kept")
        assert messages(site, channel) == []
    assert messages(site, channel) == ["kept"]
    with transaction.atomic():
        events.post_on_commit(channel, "rolled back")
        transaction.set_rollback(True)
    events.post_on_commit(channel, "no transaction")
    assert messages(site, channel) == ["kept", "no transaction"]


def test_a_failing_post_does_not_undo_a_commit() -> None:
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=NOWHERE), transaction.atomic():
        events.post_on_commit("news", NO_JSON)


def test_threads_share_it(site: Daemon, channel: str) -> None:
    with ThreadPoolExecutor(16) as threads:
        ids = list(threads.map(lambda number: events.post(channel, number), range(100)))
    assert len(set(ids)) == 100
    assert 0 not in ids
    assert sorted(messages(site, channel)) == list(range(100))  # type: ignore[type-var]


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize("path", ["", "/", "/event/", "/socket.io/", "/post"])
def test_addresses_as_sites_write_them_lead_to_the_daemon(daemon: Daemon, channel: str, scheme: str, path: str) -> None:
    with site_of(daemon, EVENT_DAEMON_URL=f"{scheme}://127.0.0.1:{daemon.port}{path}"):
        assert events.post(channel, 1, raise_errors=True)


def test_the_settings_of_a_dmoj_site_need_no_key_on_the_daemons_machine(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings=POST_LISTENER)
    with override_settings(
        EVENT_DAEMON_USE=True, EVENT_DAEMON_POST=f"ws://127.0.0.1:{post_port(daemon)}/", EVENT_DAEMON_KEY=None
    ):
        assert events.post("news", 1, raise_errors=True) == events.last(raise_errors=True)
    assert messages(daemon, "news") == [1]


def test_a_site_that_uses_no_events_gets_0_and_nothing_is_asked() -> None:
    with override_settings(EVENT_DAEMON_USE=False, EVENT_DAEMON_URL=NOWHERE, EVENT_DAEMON_RAISE_ERRORS=True):
        assert events.post("news", 1) == events.last() == 0
        assert events.real is False
    assert events.post_many([("news", 1), ("news", 2)]) == [0, 0]


def test_the_names_of_a_sites_event_poster_can_be_imported(site: Daemon, channel: str) -> None:
    from oyez.django.events import last, post, real  # noqa: PLC0415 - `real` is looked up when it is imported

    assert real is True
    assert 0 < post(channel, 1) <= last()


def test_settings_are_read_late_and_again_when_a_test_changes_them(daemon: Daemon, channel: str) -> None:
    importlib.reload(events)
    assert events.post(channel, 1) == 0
    with site_of(daemon):
        assert events.post(channel, 2)
        with override_settings(EVENT_DAEMON_KEY="wrong"):
            assert events.post(channel, 3) == 0
        assert events.post(channel, 4)
    assert messages(daemon, channel) == [2, 4]


FAILING: dict[str, tuple[dict[str, object], type[Exception]]] = {
    "nobody there": ({"EVENT_DAEMON_URL": NOWHERE}, Unreachable),
    "no address": ({"EVENT_DAEMON_URL": ""}, ConfigError),
    "no URL": ({"EVENT_DAEMON_URL": "127.0.0.1:15100"}, ConfigError),
    "a key of several lines": ({"EVENT_DAEMON_KEY": "a\nb"}, ConfigError),
    "a wrong key": ({"EVENT_DAEMON_KEY": "wrong"}, Refused),
    "no such backend": ({"EVENT_DAEMON_BACKEND": "oyez.nowhere.Backend"}, ConfigError),
    "AMQP, and nobody there": ({"EVENT_DAEMON_AMQP": "amqp://127.0.0.1:1"}, Unreachable),
    "AMQP, and no URL": ({"EVENT_DAEMON_AMQP": "amqp://host:port:x"}, ConfigError),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_is_0_unless_it_shall_be_raised(daemon: Daemon, caplog: pytest.LogCaptureFixture, name: str) -> None:
    values, error = FAILING[name]
    with site_of(daemon, **values), caplog.at_level(logging.CRITICAL):
        lost = events.QUEUED if error is Unreachable else 0
        assert events.post("news", 1) == lost
        assert events.post_many([("news", 1), ("news", 2)]) == [lost, lost]
        assert asyncio.run(events.apost("news", 1)) == lost
    with site_of(daemon, **values, EVENT_DAEMON_QUEUE=0), caplog.at_level(logging.CRITICAL):
        assert events.post("news", 1) == 0
        assert events.post_many([("news", 1), ("news", 2)]) == [0, 0]
        assert asyncio.run(events.apost("news", 1)) == 0
        with pytest.raises((error, Unreachable)):  # the second, because the first is remembered
            events.post("news", 1, raise_errors=True)
    with site_of(daemon, **values, EVENT_DAEMON_QUEUE=0, EVENT_DAEMON_RAISE_ERRORS=True):
        with pytest.raises(error):
            events.publish(["news"], 1)
        assert events.post("news", 1, raise_errors=False) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: events.post("", 1),
        lambda: events.post("c" * 101, 1),
        lambda: events.post("news", NO_JSON),
        lambda: events.post(3, 1),  # type: ignore[arg-type]
        lambda: events.post("news", float("nan")),
        lambda: events.post("news", 10**5000),
        lambda: events.post("\ud800", 1),
        lambda: max(events.publish(["news", "a\udfff"], 1)),
        lambda: max(events.post_many([("\ud800", 1)])),
        lambda: asyncio.run(events.apost("\ud800", 1)),
        lambda: events.post("news", nested()),
        lambda: events.post("news", 1, key="k" * 1000),
    ],
)
def test_what_cannot_be_posted_is_0_and_leaves_others_alone(
    site: Daemon, channel: str, call: Callable[[], int]
) -> None:
    assert call() == 0
    assert events.post(channel, 1), "a mistake of one caller was taken for an outage"


def test_of_many_none_is_taken_when_one_is_wrong(site: Daemon, channel: str) -> None:
    assert events.post_many([(channel, 1), (channel, NO_JSON)]) == [0, 0]
    assert messages(site, channel) == []


def test_the_log_is_told_once_a_minute_and_no_key(caplog: pytest.LogCaptureFixture) -> None:
    wiring._forget_parent()  # so that nothing was told before
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=NOWHERE, EVENT_DAEMON_KEY="top secret"):
        for _ in range(20):
            events.post("news", 1)
        with override_settings(EVENT_DAEMON_QUEUE=0):
            events.post("news", 1)
    wiring.losses().log_rest()
    waiting, lost, *more = [record.getMessage() for record in caplog.records]
    assert waiting.startswith("the daemon cannot be asked or posted to; no event is lost so far: Unreachable")
    assert lost.startswith("events are not posted (21 so far): Unreachable")
    assert "127.0.0.1:1" in waiting
    assert not more
    assert "top secret" not in caplog.text


def test_a_post_in_many_threads_waits_for_no_lock_of_the_settings(site: Daemon, channel: str) -> None:
    started = threading.Barrier(8)

    def post() -> int:
        started.wait(10)
        return events.post(channel, 1)

    with override_settings(EVENT_DAEMON_TIMEOUT=5.0), ThreadPoolExecutor(8) as threads:
        assert all(call.result(10) for call in [threads.submit(post) for _ in range(8)])
