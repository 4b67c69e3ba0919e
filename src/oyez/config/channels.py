"""Rules for channels, checked as a list: what each lacks, and whether it can ever count.

Knows the rules and the keys that sign for them. Must not know who listens, nor where settings come from.
"""

from collections.abc import Sequence

from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.access.settings import GRANT, ChannelSettings
from oyez.brokers.rabbitmq.url import AmqpUrl
from oyez.brokers.redis.url import RedisUrl
from oyez.config.broker_url import PluginUrl, parse_broker_url
from oyez.config.tree import Settings
from oyez.errors import ConfigError
from oyez.hub.settings import SHORTEST_TTL_S


def check_channels(settings: Settings, where: str) -> None:
    """Require of each rule that it is for some channel, that no rule before it takes all of it, and a key for grants.

    Raises:
        ConfigError: one of that is not so.
    """
    for number, rule in enumerate(settings.channels, 1):
        name = f"channels[{number}].match"
        if not rule.match:
            raise ConfigError(name, "", f"the channels that the rule is for, such as tickets or contest_* ({where})")
        earlier = _find_earlier(settings.channels[: number - 1], rule)
        if earlier:
            expected = f"what no rule before it takes: of those that fit a channel the first counts, and {earlier}"
            raise ConfigError(name, rule.match, f"{expected} takes all of these ({where})")
        if 0 < rule.history_ttl_s < SHORTEST_TTL_S:
            expected = f"0, or a number of seconds of at least {SHORTEST_TTL_S:g}"
            raise ConfigError(f"channels[{number}].history_ttl_s", rule.history_ttl_s, f"{expected} ({where})")
        if not rule.keep:
            _check_store(settings.broker, f"channels[{number}].keep", where)
        if rule.pace_s and rule.spread_s:
            expected = f"0 beside a pace_s, since with either alone nobody is written to oftener than that ({where})"
            raise ConfigError(f"channels[{number}].spread_s", rule.spread_s, expected)
        if rule.listen == GRANT:
            _check_signers(settings, f"channels[{number}].listen", where)


def _find_earlier(earlier: Sequence[ChannelSettings], rule: ChannelSettings) -> str:
    matching = [number for number, other in enumerate(earlier, 1) if other.match in ("*", rule.match)]
    return f"channels[{matching[0]}]" if matching else ""


def _check_store(broker: str, name: str, where: str) -> None:
    """Require a store that can leave out events; a stream has whatever is posted to its exchange."""
    url = parse_broker_url(broker)
    if isinstance(url, AmqpUrl) and url.stream is not None:
        keeper = f"the stream {url.stream} of RabbitMQ keeps all that is posted to its exchange"
    elif isinstance(url, RedisUrl):
        keeper = "Redis keeps all that is posted, for all daemons on it"
    elif isinstance(url, PluginUrl):
        keeper = f"nobody knows of {url.scheme}:// whether it keeps all that is posted"
    else:
        return
    stores = "sqlite://, memory:// and amqp:// without a stream can leave out events"
    raise ConfigError(name, False, f"true with this store: {keeper}; {stores} ({where})")


def _check_signers(settings: Settings, name: str, where: str) -> None:
    """Require keys that sign, of which none is known to everybody; in development mode nothing is secret."""
    if not settings.all_keys:
        raise ConfigError(name, GRANT, f"a key as well, since grants are signed with it: set key or key_file ({where})")
    known = next((key for key in settings.all_keys if key in WELL_KNOWN_KEYS), None)
    if known is not None and not settings.dev:
        cure = f"keys of your own only: everybody knows {known} and could make grants with it"
        raise ConfigError(name, GRANT, f"{cure}; set another key, on the sites' side too ({where})")
