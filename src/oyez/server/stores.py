"""Which broker a URL opens, and with which settings.

Knows every broker by name. Must not know what a broker does inside.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from oyez.brokers.memory import MemoryBroker
from oyez.brokers.rabbitmq import open_amqp
from oyez.brokers.rabbitmq.url import AmqpUrl
from oyez.brokers.redis import open_redis
from oyez.brokers.redis.url import RedisUrl
from oyez.config.broker_url import MemoryUrl, PluginUrl, parse_broker_url, plugins
from oyez.config.tree import Settings, fields_of
from oyez.errors import UnusableError
from oyez.hub.broker import Broker
from oyez.hub.settings import HistoryRules

if TYPE_CHECKING:
    from oyez.brokers.stripped import TakeOut


def shown_url(settings: Settings) -> str:
    """Return the broker's URL without its password."""
    return next(str(entry.value) for entry in fields_of(settings) if entry.key == "broker")


def open_store(
    settings: Settings,
    note: Callable[[str, str], None],
    rules: HistoryRules | None = None,
    strips: "Callable[[str], TakeOut | None] | None" = None,
) -> Broker:
    """Make the broker that the settings name; it is opened when it starts.

    Args:
        settings: the effective tree.
        note: called for what others put into the store that is no event: a reason, and a detail for the log.
        rules: the channels of which more is to be kept than the settings of history say, or less.
        strips: what leaves the messages of which channel; None: nothing leaves any.

    Raises:
        UnusableError: it needs what is not installed.
    """
    broker = _open(settings, note, rules)
    if strips is None:
        return broker
    from oyez.brokers.stripped import StrippedBroker  # noqa: PLC0415 - what is not used is not loaded

    return StrippedBroker(broker, strips)


def _open(settings: Settings, note: Callable[[str, str], None], rules: HistoryRules | None) -> Broker:
    url = parse_broker_url(settings.broker)
    if isinstance(url, MemoryUrl):
        return MemoryBroker()
    if isinstance(url, PluginUrl):
        return _open_plugin(url)
    history = settings.history if rules is None else replace(settings.history, ttl_s=rules.longest_ttl_s)
    if isinstance(url, AmqpUrl):
        from oyez.brokers.rabbitmq.intake import IntakeContext  # noqa: PLC0415 - what is not used is not loaded

        return open_amqp(url, IntakeContext(settings.limits, history, note))
    if isinstance(url, RedisUrl):
        from oyez.brokers.redis.context import RedisContext  # noqa: PLC0415 - what is not used is not loaded

        return open_redis(url, RedisContext(settings.limits, history, note))
    from oyez.brokers.sqlite.broker import SqliteBroker  # noqa: PLC0415 - what is not used is not loaded

    return SqliteBroker(url.path, synced=url.synced, settings=settings.sqlite, history=settings.history, rules=rules)


def _open_plugin(url: PluginUrl) -> Broker:
    """Let another package make its broker; whatever it raises is about the URL."""
    try:
        make: Callable[[str], Broker] = plugins()[url.scheme].load()
        return make(url.url)
    except Exception as error:
        raise UnusableError("broker", url.scheme + "://", f"the package of that broker says: {error}") from error
