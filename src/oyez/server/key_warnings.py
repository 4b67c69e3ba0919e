"""What the operator is told about the keys that are set, or that none is: at the start, and when they change.

Knows keys. Must not know who shows one.
"""

import logging

from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.config.tree import Settings
from oyez.errors import ConfigError

logger = logging.getLogger(__name__)


def require_key(settings: Settings) -> None:
    """Require a key, since others than this machine reach the post listener.

    Raises:
        ConfigError: there is none.
    """
    if not settings.all_keys:
        raise ConfigError(
            "post_listener.host",
            settings.post_listener.host,
            "an address that only this machine reaches, such as 127.0.0.1, or else a key (set OYEZ_KEY)",
        )


def tell_of_keys(settings: Settings) -> None:
    """Write to the log who may post because of the keys, where that may surprise."""
    if not settings.all_keys and (settings.post_listener.host or settings.post_listener.uds):
        logger.info("no key is set, so only those who reach the post listener may post")
    elif not settings.all_keys:
        logger.warning("no key is set, so nobody may post: set OYEZ_KEY or EVENT_DAEMON_KEY, or use --key")
    for key in () if settings.dev else WELL_KNOWN_KEYS.intersection(settings.all_keys):
        logger.warning(
            "THE KEY %r IS PUBLIC KNOWLEDGE: whoever reaches this port could forge events. It is accepted from this"
            " machine only, and not through a proxy. Set EVENT_DAEMON_KEY to a secret of your own, here and in the"
            " site's settings",
            key,
        )
