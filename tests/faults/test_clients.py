"""Do the run's real clients outlive what a run does to them?"""

import asyncio
from functools import partial

import pytest

from tests.clients.python import TRANSPORTS
from tests.daemon import Daemon
from tests.faults.checker import Record, Verdicts
from tests.faults.clients import open_python
from tests.faults.ledger import Ledger, Outcome
from tests.inbox import PATIENCE_S
from tests.integration.links import eventually
from tests.proxy import Proxy
from tests.scenarios import new_channel


@pytest.mark.parametrize("transports", TRANSPORTS)
def test_a_client_whose_answers_are_cut_comes_back(daemon: Daemon, proxy: Proxy, transports: str) -> None:
    channel, ledger, verdicts = new_channel(), Ledger(7, kept=50, kept_in_all=1000), Verdicts()
    record = Record("client", [channel], ledger.mark(daemon.last(), ledger.tick()), ledger, verdicts)

    async def lose_answers() -> None:
        client = await open_python(transports, proxy.url, record)
        for losses in (1, 2, 1, 2, 0):  # of two, the first lacks its last byte
            proxy.answers_to_lose = losses
            post = ledger.begin(channel)
            (event,) = await asyncio.to_thread(daemon.post, channel, ledger.message(post))
            ledger.settle(post, Outcome.ACKNOWLEDGED, event["id"])
            await asyncio.to_thread(eventually, lambda: not proxy.answers_to_lose, "loss")
            await asyncio.to_thread(eventually, partial(record.is_content, post), "event")
        assert client.links > 1
        await client.end()

    asyncio.run(asyncio.wait_for(lose_answers(), PATIENCE_S))
    record.check(to_the_end=True)
    assert verdicts.found == []
