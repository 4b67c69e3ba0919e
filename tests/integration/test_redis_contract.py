"""Does the Redis broker keep the contract, with a real Redis?"""

import hashlib
import time
from pathlib import Path

import pytest

from oyez.brokers.redis.broker import RedisBroker
from oyez.brokers.redis.context import RedisContext
from oyez.brokers.redis.url import parse_redis_url
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from oyez.testing.broker_contract import BrokerOutageContract
from oyez.testing.harness import Clock
from oyez.testing.notices_contract import NoticesOutageContract
from tests.behind_proxies import BehindProxies
from tests.redis_server import RedisServer

NO_SKEW_MS = 10**13  # whatever the tests' clock says is believed


class RedisStore(BehindProxies):
    """``redis://…``; its outage: the network."""

    @pytest.fixture(autouse=True)
    def _server(self, redis: RedisServer) -> None:
        self.redis = redis

    def make(self, folder: Path, clock: Clock, wall_clock: Clock) -> RedisBroker:
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:20]
        url = self.redis.url(f"?name={name}", port=self.open_way(self.redis.port))
        history = HistorySettings(ttl_s=10**5)
        context = RedisContext(LimitSettings(), history, lambda reason, detail: None, clock, wall_clock, NO_SKEW_MS)
        return RedisBroker(parse_redis_url(url), context)


class TestRedis(RedisStore, BrokerOutageContract):
    durable = True
    survives_kill = True
    refused_may_arrive = True
    now_s = time.time() + 86_400  # ahead of the server's clock, which gives the first id


class TestRedisNotices(RedisStore, NoticesOutageContract):
    """``redis://…``: known for as long as they are of use."""

    remembers = True
    shared = True
    now_s = TestRedis.now_s
