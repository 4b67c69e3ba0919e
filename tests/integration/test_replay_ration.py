"""Does one address that asks for all of history again and again get it, later, while others notice nothing?"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.api import publish
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.bystanders import refusals
from tests.integration.dialects import RawListener, poll
from tests.integration.links import eventually, metrics

GREEDY: dict[str, Any] = {"X_Forwarded_For": "203.0.113.9"}
OTHER: dict[str, Any] = {"X_Forwarded_For": "198.51.100.7"}
CHANNELS = [f"c{number}" for number in range(10)]
PER_CHANNEL = 100
PADDING = "x" * 1000
LINKS = 20
RATE, BURST = 6_000_000, 4_000_000  # of some 20 MB that are asked for


def fill(daemon: Daemon) -> list[int]:
    """Post less than history keeps of each of ten channels; return the ids."""
    events = [{"channel": channel, "message": PADDING} for _ in range(PER_CHANNEL) for channel in CHANNELS]
    ids: list[int] = publish(daemon, {"events": events})["ids"]
    return ids


def read_all(daemon: Daemon, start: int, count: int) -> list[int]:
    with RawListener(daemon.port, *CHANNELS, start=start, **GREEDY) as link:
        return [event["id"] for event in link.events(count)]


def test_all_of_it_comes_later_and_others_are_served_at_once(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.replay_bytes_per_second_per_address": f"{RATE} burst {BURST}"})
    ids = fill(daemon)
    start = ids[0] - 1
    began = time.monotonic()
    with ThreadPoolExecutor(LINKS) as threads, RawListener(daemon.port, "live", **OTHER) as live:
        greedy = [threads.submit(read_all, daemon, start, len(ids) + 1) for _ in range(LINKS)]
        eventually(lambda: metrics(daemon.port)["oyez_waiting"] > 0, "somebody who waits")
        took = []
        for number in range(10):
            asked = time.monotonic()
            with RawListener(daemon.port, CHANNELS[0], start=start, **OTHER) as page:
                assert [event["id"] for event in page.events(PER_CHANNEL)] == ids[::10]
            posted = publish(daemon, {"channel": "live", "message": number})["id"]
            assert live.events(1)[0]["id"] == posted
            took.append(time.monotonic() - asked)
        last = publish(daemon, {"channel": CHANNELS[3], "message": "new"})["id"]
        assert all(each.result() == [*ids, last] for each in greedy)
    assert time.monotonic() - began > (LINKS * len(ids) * len(PADDING) - BURST) / RATE * 0.9
    assert sorted(took)[5] < 2
    assert 0 < refusals(daemon, "address-replay") <= LINKS  # some had all of theirs of what comes at once


def test_a_long_poll_waits_for_the_ration_of_its_address(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.replay_bytes_per_second_per_address": "2000 burst 1000"})
    ids = fill(daemon)
    began = time.monotonic()
    answers = [poll(daemon.port, "c0", last=ids[0] - 1, **GREEDY) for _ in range(3)]
    assert all(f'"id":{ids[0]},' in answer.body for answer in answers)
    assert time.monotonic() - began > 0.5
    assert poll(daemon.port, "c0", last=ids[0] - 1, **OTHER).status == 200


def test_a_limit_that_is_observed_delays_nobody(start_daemon: StartDaemon) -> None:
    limit = "limits.replay_bytes_per_second_per_address"
    daemon = start_daemon(settings={limit: "1 burst 1000", "limits.observe": [limit.partition(".")[2]]})
    ids = fill(daemon)
    assert read_all(daemon, ids[0] - 1, len(ids)) == ids
    assert refusals(daemon, "address-replay") == 0
    assert metrics(daemon.port)['oyez_observed_total{reason="address-replay"}'] == 1
