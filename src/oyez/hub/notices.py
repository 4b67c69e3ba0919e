"""Notices: short texts that concern all daemons on a store, beside its events.

Knows when they are told. Must not know what they say.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from oyez.errors import BrokerError


class Notice(NamedTuple):
    """One text."""

    name: bytes
    """What it is about: a later one of this name is in its place."""
    text: bytes
    until_s: int
    """The second since 1970 until which it is of use."""


TakeNotice = Callable[[bytes], None]
"""Takes the text of a notice; raises nothing."""

SettleNotice = Callable[[BrokerError | None], None]
"""Called once for each `Notices.tell`, when all who are there have been told, or with the reason why nobody was."""


@runtime_checkable
class Notices(Protocol):
    """What a broker may have besides; for one that has it not, there is `LocalNotices`."""

    def hear(self, take: TakeNotice) -> None:
        """Set who takes notices: those that the store has kept, at its start, and all that come. To be called first."""
        ...

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        """Have the store keep a notice, and tell all daemons on it, this one too."""
        ...


class LocalNotices:
    """Tells this daemon alone, and keeps nothing: of a store that lives no longer, or knows no notices."""

    def __init__(self) -> None:
        self._take: TakeNotice | None = None

    def hear(self, take: TakeNotice) -> None:
        """Set who takes notices."""
        self._take = take

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        """Tell it at once."""
        if self._take is not None:
            self._take(notice.text)
        settle(None)


class KeptNotices:
    """Those of a store, for somebody who may come later than its start: until then the last of them are kept.

    Args:
        notices: of the store.
        most: how many are kept.
    """

    def __init__(self, notices: Notices, most: int = 50_000) -> None:
        self._early: deque[bytes] = deque(maxlen=most)
        self._notices = notices
        self.tell = notices.tell
        notices.hear(self._early.append)

    def hear(self, take: TakeNotice) -> None:
        """Set who takes notices, those that have come already too."""
        self._notices.hear(take)
        while self._early:
            take(self._early.popleft())
