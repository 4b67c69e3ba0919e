"""The gate before the hub, one for all doors of listeners: names go in, channels come out, or the words of a refusal.

Knows what is counted and what is answered. Must not know how a door writes its answers. There is one only where the
settings have a rule that closes a channel.
"""

from collections.abc import Callable, Mapping, Sequence

from oyez import grants
from oyez.access.listen_policy import Admission, GrantOutcome, ListenPolicy
from oyez.wire import commands
from oyez.wire.commands import CommandError

_OBSERVED = "observed"
_COUNTED = (GrantOutcome.OK, GrantOutcome.NONE, GrantOutcome.BAD, GrantOutcome.EXPIRED, _OBSERVED)


class Gate:
    """Lets listeners in by the policy.

    Args:
        policy: what the rules say.
        clock: seconds since 1970.
    """

    def __init__(self, policy: ListenPolicy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._counts: dict[str, int] = dict.fromkeys(map(str, _COUNTED), 0)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many names were judged where a grant is needed, by what came of it."""
        return self._counts

    def measure(self, name: str) -> str:
        """Return that of a name which limits count: not the grant."""
        return grants.strip(name)

    def admit(self, names: Sequence[str]) -> list[str] | CommandError:
        """Return the channels that the names stand for, each once, or why one of them is not let in."""
        now_s = self._clock()
        judged = [self._policy.judge(name, now_s) for name in names]
        for each in judged:
            self._count(each)
        refused = next((each for each in judged if not each.is_let_in), None)
        if refused is None:
            return list(dict.fromkeys(each.channel for each in judged))
        return commands.not_allowed(refused.channel, by_grant=refused.outcome is not GrantOutcome.NOBODY)

    def sign(self, channel: str, subject: str, holder: str) -> tuple[str, float] | None:
        """Make a grant from now on, as `ListenPolicy.sign`."""
        return self._policy.sign(channel, subject, self._clock(), holder)

    def _count(self, judged: Admission) -> None:
        counted = judged.outcome if judged.outcome is GrantOutcome.OK or not judged.is_let_in else _OBSERVED
        if judged.outcome is not GrantOutcome.OPEN and counted in self._counts:
            self._counts[counted] += 1
