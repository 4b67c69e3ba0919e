"""What the rules for channels say to the hub and to its store.

Knows rules and the settings of history. Must not know who listens, nor what becomes of an event.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from oyez.access.rules import FirstFit
from oyez.access.settings import AS_ALL, OPEN, ChannelSettings
from oyez.config.tree import Settings
from oyez.hub.rates import ChannelRate, FindRate, find_member
from oyez.hub.settings import ChannelBounds, HistoryRules, HistorySettings, bounds_of_all

if TYPE_CHECKING:
    from oyez.wire.json_strip import Strip


def find_history_rules(settings: Settings) -> HistoryRules | None:
    """Return what counts for which channel; None where that is the same for all, so that nobody need ask."""
    history = settings.history
    for_all = bounds_of_all(history)
    rules = [(rule.match, bounds_of(rule, history)) for rule in settings.channels]
    if all(bounds == for_all for _, bounds in rules):
        return None
    deciding = [(match, bounds.kept) for match, bounds in rules]
    while deciding and deciding[-1][1]:  # what comes behind the last rule that keeps nothing decides nothing
        deciding.pop()
    return HistoryRules(
        FirstFit(rules, for_all).find,
        max(for_all.ttl_s, *(bounds.ttl_s for _, bounds in rules)),
        json.dumps(deciding) if deciding else "",
        max((bounds.ttl_s for _, bounds in rules if bounds.ttl_s != for_all.ttl_s), default=0.0),
    )


def renew_history_rules(settings: Settings, first: HistoryRules | None) -> HistoryRules | None:
    """Return what counts by settings that were read again; what the store keeps stays as it was at the start.

    Args:
        settings: the new ones.
        first: what counted at the start.
    """
    rules = find_history_rules(settings)
    unkept = "" if first is None else first.unkept
    if unkept == ("" if rules is None else rules.unkept):
        return rules
    find = FirstFit[ChannelBounds]((), bounds_of_all(settings.history)).find if rules is None else rules.find

    def find_both(channel: str) -> ChannelBounds:
        return find(channel)._replace(kept=first is None or first.find(channel).kept)

    longest_s = settings.history.ttl_s if rules is None else rules.longest_ttl_s
    return HistoryRules(find_both, longest_s, unkept)


def find_needing_restart(first: Settings, wanted: Settings) -> list[str]:
    """Return what of rules that were read again needs a restart, by the names of settings.

    Args:
        first: the settings at the start.
        wanted: the new ones.
    """
    was, is_now = find_history_rules(first), find_history_rules(wanted)
    needing = []
    if _kept_long(wanted) - _kept_long(first):
        needing.append("channels.history_ttl_s")
    if hears_notices(wanted) and not hears_notices(first):
        needing.append("channels.listen")
    if ("" if was is None else was.unkept) != ("" if is_now is None else is_now.unkept):
        needing.append("channels.keep")
    if find_strips(first) is None and find_strips(wanted) is not None:
        needing.append("channels.strip")
    return needing


def hears_notices(settings: Settings) -> bool:
    """Return whether a daemon that starts with these settings hears what its store has been told of revocations.

    RabbitMQ is asked for a queue of them, so there only if a rule closes a channel. With all other stores it costs
    nothing, and rules that come later find all that is revoked.
    """
    is_free = not settings.broker.startswith(("amqp:", "amqps:"))
    return is_free or any(rule.listen != OPEN for rule in settings.channels)


def _kept_long(settings: Settings) -> set[tuple[str, float]]:
    """Return which channels the store has to keep for longer than all others, because of their rules, and how long."""
    if settings.broker.startswith("memory:"):
        return set()
    for_all_s = settings.history.ttl_s
    shortest_s = settings.sqlite.max_age_s if settings.broker.startswith("sqlite") else for_all_s
    return {
        (rule.match, rule.history_ttl_s)
        for rule in settings.channels
        if rule.history_ttl_s > shortest_s and rule.history_ttl_s != for_all_s
    }


def find_strips(settings: Settings) -> "Callable[[str], Strip | None] | None":
    """Return what leaves the messages of which channel; None where nothing leaves any."""
    if not any(rule.strip for rule in settings.channels):
        return None
    from oyez.wire.json_strip import Strip  # noqa: PLC0415 - most daemons strip nothing

    return FirstFit([(rule.match, Strip(rule.strip) if rule.strip else None) for rule in settings.channels], None).find


def find_rates(settings: Settings) -> FindRate | None:
    """Return how often listeners of which channel are written to; None where all get each event at once."""
    if not any(rule.pace_s or rule.spread_s or rule.latest_by for rule in settings.channels):
        return None
    return FirstFit([(rule.match, _rate_of(rule)) for rule in settings.channels], ChannelRate()).find


def _rate_of(rule: ChannelSettings) -> ChannelRate:
    return ChannelRate(rule.pace_s, rule.spread_s, find_member(rule.latest_by) if rule.latest_by else None)


def bounds_of(rule: ChannelSettings, history: HistorySettings) -> ChannelBounds:
    """Return what counts for the channels of a rule."""
    replayed = rule.replay_without_start
    return ChannelBounds(
        rule.history_size or history.size,
        rule.history_ttl_s or history.ttl_s,
        history.replay_without_start if replayed == AS_ALL else replayed,
        rule.keep,
    )
