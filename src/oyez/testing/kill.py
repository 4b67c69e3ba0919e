"""A process that publishes without end, says what was settled, and is killed in the middle of that.

Knows processes. Must not know any broker. Wants a system that can fork.
"""

import asyncio
import itertools
import os
import signal
import traceback
import warnings
from collections.abc import Callable

from oyez.errors import BrokerError
from oyez.hub.publication import Channel, EventId, Post
from oyez.testing.harness import BrokerHarness

_UNDER_WAY = 64
_MOST_S = 60


def kill_while_it_publishes(open_harness: Callable[[], BrokerHarness], settled: int) -> dict[EventId, Post]:
    """Publish in a process of its own, and kill that (SIGKILL) when so many posts were settled.

    Returns:
        All that it said to be settled, by id.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python warns since other threads may hold locks; the child needs none of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reading)
        _publish_and_report(open_harness, writing)
    os.close(writing)
    with open(reading, encoding="utf-8") as lines:
        told = []
        try:
            for line in lines:
                told.append(line)
                if len(told) == settled:
                    break
        finally:
            os.kill(child, signal.SIGKILL)
            told += lines  # what was said before the kill counts
            os.waitpid(child, 0)
    return _read(told, settled)


def _read(told: list[str], settled: int) -> dict[EventId, Post]:
    ids = [line.split() for line in told if line.endswith("\n") and line[0].isdigit()]
    assert len(ids) >= settled, f"only {len(ids)} posts were settled:\n{''.join(told[len(ids) :])}"
    return {EventId(int(event)): _post(int(number)) for event, number in ids}


def _post(number: int) -> Post:
    return Post(Channel(f"channel {number % 7}"), b'{"number":%d}' % number)


def _publish_and_report(open_harness: Callable[[], BrokerHarness], writing: int) -> None:
    """Never return: this process is a copy of the one that runs the tests."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_MOST_S)
        asyncio.run(_publish_without_end(open_harness(), writing))
    except BaseException:  # noqa: BLE001 - it is told to the parent
        os.write(writing, traceback.format_exc().encode())
    finally:
        os._exit(1)


async def _publish_without_end(harness: BrokerHarness, writing: int) -> None:
    await harness.start()
    room = asyncio.Semaphore(_UNDER_WAY)
    for number in itertools.count():
        await room.acquire()

        def settle(outcome: list[EventId] | BrokerError, number: int = number) -> None:
            line = f"refused: {outcome}\n" if isinstance(outcome, BrokerError) else f"{outcome[0]} {number}\n"
            os.write(writing, line.encode())
            room.release()

        harness.broker.publish([_post(number)], settle)
