"""Who may listen to which channel: what the rules say of a name, and of the grant at its end.

Knows rules, keys and times. Must not know sockets, requests, words or logs.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from oyez import grants
from oyez.access.channel_rule import ChannelRule
from oyez.access.revocations import Revocations
from oyez.access.rules import Rules
from oyez.access.settings import NOBODY, OBSERVE, OPEN, ChannelSettings, KeySettings

MOST_AHEAD_S = 60
"""How far in the future a grant's issue may be: the clocks of two machines differ."""


class GrantOutcome(StrEnum):
    """What becomes of a name that meets a rule."""

    OPEN = "open"
    OK = "ok"
    NONE = "none"
    BAD = "bad"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NOBODY = "nobody"


# To find a member by its class takes a tenth of a microsecond, each time.
_OPEN, _OK = GrantOutcome.OPEN, GrantOutcome.OK


class Admission(NamedTuple):
    """The channel that a name stands for, the rule that it meets, and whether it is let in by that."""

    channel: str
    rule: ChannelSettings
    outcome: GrantOutcome
    grant: grants.Grant | None = None
    """What the name has, good or not, where the rule asks for one."""
    signed_by: bytes = b""
    """The derived key that the grant is signed with; empty: none of those that count."""

    @property
    def is_let_in(self) -> bool:
        """Whether it may be listened to."""
        return self.outcome is _OK or self.outcome is _OPEN or self.rule.listen == OBSERVE


class Signer:
    """A key that may sign grants: for the channels that it may be used for."""

    __slots__ = ("channels", "derived_key", "name")

    def __init__(self, settings: KeySettings) -> None:
        self.name = settings.name
        self.derived_key = grants.derive_key(settings.key)
        self.channels = ChannelRule(settings.may_post) if settings.may_post else None

    def may_sign(self, channel: str) -> bool:
        """Return whether grants of this key count for a channel."""
        return self.channels is None or self.channels.allows(channel)

    def has_signed(self, grant: grants.Grant) -> bool:
        """Return whether a grant is one of this key, for a channel of this key."""
        return grants.is_signed_by(grant, self.derived_key) and self.may_sign(grant.channel)


def needs_policy(rules: Iterable[ChannelSettings]) -> bool:
    """Return whether a rule closes a channel to anybody: else names are taken as they are."""
    return any(rule.listen != OPEN for rule in rules)


def make_signers(key: str, others: Iterable[KeySettings]) -> list[Signer]:
    """Return all keys of the settings, each of which may sign."""
    unnamed = (KeySettings(key=key),) if key else ()
    return [Signer(settings) for settings in (*unnamed, *others)]


class ListenPolicy:
    """What the rules say of names.

    Args:
        rules: in their order.
        signers: whose grants count.
        revocations: what was taken back before its time; None: nothing.

    Attributes:
        revocations: the same.
        longest_s: for how long a grant is good at most.
    """

    def __init__(
        self, rules: Sequence[ChannelSettings], signers: Sequence[Signer], revocations: Revocations | None = None
    ) -> None:
        self._rules = Rules(rules)
        self.revocations = Revocations() if revocations is None else revocations
        self.longest_s = max((rule.grant_ttl_s for rule in rules), default=0.0)
        self._signers = signers

    def judge(self, name: str, now_s: float) -> Admission:
        """Find the channel that a name stands for, and decide on it.

        Args:
            name: as a listener wrote it.
            now_s: seconds since 1970.
        """
        grant = grants.parse(name)
        channel = self._channel_of(name) if grant is None else grant.channel
        rule = self._rules.find(channel)
        if rule.listen == OPEN:
            return Admission(channel, rule, _OPEN)
        if rule.listen == NOBODY:
            return Admission(channel, rule, GrantOutcome.NOBODY)
        if grant is None:
            return Admission(channel, rule, GrantOutcome.NONE if channel == name else GrantOutcome.BAD)
        signer = self._find_signer(grant)
        if signer is None:
            return Admission(channel, rule, GrantOutcome.BAD, grant)
        return Admission(channel, rule, self._judge_grant(grant, rule, now_s), grant, signer.derived_key)

    def rule_of(self, channel: str) -> ChannelSettings:
        """Return the rule that a channel meets."""
        return self._rules.find(channel)

    def counts_signature(self, signed_by: bytes, channel: str) -> bool:
        """Return whether grants for a channel that were signed with a derived key count."""
        return any(signer.derived_key == signed_by and signer.may_sign(channel) for signer in self._signers)

    def sign(self, channel: str, subject: str, now_s: float, holder: str) -> tuple[str, float] | None:
        """Make a grant that no revocation takes back; return the name with it, and for how many seconds it is good.

        Args:
            channel: what is to be followed.
            subject: for whom.
            now_s: seconds since 1970.
            holder: the name of the key that was shown, which signs; of somebody without one, any key does.

        Returns:
            None if no key may sign for the channel.

        Raises:
            ValueError: there is no such subject.
        """
        able = [signer for signer in self._signers if signer.may_sign(channel)]
        if not able:
            return None
        signer = next((signer for signer in able if signer.name == holder), able[0])
        issued_s = max(int(now_s), self.revocations.last_second(subject, channel) + 1)
        return grants.sign(signer.derived_key, channel, subject, issued_s), self._rules.find(channel).grant_ttl_s

    def _channel_of(self, name: str) -> str:
        """Return the channel of a name without a grant: what is before the last ``!`` if that needs one.

        So whoever has a spoilt grant is told of it, and does not follow a channel that nothing is posted to.
        """
        beginning = name.rpartition("!")[0]
        return beginning if beginning and self._rules.find(beginning).listen != OPEN else name

    def _find_signer(self, grant: grants.Grant) -> Signer | None:
        signed = [signer for signer in self._signers if signer.has_signed(grant)]  # the time does not tell which it was
        return signed[0] if signed else None

    def _judge_grant(self, grant: grants.Grant, rule: ChannelSettings, now_s: float) -> GrantOutcome:
        age_s = now_s - grant.issued_s
        if age_s < -MOST_AHEAD_S:
            return GrantOutcome.BAD
        if age_s > rule.grant_ttl_s:
            return GrantOutcome.EXPIRED
        is_revoked = self.is_revoked(grant.subject, grant.channel, grant.issued_s)
        return GrantOutcome.REVOKED if is_revoked else _OK

    def is_revoked(self, subject: str, channel: str, issued_s: int) -> bool:
        """Return whether a grant of that second was taken back."""
        return issued_s <= self.revocations.last_second(subject, channel)
