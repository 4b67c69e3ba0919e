"""Do grants that are revoked end at every door, and no others, and does the daemon remember it?"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from oyez.client import AsyncPoster, Poster, Refused, grant
from tests.api import Reply, call
from tests.command import on, oyez
from tests.conftest import StartDaemon
from tests.daemon import KEY, Daemon
from tests.integration.granted_doors import TOLD_WITHIN_S, Doors
from tests.integration.links import listen, metrics
from tests.integration.test_grants_that_end import named, poll, refusal_of
from tests.integration.test_keys import as_holder

BRIDGE = "key of the bridge"
RULES = [{"match": "seen", "listen": "observe"}, {"match": "t*", "listen": "grant"}]
SETTINGS = {
    "channels": RULES,
    "keys": [{"name": "bridge", "key": BRIDGE, "may_post": ["topic"]}],
}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("ruled"), settings=SETTINGS) as daemon:
        yield daemon


def revoke(daemon: Daemon, **members: object) -> Any:
    reply = call(daemon, "POST", "revoke", members)
    assert reply.status == 200, reply
    return reply.data


def is_let_in(daemon: Daemon, name: str) -> bool:
    with listen(daemon.port, name) as link:
        kind, argument = link.event()
        assert kind == "status" or argument["code"] == "not-allowed"
        return kind == "status"


@pytest.mark.parametrize(
    ("revoked", "taken", "kept"),
    [
        ({"subject": "42"}, ("tickets", "topic"), "team"),
        ({"channel": "tickets"}, ("tickets",), "topic"),
        ({"subject": "45", "channel": "topic"}, ("topic",), "tickets"),
    ],
    ids=["subject", "channel", "both"],
)
def test_what_is_revoked_is_lost_at_every_door_and_nothing_else(
    ruled: Daemon, revoked: dict[str, str], taken: tuple[str, ...], kept: str
) -> None:
    subject = revoked.get("subject", "46")  # another each time: sessions that poll outlive their test
    names = [named("tickets", subject), named("topic", subject), named("team", subject + "0")]
    doors = Doors(ruled, *names, "news")
    others = Doors(ruled, named("trust", 44), named("seen", subject))
    polled = poll(ruled, *names)
    assert revoke(ruled, **revoked) == {"ended": len(taken) * 6}
    doors.require_words(*((channel, "revoked") for channel in taken))
    status, words = polled.answer().error
    assert (status, words) in [refusal_of(channel) for channel in taken]
    doors.require_nothing_of(taken[0], but=kept)
    doors.require_nothing_of(taken[-1], but="news")
    others.require_nothing_of(taken[0], but="trust").require_nothing_of(taken[0], but="seen")
    for name in names:
        channel = name.partition("!")[0]
        assert is_let_in(ruled, name) is (channel not in taken)
        assert poll(ruled, name, "news").answer().error == refusal_of(channel) if channel in taken else True
        assert is_let_in(ruled, named(channel, name.partition("!")[2].partition(".")[0])), "a new one works at once"


def test_a_grant_of_the_api_works_while_the_revocation_is_still_under_way(ruled: Daemon) -> None:
    old = call(ruled, "POST", "grant", {"channel": "tickets", "subject": "7"}).data["channel"]
    with ThreadPoolExecutor() as threads:
        under_way = threads.submit(revoke, ruled, subject="7")
        while is_let_in(ruled, old):
            pass
        new = call(ruled, "POST", "grant", {"channel": "tickets", "subject": "7"}).data["channel"]
        assert is_let_in(ruled, new)
        assert under_way.result()["ended"] <= 1, "whoever asked just then whether the old one is good"
    assert not is_let_in(ruled, old)
    assert is_let_in(ruled, new)


def test_every_door_is_told_within_a_second_and_what_a_busy_machine_adds(ruled: Daemon) -> None:
    names = [named("tickets", subject="91"), "news"]
    doors, polled = Doors(ruled, *names), poll(ruled, *names)
    with ThreadPoolExecutor() as threads:
        began = time.monotonic()
        threads.submit(revoke, ruled, subject="91")
        doors.require_words(("tickets", "revoked"))
        assert polled.answer().error == refusal_of("tickets")
        assert time.monotonic() - began < TOLD_WITHIN_S


def test_one_of_two_grants_for_a_channel_keeps_it(ruled: Daemon) -> None:
    with listen(ruled.port, named("tickets", 51), named("tickets", 52), start=ruled.last()) as link:
        assert link.event()[0] == "status"
        assert revoke(ruled, subject="51") == {"ended": 0}
        expected = ruled.post("tickets", "still")
        assert link.messages(1) == expected
        assert revoke(ruled, subject="52") == {"ended": 1}
        assert link.event() == ("revoked", {"channel": "tickets", "reason": "revoked"})


def test_a_name_with_a_grant_stands_for_its_subject_and_channel(ruled: Daemon) -> None:
    names = [named("tickets", "81"), named("topic", "81"), named("tickets", "82"), named("tickets", "")]
    call(ruled, "POST", "revoke", {"channel": names[0]})
    assert [is_let_in(ruled, name) for name in names] == [False, True, True, True]
    call(ruled, "POST", "revoke", {"channel": names[3]})
    assert [is_let_in(ruled, name) for name in names] == [False, True, True, False]


def test_it_is_counted(ruled: Daemon) -> None:
    outcome = 'oyez_grants_total{outcome="revoked"}'
    name, before = named("tickets", 61), metrics(ruled.port)[outcome]
    with listen(ruled.port, name) as link:
        assert link.event()[0] == "status"
        revoke(ruled, subject="61")
        assert not is_let_in(ruled, name)
    assert metrics(ruled.port)[outcome] == before + 2


def test_what_is_wrong_with_a_request_is_told(ruled: Daemon, daemon: Daemon) -> None:
    for body, key, error in (
        ({}, KEY, (400, "bad-request")),
        ({"subject": ""}, KEY, (400, "bad-request")),
        ({"subject": "4 2"}, KEY, (400, "bad-request")),
        ({"subject": 42}, KEY, (400, "bad-request")),
        ({"subject": "42", "all": True}, KEY, (400, "bad-request")),
        ({"channel": ""}, KEY, (400, "invalid-channel")),
        ({"channel": named()}, BRIDGE, (403, "may-not-post")),
        (["42"], KEY, (400, "bad-json")),
        ({"subject": "42"}, BRIDGE, (403, "may-not-post")),
        ({"channel": "tickets"}, BRIDGE, (403, "may-not-post")),
    ):
        assert as_holder(ruled, key, "POST", "revoke", body).error == error
    assert as_holder(ruled, BRIDGE, "POST", "revoke", {"channel": "topic", "subject": "99"}).data == {"ended": 0}
    assert call(ruled, "GET", "revoke").error == (405, "method-not-allowed")
    assert call(daemon, "POST", "revoke", {"subject": "42"}).error == (409, "no-rules")


def test_back_ends_and_the_command_line_revoke(ruled: Daemon) -> None:
    names = [named("tickets", subject) for subject in (71, 72, 73)]
    with listen(ruled.port, *names[:1]) as link, Poster(ruled.url, KEY) as poster:
        assert link.event()[0] == "status"
        assert poster.revoke(subject=71, channel="tickets") == 1
        assert not is_let_in(ruled, names[0])

        async def revoke_later() -> int:
            async with AsyncPoster(ruled.url, KEY) as later:
                return await later.revoke(subject="72")

        assert asyncio.run(revoke_later()) == 0
        assert not is_let_in(ruled, names[1])
        with pytest.raises(ValueError, match="name a subject, a channel, or both"):
            poster.revoke()
        with pytest.raises(Refused, match="the subject '7 1' is not"):
            poster.revoke(subject="7 1")
    done = oyez("revoke", "tickets", "--subject", "73", **on(ruled))
    assert (done.returncode, done.stdout) == (0, "0\n")
    assert not is_let_in(ruled, names[2])
    assert oyez("revoke", **on(ruled)).returncode == 2
    assert oyez("revoke", "--subject", "7 3", **on(ruled)).returncode == 1


def test_the_store_remembers_it_through_the_daemons_death(start_daemon: StartDaemon, tmp_path: Path) -> None:
    file = tmp_path / "events.sqlite3"
    strip = {"match": "*", "strip": ["/subject"]}
    daemon = start_daemon("--broker", f"sqlite://{file}", settings=SETTINGS | {"channels": [*RULES, strip]})
    name, other = named(), named("topic", 43)
    assert is_let_in(daemon, name)
    revoke(daemon, subject="42")
    revoke(daemon, channel="team")
    daemon.kill()
    daemon.start()
    assert not is_let_in(daemon, name)
    assert not is_let_in(daemon, grant("team", "x", key=KEY, issued_at=time.time() - 60))
    assert is_let_in(daemon, other)
    assert is_let_in(daemon, named())
    daemon.restart()
    assert not is_let_in(daemon, name)


def test_what_cannot_be_kept_is_refused_and_counts_for_nothing(start_daemon: StartDaemon, tmp_path: Path) -> None:
    file = tmp_path / "events.sqlite3"
    daemon = start_daemon("--broker", f"sqlite://{file}", settings=SETTINGS)
    name = named()
    file.rename(tmp_path / "elsewhere")
    reply: Reply = call(daemon, "POST", "revoke", {"subject": "42"})
    assert reply.error == (503, "unavailable")
    assert reply.headers["retry-after"] == "1"
    assert is_let_in(daemon, name)
    (tmp_path / "elsewhere").rename(file)
    assert revoke(daemon, subject="42") == {"ended": 0}
    assert not is_let_in(daemon, name)
