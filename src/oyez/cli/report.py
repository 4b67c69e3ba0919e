"""Results of checks, shown as they are made and summed up at the end: for people, or as one JSON object for scripts.

Knows the terminal. Must not know what was checked, nor how.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from rich.console import Console

from oyez.cli.colours import styled
from oyez.cli.output import print_line
from oyez.probe.status import Status


class Reported(Protocol):
    """What is known after a check: its status, and whatever else a command's own report shows."""

    @property
    def status(self) -> Status:
        """What the check came to."""


R = TypeVar("R", bound=Reported)


class Report(Generic[R]):
    """Keeps the results of a run. Each command that checks something derives one that shows them to people.

    Args:
        progress: where to show what is being looked at; a quiet one for nowhere.
        needs_success: a run in which nothing was found to be right is not well.
    """

    def __init__(self, progress: Console, *, needs_success: bool = False) -> None:
        self.results: list[R] = []
        self._progress = progress
        self._needs_success = needs_success

    @contextmanager
    def progress(self, words: str = "") -> Iterator[Callable[[str], None]]:
        """Show what is being looked at, where that can be taken back. The function that it yields shows other words."""
        with self._progress.status(styled((words, "dim"))) as status:
            yield lambda words: status.update(styled((words, "dim")))

    def add(self, result: R) -> None:
        """Keep a result, and show it if it need not wait for others."""
        self.results.append(result)
        self.show(result)

    def show(self, result: R) -> None:
        """Show one result at once."""

    def end_group(self, title: str) -> None:
        """Show what was kept until the results of a group were complete."""

    def conclude(self) -> None:
        """Show what the run comes to."""
        raise NotImplementedError

    @property
    def counts(self) -> Counter[Status]:
        """How often each status came."""
        return Counter(result.status for result in self.results)

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong, but for warnings."""
        counts = self.counts
        return not (counts[Status.ERROR] or counts[Status.FAILED] or (self._needs_success and not counts[Status.OK]))


class JsonReport(Report[R]):
    """One object at the end: ``{"ok": bool, …}``, with the members that `describe` makes of the report itself."""

    def __init__(
        self,
        describe: Callable[[Report[R]], Mapping[str, object]],
        progress: Console,
        *,
        needs_success: bool = False,
    ) -> None:
        super().__init__(progress, needs_success=needs_success)
        self._describe = describe

    def conclude(self) -> None:
        """Print the object, in one line."""
        print_line(json.dumps({"ok": self.is_well, **self._describe(self)}))
