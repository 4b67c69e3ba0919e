"""Does the AMQP broker keep the contract, with a real RabbitMQ?"""

import hashlib
import time
from pathlib import Path

import pytest

from oyez.brokers.rabbitmq.broker import AmqpBroker
from oyez.brokers.rabbitmq.intake import IntakeContext
from oyez.brokers.rabbitmq.url import parse_amqp_url
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from oyez.testing.broker_contract import BrokerOutageContract
from oyez.testing.harness import Clock
from tests.behind_proxies import BehindProxies
from tests.rabbitmq import RabbitMQ


def name_of(folder: Path) -> str:
    """The exchange that stands for a folder."""
    return hashlib.sha256(str(folder).encode()).hexdigest()[:20]


class ExchangeStore(BehindProxies):
    """``amqp://…?exchange=NAME``; its outage: the network."""

    query = ""

    @pytest.fixture(autouse=True)
    def _server(self, rabbitmq: RabbitMQ) -> None:
        self.rabbitmq = rabbitmq

    def make(self, folder: Path, clock: Clock, wall_clock: Clock) -> AmqpBroker:
        name = name_of(folder)
        self.rabbitmq.declare(name)
        url = self.rabbitmq.url(name, self.query.format(name=name), port=self.open_way(self.rabbitmq.port))
        history = HistorySettings(ttl_s=10**5)
        context = IntakeContext(LimitSettings(), history, lambda reason, detail: None, clock, wall_clock)
        return AmqpBroker(parse_amqp_url(url), context)


class TestExchange(ExchangeStore, BrokerOutageContract):
    ids_per_ms = 1000
    refused_may_arrive = True


class TestStream(TestExchange):
    """``amqp://…&stream=NAME``: events are kept by RabbitMQ, which writes its own time beside them."""

    durable = True
    survives_kill = True
    now_s = time.time()
    query = "&stream=stream-{name}&skew=0"
