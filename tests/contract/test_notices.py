"""Do the stores with notices keep what they promise? And does the contract find those that do not?"""

from pathlib import Path

import pytest

from oyez.brokers.memory import MemoryBroker
from oyez.hub.notices import LocalNotices, Notice, SettleNotice
from oyez.testing.harness import Clock
from oyez.testing.notices_contract import NoticesContract, NoticesOutageContract
from tests.contract.test_brokers import TestSqlite as SqliteContract


class TestSqliteNotices(NoticesOutageContract):
    """``sqlite:///path``; one daemon has it."""

    synced = False
    make = SqliteContract.make
    break_store = SqliteContract.break_store
    mend_store = SqliteContract.mend_store
    path: Path


class Forgetful(MemoryBroker):
    """Tells itself alone, and keeps nothing."""

    def __init__(self, clock: Clock, wall_clock: Clock) -> None:
        super().__init__(clock, wall_clock)
        self.notices = LocalNotices()
        self.hear = self.notices.hear

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        self.notices.tell(notice, settle)


class Hasty(Forgetful):
    """Settles what nobody was told of."""

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        settle(None)


class Silent(Forgetful):
    """Leaves whoever tells without an answer."""

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        self._tell = settle


def contract_of(kind: type[Forgetful]) -> NoticesContract:
    class Contract(NoticesContract):
        patience_s = 0.2

        def make(self, folder: Path, clock: Clock, wall_clock: Clock) -> Forgetful:
            return kind(clock, wall_clock)

    return Contract()


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (Forgetful, "all_that_is_of_use_is_known_after_a_restart_and_nothing_else"),
        (Forgetful, "after_the_stop_it_is_refused"),
        (Hasty, "what_is_told_is_taken_here_and_is_no_event"),
        (Silent, "what_is_told_is_taken_here_and_is_no_event"),
    ],
)
def test_a_store_that_breaks_a_promise_is_found(kind: type[Forgetful], broken: str, tmp_path: Path) -> None:
    contract = contract_of(kind)
    contract.wall_clock = Clock(contract.now_s)
    with pytest.raises((AssertionError, TimeoutError)):
        getattr(contract, f"test_{broken}")(lambda: contract.open_hearer(tmp_path))
