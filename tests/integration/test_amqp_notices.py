"""Do notices reach all daemons on an exchange of a real RabbitMQ, and does a stream remember them?"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from oyez.client import grant
from oyez.testing.notices_contract import Hearer, NoticesOutageContract
from tests.api import call
from tests.conftest import StartDaemon
from tests.daemon import KEY
from tests.integration.granted_doors import TOLD_WITHIN_S
from tests.integration.links import listen
from tests.integration.test_amqp_contract import ExchangeStore, name_of
from tests.rabbitmq import RabbitMQ


class TestExchangeNotices(ExchangeStore, NoticesOutageContract):
    """``amqp://…?exchange=NAME``: known for as long as one daemon is there."""

    remembers = False
    shared = True
    now_s = time.time()


class TestStreamNotices(TestExchangeNotices):
    """``amqp://…&stream=NAME``: known for as long as they are of use."""

    remembers = True
    query = "&stream=stream-{name}&skew=0"

    def test_a_stream_that_is_deleted_is_made_anew(self, hearer: Callable[[], Hearer], tmp_path: Path) -> None:
        async def steps() -> None:
            async with hearer() as one:
                await one.told(self.notice(b"a", b"before"))
                stream = f"stream-{name_of(tmp_path)}-notices"
                await asyncio.to_thread(self.rabbitmq.delete, queue=stream)
                await one.told(self.notice(b"b", b"after"))
            async with hearer() as later:
                assert b"after" in later.heard

        self.run(steps())


def test_what_is_revoked_at_one_daemon_ends_at_the_other_and_stays_so_when_both_restart(
    rabbitmq: RabbitMQ, start_daemon: StartDaemon
) -> None:
    rabbitmq.declare("revoked")
    url = rabbitmq.url("revoked", "&stream=revoked-events&skew=0")
    rules = {"channels": [{"match": "t*", "listen": "grant"}]}
    one, two = (start_daemon("--broker", url, settings=rules) for _ in range(2))
    name = grant("tickets", "42", key=KEY)
    with listen(two.port, name) as page, ThreadPoolExecutor(1) as back_end:
        assert page.event()[0] == "status"
        began = time.monotonic()
        answer = back_end.submit(call, one, "POST", "revoke", {"subject": "42"})
        assert page.event() == ("revoked", {"channel": "tickets", "reason": "revoked"})
        assert time.monotonic() - began < TOLD_WITHIN_S
        assert answer.result().data == {"ended": 0}
    one.stop()
    two.stop()
    two.start()
    for told, link in (("error", name), ("status", grant("tickets", "42", key=KEY))):
        with listen(two.port, link) as page:
            assert page.event()[0] == told
