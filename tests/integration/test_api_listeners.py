"""Does the API say how many listen to a channel, and for whom their grants were made, each once?"""

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import pytest

from oyez.client import grant
from tests.api import call
from tests.daemon import KEY, Daemon
from tests.eventsource import Stream
from tests.integration.dialects import RawListener
from tests.integration.links import SUCCESS, eventually, listen
from tests.raw import Call

SETTINGS = {
    "channels": [{"match": "ticket*", "listen": "grant"}, {"match": "seen", "listen": "observe"}],
    "keys": [{"name": "news", "key": "for-news-only", "may_post": ["news"]}],
}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("ruled"), settings=SETTINGS) as daemon:
        yield daemon


def listeners(daemon: Daemon, channel: str, query: str = "") -> object:
    reply = call(daemon, "GET", f"channels/{quote(channel)}/listeners{query}")
    assert reply.status == 200, reply
    return reply.data


def found(count: int, *subjects: str, after: str | None = None) -> dict[str, object]:
    return {"count": count, "subjects": list(subjects), "next": after}


def test_subjects_of_all_doors_come_once(ruled: Daemon) -> None:
    named = {subject: grant("tickets", subject, key=KEY) for subject in ("42", "7", "b", "")}
    assert listeners(ruled, "tickets") == found(0)
    with ExitStack() as links:
        for subject in ("42", "7", "42", ""):
            link = links.enter_context(listen(ruled.port, named[subject]))
            assert link.receive() == SUCCESS
        raw, stream = RawListener(ruled.port, named["42"], "news"), Stream(ruled.port, f"/sse?channel={named['b']}")
        raw.check_nothing_more()
        assert stream.record().event == "status"
        assert listeners(ruled, "tickets") == found(6, "42", "7", "b")
        assert listeners(ruled, "tickets", "?limit=2") == found(6, "42", "7", after="7")
        assert listeners(ruled, "tickets", "?limit=2&after=7") == found(6, "b")
        assert listeners(ruled, "news") == found(1), "who is there by no grant only counts"
        poll = Call(ruled.port, "GET", f"/channels/{grant('tickets', 'p', key=KEY)}?last={ruled.last()}")
        eventually(lambda: listeners(ruled, "tickets") == found(7, "42", "7", "b", "p"), "the poll is there")
        (event,) = ruled.post("tickets", 1)
        assert poll.answer().status == 200
        assert stream.record().json == event
    eventually(lambda: listeners(ruled, "tickets") == found(2, "42", "b"), "those that left are not")


def test_an_observed_channel_has_the_subjects_of_good_grants(ruled: Daemon) -> None:
    with listen(ruled.port, grant("seen", "1", key=KEY)) as one, listen(ruled.port, "seen") as other:
        assert [one.receive(), other.receive()] == [SUCCESS] * 2
        assert listeners(ruled, "seen") == found(2, "1")


def test_a_key_for_other_channels_may_not_ask(ruled: Daemon) -> None:
    path = "/api/channels/{}/listeners"
    headers = {"Authorization": "Bearer for-news-only"}
    assert Call(ruled.port, "GET", path.format("tickets"), None, **headers).answer().status == 403
    assert Call(ruled.port, "GET", path.format("news"), None, **headers).answer().status == 200


def test_without_rules_they_only_count(daemon: Daemon) -> None:
    with listen(daemon.port, "some/ä") as link:
        assert link.receive() == SUCCESS
        assert listeners(daemon, "some/ä") == found(1)
