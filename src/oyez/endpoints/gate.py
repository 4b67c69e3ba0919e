"""The gate before the hub, one for all doors of listeners: names go in, channels come out, or the words of a refusal.

Knows what is counted and what is answered. Must not know how a door writes its answers. There is one only where the
settings have a rule that closes a channel.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from oyez import grants
from oyez.access.listen_policy import Admission, GrantOutcome, ListenPolicy
from oyez.access.revocations import Revocations
from oyez.access.settings import GRANT, NOBODY, OBSERVE, OPEN, ChannelSettings
from oyez.endpoints.context import Admitted, HeldGrant
from oyez.endpoints.held_grants import HeldGrants
from oyez.endpoints.revoker import Revoker
from oyez.hub.hub import Hub
from oyez.hub.notices import Notices
from oyez.hub.publication import Channel
from oyez.hub.subscriber import Subscription
from oyez.net.ticker import Ticker
from oyez.wire import commands
from oyez.wire.commands import CommandError

_OPEN, _OK = GrantOutcome.OPEN, GrantOutcome.OK  # found in no time, as `access.listen_policy` says

NOT_ALLOWED = "not-allowed"
"""Why a channel is taken from a listener that has no grant: a rule has come that asks for one, or lets nobody in."""

_OBSERVED = "observed"
_COUNTED = (
    GrantOutcome.OK, GrantOutcome.NONE, GrantOutcome.BAD, GrantOutcome.EXPIRED, GrantOutcome.REVOKED, _OBSERVED,
)  # fmt: skip


class Gate:
    """Lets listeners in by the policy.

    Args:
        policy: what the rules say.
        clock: seconds since 1970.
        hub: where channels are taken away whose grants end.
        ticker: says when to look for that.
        notices: of the store, which keeps what is revoked.

    Attributes:
        held: the grants by which listeners have their channels now.
    """

    def __init__(
        self, policy: ListenPolicy, clock: Callable[[], float], hub: Hub, ticker: Ticker, notices: Notices
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._hub = hub
        self.held = HeldGrants(hub, ticker, clock, self._find_end, self._count_end, call_soon=_call_soon)
        self._revoker = Revoker(policy.revocations, self.held, notices, policy.longest_s, clock)
        self._counts: dict[str, int] = dict.fromkeys(map(str, _COUNTED), 0)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many names were judged where a grant is needed, by what came of it."""
        return self._counts

    def measure(self, name: str) -> str:
        """Return that of a name which limits count: not the grant."""
        return grants.strip(name)

    def admit(self, names: Sequence[str]) -> Admitted | CommandError:
        """Return the channels that the names stand for, each once, or why one of them is not let in."""
        now_s = self._clock()
        channels: dict[str, None] = {}
        held: list[HeldGrant] = []
        refused: Admission | None = None
        for name in names:
            judged = self._policy.judge(name, now_s)
            channels[judged.channel] = None
            if judged.outcome is _OPEN:
                continue
            if judged.outcome is _OK and judged.grant is not None:  # nearly all
                held.append(_hold(judged, judged.grant))
                self._counts[_OK] += 1
                continue
            is_let_in = judged.is_let_in
            self._count(judged.outcome, is_let_in=is_let_in)
            if not is_let_in:
                refused = refused or judged
        if refused is None:
            return Admitted(list(channels), held)
        return commands.not_allowed(refused.channel, by_grant=refused.outcome is not GrantOutcome.NOBODY)

    def sign(self, channel: str, subject: str, holder: str) -> tuple[str, float] | None:
        """Make a grant from now on, as `ListenPolicy.sign`."""
        return self._policy.sign(channel, subject, self._clock(), holder)

    def hold(self, subscription: Subscription, grants: Sequence[HeldGrant]) -> None:
        """Take channels away from a listener when the grants end that it has for them, as `HeldGrants.hold`."""
        self.held.hold(subscription, grants)

    def subjects(self) -> list[str]:
        """Return for whom there are grants by which somebody listens, as `HeldGrants.subjects`."""
        return self.held.subjects()

    def has(self, subject: str, channel: Channel) -> bool:
        """Return whether somebody listens to a channel by a grant for a subject."""
        return self.held.has(subject, channel)

    def drop(self, subscription: Subscription) -> None:
        """Forget the grants of a listener that has left; harmless to repeat."""
        self.held.drop(subscription)

    @property
    def revocations(self) -> Revocations:
        """What was taken back, which another policy has to know too."""
        return self._policy.revocations

    def change_policy(self, policy: ListenPolicy) -> None:
        """Let other rules and keys count for whoever comes from now on; `check_again` is for those who are here.

        Args:
            policy: with the same revocations.
        """
        self._policy = policy
        self._revoker.longest_s = policy.longest_s

    def check_again(self, subscription: Subscription) -> None:
        """Hold a listener to the policy that counts now: it loses the channels that it may no longer follow.

        A grant that it has for one of them is good for as long as the rule says now.
        """
        held: list[HeldGrant] = []
        lost: dict[Channel, str] = {}
        for channel in subscription.channels:
            rule = self._policy.rule_of(channel)
            if rule.listen == OPEN:
                continue
            had = [grant for grant in self.held.find(subscription) if grant.channel == channel]
            good = [] if rule.listen == NOBODY else [grant for grant in had if self._is_signed(grant)]
            kept = [self._renew(grant, rule) for grant in good]
            held += kept
            if not kept and rule.listen != OBSERVE:
                lost[channel] = GrantOutcome.REVOKED if had and rule.listen == GRANT else NOT_ALLOWED
        if held or self.held.find(subscription):
            self.held.hold(subscription, held)
        for reason in dict.fromkeys(lost.values()):
            self._hub.unfollow(subscription, [channel for channel, why in lost.items() if why == reason], reason)

    def _is_signed(self, grant: HeldGrant) -> bool:
        return self._policy.counts_signature(grant.signed_by, grant.channel)

    def _renew(self, grant: HeldGrant, rule: ChannelSettings) -> HeldGrant:
        return grant._replace(ends_s=grant.issued_s + rule.grant_ttl_s, is_needed=rule.listen == GRANT)

    async def revoke(self, subject: str | None, channel: str | None) -> int:
        """Take grants back that were made until now, as `Revoker.revoke`.

        A name with a grant stands for its channel and, if no subject is named, its subject.

        Raises:
            ValueError: there is no such subject.
        """
        grants.check_subject(subject or "")
        grant = None if channel is None else grants.parse(channel)
        if grant is not None:
            subject, channel = grant.subject if subject is None else subject, grant.channel
        return await self._revoker.revoke(subject, channel)

    def _find_end(self, grant: HeldGrant, now_s: float) -> GrantOutcome | None:
        if now_s > grant.ends_s:
            return GrantOutcome.EXPIRED
        is_revoked = self._policy.is_revoked(grant.subject, grant.channel, grant.issued_s)
        return GrantOutcome.REVOKED if is_revoked else None

    def _count_end(self, reason: GrantOutcome) -> None:
        self._counts[reason] += 1

    def _count(self, outcome: GrantOutcome, *, is_let_in: bool) -> None:
        counted = _OBSERVED if is_let_in else outcome
        if counted in self._counts:
            self._counts[counted] += 1


def _call_soon(function: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(function)


def _hold(judged: Admission, grant: grants.Grant) -> HeldGrant:
    ends_s = grant.issued_s + judged.rule.grant_ttl_s
    is_needed = judged.rule.listen == GRANT
    return HeldGrant(Channel(judged.channel), grant.subject, grant.issued_s, ends_s, is_needed, judged.signed_by)
