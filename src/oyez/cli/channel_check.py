"""What `oyez check-config --channel NAME` says: which rule a name meets, and what follows from it.

It must not know where settings come from.
"""

import time
from collections.abc import Iterator
from itertools import chain

from oyez import grants
from oyez.access.listen_policy import MOST_AHEAD_S, Admission, GrantOutcome, ListenPolicy, make_signers, needs_policy
from oyez.access.rules import Rules
from oyez.access.settings import AS_ALL, COUNT, GRANT, NOBODY, OBSERVE, OPEN, ChannelSettings
from oyez.config.tree import Settings

_LISTEN = {
    OPEN: "everybody who knows the name may listen",
    GRANT: "who has a grant may listen, for {ttl:g} s after its issue",
    OBSERVE: "everybody may listen, and who has no good grant is counted",
    NOBODY: "nobody may listen",
}
_OUTCOMES = {
    GrantOutcome.OK: "the grant in it is good",
    GrantOutcome.NONE: "there is no grant in it",
    GrantOutcome.BAD: f"its grant is not signed with a key that is for the channel, or over {MOST_AHEAD_S} s ahead",
    GrantOutcome.EXPIRED: "the grant in it has expired",
}


def explain_channel(settings: Settings, name: str) -> Iterator[str]:
    """Write what follows for a name, a comment in each line."""
    if not needs_policy(settings.channels):
        yield f"# {name}: everybody who knows the name may listen, since no rule of [[channels]] closes any channel."
        rule = Rules(settings.channels).find(name)
        followed = [f"# {name}: {_name_rule(settings, rule)}."] if rule in settings.channels else []
        told = (_explain_history(settings, name, rule), _explain_rate(name, rule), _explain_presence(name, rule))
        yield from chain(followed, *told)
        return
    policy = ListenPolicy(settings.channels, make_signers(settings.key, settings.keys))
    judged = policy.judge(name, time.time())
    follows = _LISTEN[judged.rule.listen].format(ttl=judged.rule.grant_ttl_s)
    yield f"# {judged.channel}: {_name_rule(settings, judged.rule)}; {follows}."
    yield from _explain_history(settings, judged.channel, judged.rule)
    yield from _explain_rate(judged.channel, judged.rule)
    yield from _explain_presence(judged.channel, judged.rule)
    words = _OUTCOMES.get(judged.outcome)
    if words is not None:
        subject = getattr(grants.parse(name), "subject", "")
        yield f"# {name}: {words}{f', for {subject}' if subject else ''}, so it is {_fate(judged)}."


def _explain_history(settings: Settings, channel: str, rule: ChannelSettings) -> Iterator[str]:
    """Write what becomes of the events of a channel, if its rule says anything of that."""
    history = settings.history
    if rule.history_size or rule.history_ttl_s:
        size, ttl_s = rule.history_size or history.size, rule.history_ttl_s or history.ttl_s
        yield f"# {channel}: its newest {size} events are kept in memory, each for {ttl_s:.15g} s."
    if rule.replay_without_start != AS_ALL:
        count = rule.replay_without_start
        yield f"# {channel}: who names no event to start from gets the newest {count} events of such channels."
    if not rule.keep:
        yield f"# {channel}: its events are in memory only, and after a restart listeners are told of a gap."
    if rule.strip:
        yield f"# {channel}: {', '.join(rule.strip)} leave its messages before anybody sees them."


def _explain_presence(channel: str, rule: ChannelSettings) -> Iterator[str]:
    if rule.presence == COUNT:
        yield f"# {channel}: listeners that ask for it are told how many there are, and not who."


def _explain_rate(channel: str, rule: ChannelSettings) -> Iterator[str]:
    """Write how often its listeners are written to, if its rule says so."""
    if rule.pace_s:
        yield f"# {channel}: a listener is written to once in {rule.pace_s:.15g} s, with all that came meanwhile."
    if rule.spread_s:
        yield f"# {channel}: each listener is written to at a moment of its own within {rule.spread_s:.15g} s."
    if rule.latest_by:
        yield f"# {channel}: whoever is late gets, of events with the same {rule.latest_by}, the newest."


def _name_rule(settings: Settings, rule: ChannelSettings) -> str:
    if rule not in settings.channels:
        return "no rule fits"
    number = settings.channels.index(rule) + 1
    return f'the rule channels[{number}] fits (match = "{rule.match}")'


def _fate(judged: Admission) -> str:
    return "let in" if judged.is_let_in else "refused"
