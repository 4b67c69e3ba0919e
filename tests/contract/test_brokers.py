"""Do the brokers keep the contract? And does the contract find those that do not?"""

import sqlite3
from pathlib import Path

from oyez.brokers.memory import MemoryBroker
from oyez.brokers.sqlite.broker import SqliteBroker
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.hub.settings import HistorySettings
from oyez.testing.broker_contract import BrokerContract, BrokerOutageContract
from oyez.testing.harness import Clock


class TestMemory(BrokerContract):
    """``memory://``."""

    def make(self, folder: Path, clock: Clock, wall_clock: Clock) -> MemoryBroker:
        return MemoryBroker(clock, wall_clock)


class TestSqlite(BrokerOutageContract):
    """``sqlite:///path``; its outage: another program locks the file."""

    durable = True
    survives_kill = True
    synced = False

    def make(self, folder: Path, clock: Clock, wall_clock: Clock) -> SqliteBroker:
        self.path = folder / "events.sqlite3"
        return SqliteBroker(
            self.path,
            synced=self.synced,
            settings=SqliteSettings(10**5, 10**6, 10**8),
            history=HistorySettings(size=10**6, ttl_s=10**5, max_bytes=2**27),
            busy_timeout_s=0.02,
            clock=clock,
            wall_clock=wall_clock,
        )

    def break_store(self) -> None:
        self.other_program = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.other_program.execute("BEGIN IMMEDIATE")

    def mend_store(self) -> None:
        self.other_program.close()


class TestSqliteOnDisk(TestSqlite):
    """``sqlite:///path?durability=disk``."""

    synced = True
