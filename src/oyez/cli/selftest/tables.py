"""Tables of checks: each a small function with a stable name and a sentence that says what should hold.

Knows nothing of daemons. A check returns if its sentence holds; else it raises Mismatch or NotOffered.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from oyez.cli.selftest.findings import Door


class Guest(Protocol):
    """Who goes through a door: what checks of a table get."""

    @property
    def silenced(self) -> str:
        """Why the guest may not post; empty if it may."""


G = TypeVar("G", bound=Guest)


class Step(NamedTuple):
    """A check, made ready for one door.

    Attributes:
        needs: codes of checks that have to hold first, or this one would say the same once more.
        obstacle: why it cannot be made; empty if it can.

    """

    door: Door
    code: str
    sentence: str
    slow: bool
    needs: tuple[str, ...]
    obstacle: Callable[[], str]
    run: Callable[[], None]


class _Check(NamedTuple, Generic[G]):
    name: str
    sentence: str
    posts: bool
    slow: bool
    needs: tuple[str, ...]
    run: Callable[[G], None]


class Table(Generic[G]):
    """Checks in the order in which they are made. All need the first, which tells whether there is such a door."""

    def __init__(self) -> None:
        self._checks: list[_Check[G]] = []

    def check(
        self, name: str, sentence: str, *, posts: bool = False, slow: bool = False, needs: tuple[str, ...] = ()
    ) -> Callable[[Callable[[G], None]], Callable[[G], None]]:
        """Enter a function.

        Args:
            name: ends the code.
            sentence: what should hold.
            posts: it needs a guest that may post.
            slow: it takes as long as a time-out of the daemon.
            needs: names in the same table.
        """

        def enter(run: Callable[[G], None]) -> Callable[[G], None]:
            self._checks.append(_Check(name, sentence, posts, slow, needs, run))
            return run

        return enter

    def bind(self, door: Door, guest: G) -> Iterator[Step]:
        """Make the checks ready."""
        for check in self._checks:
            yield Step(
                door,
                f"{door}.{check.name}",
                check.sentence,
                check.slow,
                tuple(f"{door}.{name}" for name in check.needs),
                _obstacle(check, guest),
                partial(check.run, guest),
            )


def _obstacle(check: _Check[G], guest: G) -> Callable[[], str]:
    return lambda: guest.silenced if check.posts else ""
