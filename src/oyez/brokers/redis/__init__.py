"""``redis://``: events in one stream of Redis or Valkey, which several daemons can share.

Knows whether the library for it is installed. Must not know what it is used for.
"""

from typing import TYPE_CHECKING

from oyez.brokers.extra import missing_library
from oyez.brokers.redis.url import RedisUrl

if TYPE_CHECKING:  # whoever reads a URL need not wait for the hub
    from oyez.brokers.redis.context import RedisContext
    from oyez.hub.broker import Broker


def open_redis(url: RedisUrl, context: "RedisContext") -> "Broker":
    """Make the broker of a URL; it connects when it starts.

    Args:
        url: where, and what.
        context: what the daemon says about the events.

    Raises:
        UnusableError: the library is not installed.
    """
    try:
        # Here, since it is an extra: whoever does not use this broker need not have it, nor wait for its import.
        from oyez.brokers.redis.broker import RedisBroker  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise missing_library(f"redis://{url.server}", "redis", error) from error
    return RedisBroker(url, context)
