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
        channels: dict[str, None] = {}
        refused: Admission | None = None
        for name in names:
            judged = self._policy.judge(name, now_s)
            channels[judged.channel] = None
            if judged.outcome is GrantOutcome.OPEN:
                continue
            is_let_in = judged.is_let_in
            self._count(judged.outcome, is_let_in=is_let_in)
            if not is_let_in:
                refused = refused or judged
        if refused is None:
            return list(channels)
        return commands.not_allowed(refused.channel, by_grant=refused.outcome is not GrantOutcome.NOBODY)

    def sign(self, channel: str, subject: str, holder: str) -> tuple[str, float] | None:
        """Make a grant from now on, as `ListenPolicy.sign`."""
        return self._policy.sign(channel, subject, self._clock(), holder)

    def _count(self, outcome: GrantOutcome, *, is_let_in: bool) -> None:
        counted = _OBSERVED if is_let_in and outcome is not GrantOutcome.OK else outcome
        if counted in self._counts:
            self._counts[counted] += 1
