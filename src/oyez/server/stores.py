"""Which broker a URL opens, and with which settings.

Knows every broker by name. Must not know what a broker does inside.
"""

from oyez.broker_url import MemoryUrl, parse_broker_url
from oyez.brokers.memory import MemoryBroker
from oyez.brokers.sqlite import Replay, SqliteBroker
from oyez.brokers.sqlite_file import Bounds
from oyez.hub.broker import Broker
from oyez.settings import Settings, fields_of

# The least memory that one event of history takes: reading more than fit would be in vain.
_LEAST_EVENT_BYTES = 500


def shown_url(settings: Settings) -> str:
    """Give the broker's URL without its password."""
    return next(str(entry.value) for entry in fields_of(settings) if entry.key == "broker")


def open_store(settings: Settings) -> Broker:
    """Make the broker that the settings name; it is opened when it starts."""
    url = parse_broker_url(settings.broker)
    if isinstance(url, MemoryUrl):
        return MemoryBroker()
    history, sqlite = settings.history, settings.sqlite
    return SqliteBroker(
        url.path,
        synced=url.synced,
        bounds=Bounds(sqlite.max_age_s, sqlite.max_events, sqlite.max_bytes),
        replay=Replay(history.ttl_s, max(history.max_bytes // _LEAST_EVENT_BYTES, 1)),
    )
