"""What follows when a limit is met: which limits refuse, which only count, and where all of it is counted.

Knows the reasons of refusals. Must not know what is refused, nor how it is told.
"""

from oyez.access.peer import Note, Who
from oyez.access.shares import Share
from oyez.limits import OBSERVABLE, LimitSettings


class Enforcement:
    """The judgement on a limit that is met, and its count: of the address, in the metrics and in the log.

    Args:
        limits: whose ``observe`` names those that only count.
        note: counts what is refused.
        observe: counts what would be.
    """

    def __init__(self, limits: LimitSettings, note: Note, observe: Note) -> None:
        self.change_limits(limits)
        self._note = note
        self._observe = observe

    def change_limits(self, limits: LimitSettings) -> None:
        """Let other limits only count from now on."""
        self.observed = frozenset(reason for limit in limits.observe for reason in OBSERVABLE[limit])

    def refuses(self, reason: str, detail: str, share: Share | None, who: Who | None = None) -> bool:
        """Count that a limit was met; return whether that is to be refused. False: it is only observed.

        Args:
            reason: names the limit.
            detail: for the log: what was over it; whether it was refused is written beside it.
            share: of the address whose limit it is; None: it has none.
            who: it was, where the share does not tell, or not as well.
        """
        is_observed = reason in self.observed
        _count(self._observe if is_observed else self._note, reason, detail, share, who)
        return not is_observed

    def count_refusal(self, reason: str, detail: str, share: Share | None, who: Who | None = None) -> None:
        """Count a refusal that stands, whatever is observed; the arguments are those of `refuses`."""
        _count(self._note, reason, detail, share, who)


def _count(count: Note, reason: str, detail: str, share: Share | None, who: Who | None) -> None:
    if share is not None:
        share.refusals[reason] += 1
    count(reason, detail, who or share)
