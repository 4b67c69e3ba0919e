"""Which broker a URL opens, and with which settings.

Knows every broker by name. Must not know what a broker does inside.
"""

from collections.abc import Callable

from oyez.brokers.memory import MemoryBroker
from oyez.brokers.rabbitmq import open_amqp
from oyez.brokers.rabbitmq.limits import Limits
from oyez.brokers.rabbitmq.url import AmqpUrl
from oyez.brokers.sqlite.broker import SqliteBroker
from oyez.brokers.sqlite.file import Bounds, Replay
from oyez.config.broker_url import MemoryUrl, PluginUrl, parse_broker_url, plugins
from oyez.config.tree import Settings, fields_of
from oyez.errors import UnusableError
from oyez.hub.broker import Broker
from oyez.hub.publication import OVERHEAD_BYTES
from oyez.wire.commands import ENVELOPE_BYTES
from oyez.wire.socketio import MAX_ATTACHMENTS


def shown_url(settings: Settings) -> str:
    """Give the broker's URL without its password."""
    return next(str(entry.value) for entry in fields_of(settings) if entry.key == "broker")


def open_store(settings: Settings, note: Callable[[str, str], None]) -> Broker:
    """Make the broker that the settings name; it is opened when it starts.

    Args:
        settings: the effective tree.
        note: told of what others put into the store that is no event.

    Raises:
        UnusableError: it needs what is not installed.
    """
    url = parse_broker_url(settings.broker)
    if isinstance(url, MemoryUrl):
        return MemoryBroker()
    if isinstance(url, PluginUrl):
        return _open_plugin(url)
    history, sqlite = settings.history, settings.sqlite
    if isinstance(url, AmqpUrl):
        limits = settings.limits
        # A post has a text and attachments, each of them as long as a message may be; those travel as base64.
        max_body_bytes = limits.max_sender_message_bytes * (1 + MAX_ATTACHMENTS * 4 // 3) + ENVELOPE_BYTES
        return open_amqp(url, Limits(limits.max_channel_length, max_body_bytes, history.ttl_s), note)
    return SqliteBroker(
        url.path,
        synced=url.synced,
        bounds=Bounds(sqlite.max_age_s, sqlite.max_events, sqlite.max_bytes),
        replay=Replay(
            history.ttl_s,
            events=max(history.max_bytes // OVERHEAD_BYTES, 1),
            bytes=history.max_bytes // 2,  # history counts a message twice, for its bytes on the wire
            per_channel=history.size + 1,
        ),
    )


def _open_plugin(url: PluginUrl) -> Broker:
    """Let another package make its broker; whatever it raises is about the URL."""
    try:
        make: Callable[[str], Broker] = plugins()[url.scheme].load()
        return make(url.url)
    except Exception as error:
        raise UnusableError("broker", url.scheme + "://", f"the package of that broker says: {error}") from error
