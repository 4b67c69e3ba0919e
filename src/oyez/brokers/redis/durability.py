"""What Redis's own settings promise of an event that is acknowledged: said in the log, and warned of.

Knows Redis's settings. Must not know events.
"""

import logging
from collections.abc import Mapping, Sequence

from oyez.brokers.redis.link import RedisLink
from oyez.brokers.redis.url import RedisUrl
from oyez.errors import BrokerError

logger = logging.getLogger(__name__)

_ASKED = ("appendonly", "appendfsync", "maxmemory-policy")
_CACHE_KEY = "*:1:*"  # of Django's cache: prefix, version, key
_LOOKED_AT = 1000


async def ask_settings(link: RedisLink) -> Mapping[str, str]:
    """Return those of Redis's settings that bear on durability; none where it does not tell them."""
    try:
        flat = await link.ask("CONFIG", "GET", *_ASKED)
    except BrokerError:
        if not link.is_open:
            raise
        return {}
    names = [part.decode("utf-8", "replace") for part in flat]
    return dict(zip(names[::2], names[1::2], strict=True))


def describe(settings: Mapping[str, str]) -> str:
    """Return what an acknowledged event survives, in words."""
    if not settings:
        return "what an acknowledged event survives is not told: Redis does not let this user ask (CONFIG GET)"
    if settings.get("appendonly") != "yes":
        return "appendonly is no: when Redis ends, acknowledged events since its last snapshot are lost"
    promises = {
        "always": "each acknowledged event is on the disk",
        "everysec": "when Redis or its machine ends, the last second or more of acknowledged events can be lost",
        "no": "an acknowledged event outlives Redis, and not the loss of power",
    }
    policy = settings.get("appendfsync", "")
    return f"appendfsync is {policy}: {promises.get(policy, 'what that promises is not known')}"


def find_danger(settings: Mapping[str, str]) -> str:
    """Return what an operator should change; empty for nothing."""
    policy = settings.get("maxmemory-policy", "noeviction")
    return "" if policy == "noeviction" else f"maxmemory-policy is {policy}: Redis may drop events; set noeviction"


async def tell_settings(link: RedisLink, url: RedisUrl, told: Sequence[str] = ()) -> Sequence[str]:
    """Log what Redis promises, and warn of what may cost events, unless just that was told; return it."""
    settings = await ask_settings(link)
    promise, danger = describe(settings), find_danger(settings)
    words = [promise, danger] if danger else [promise]
    if await _has_cache(link):
        words.append(
            f"database {url.database} holds a cache of Django's, whose clear() drops all events: name another database"
        )
    if words != told:
        for place, text in enumerate(words):
            logger.log(logging.WARNING if place else logging.INFO, "Redis at %s: %s", url.server, text)
    return words


async def _has_cache(link: RedisLink) -> bool:
    try:
        _, found = await link.ask("SCAN", 0, "MATCH", _CACHE_KEY, "COUNT", _LOOKED_AT)
    except BrokerError:
        if not link.is_open:
            raise
        return False
    return bool(found)
