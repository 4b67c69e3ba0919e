"""The store under the daemon: a file on a disk that may be full, a RabbitMQ that may stop, or nothing at all.

Knows what each needs to be there, and which of them remembers events over a restart of the daemon.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from tests.faults.disk import Disk
from tests.rabbitmq import RabbitMQ

EXCHANGE = "faults"
BROKERS = ("sqlite", "memory", "amqp", "stream")
"""The last is RabbitMQ with a stream."""


class Store:
    """What the daemon keeps its events in.

    Attributes:
        remembers: what was acknowledged outlives the daemon's process.
        skew: by how much, in ids, the clocks of posters may differ; see `Ledger`.
    """

    def __init__(self, broker: str, folder: Path, disk_mb: int) -> None:
        self.broker = broker
        self.remembers = broker in {"sqlite", "stream"}
        self._needs_rabbitmq = broker in {"amqp", "stream"}
        self.skew = 2_000_000 if self._needs_rabbitmq else 0
        self.disk = Disk(folder / "store", disk_mb if broker == "sqlite" else 0)
        self.database = self.disk.folder / "events.sqlite3"
        self.rabbitmq: RabbitMQ | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Have it ready for a daemon."""
        stack.callback(self.disk.close)
        if self._needs_rabbitmq:
            rabbitmq = RabbitMQ(self.disk.folder)
            await asyncio.to_thread(rabbitmq.__enter__)
            self.rabbitmq = rabbitmq
            stack.callback(rabbitmq.__exit__, None, None, None)
            await asyncio.to_thread(rabbitmq.declare, EXCHANGE)

    @property
    def url(self) -> str:
        if self.rabbitmq is not None:
            return self.rabbitmq.url(EXCHANGE, f"&stream={EXCHANGE}" if self.remembers else "")
        return "memory://" if self.broker == "memory" else f"sqlite://{self.database}"
