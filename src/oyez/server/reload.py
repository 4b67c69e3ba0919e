"""A second reading of the settings while the daemon serves: what is new counts, or is named as in need of a restart.

Knows which part has to be told of which settings. Must not know who asks for it, nor what a part does with them.

Most limits need no word: parts read them from their leaf whenever they need them. A table says who is told of the rest.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from oyez.access.capacity import derive_capacity, raise_open_files
from oyez.access.ip_addresses import parse_networks
from oyez.brokers.stripped import StrippedBroker
from oyez.config.load import Loaded, check_whole
from oyez.config.tree import Reloaded, Settings, merge
from oyez.errors import ConfigError
from oyez.logs import change_level
from oyez.server.assembly import Assembly, find_exempt, find_post_policy
from oyez.server.channel_rules import find_needing_restart, find_rates, find_strips, renew_history_rules
from oyez.server.key_warnings import require_key, tell_of_keys
from oyez.server.reading import SettingsReader
from oyez.setting import put_in_force

logger = logging.getLogger(__name__)


class Reloader:
    """Reads the settings of a daemon again, one time after the other.

    Args:
        assembly: the parts of the daemon.
        read_again: reads the settings from where they came from at the start; called in a thread.
    """

    def __init__(self, assembly: Assembly, read_again: Callable[[], Loaded]) -> None:
        self._assembly = assembly
        self._reader = SettingsReader(read_again)
        self._one_at_a_time = asyncio.Lock()

    async def reload(self) -> Reloaded:
        """Read the settings, and let those count that can change; the log tells what has come of it.

        Raises:
            ConfigError: one is wrong, or cannot be read in time, and nothing is changed.
        """
        async with self._one_at_a_time:
            try:
                loaded = await self._reader.read()
                settings, found = self._compare(loaded.settings)
            except ConfigError as error:
                logger.error("the settings were read again, and nothing is changed: %s", error)
                raise
            for warning in loaded.warnings:
                logger.warning("%s", warning)
            await self._put_in_force(settings, found.changed)
        _tell(found)
        return found

    def _compare(self, wanted: Settings) -> tuple[Settings, Reloaded]:
        """Find what counts from now on. Raises ConfigError: it does not go together with what needs a restart."""
        before, first = self._assembly.settings, self._assembly.first_settings
        settings, found = merge(before, wanted)
        check_whole(settings, {})
        if self._assembly.needs_key:
            require_key(settings)
        changed = list(found.changed)
        if "channels" in changed and _without_keep(before) == _without_keep(settings):
            changed.remove("channels")
        return settings, Reloaded(tuple(changed), (*found.needs_restart, *find_needing_restart(first, wanted)))

    async def _put_in_force(self, settings: Settings, changed: Sequence[str]) -> None:
        assembly = self._assembly
        put_in_force(assembly.settings.limits, settings.limits)
        put_in_force(assembly.settings.http, settings.http)
        assembly.settings = replace(settings, limits=assembly.settings.limits, http=assembly.settings.http)
        for one in CONCERNED:
            if any(is_named(one.names, name) for name in changed):
                one.tell(assembly)
        if assembly.listen_rules is not None:
            await assembly.listen_rules.check_all()


class Concerned(NamedTuple):
    """Who has to be told when some settings change."""

    names: tuple[str, ...]
    """Settings, or tables of them."""
    tell: Callable[[Assembly], None]
    """Has a part of the daemon go by the settings that are in force now."""


def is_named(names: Sequence[str], setting: str) -> bool:
    """Return whether a setting is among those that are named, or in a table that is."""
    return any(setting == name or setting.startswith(name + ".") for name in names)


def _change_log(assembly: Assembly) -> None:
    change_level(assembly.settings.log_level)


def _change_limits(assembly: Assembly) -> None:
    limits, places = assembly.settings.limits, assembly.places
    assembly.enforcement.change_limits(limits)
    places.shares.change_limits(limits, find_exempt(assembly.settings))
    places.change_limits(derive_capacity(raise_open_files(), limits.max_connections), limits)
    assembly.engine.unread.limit = limits.max_unread_polling_bytes


def _change_peers(assembly: Assembly) -> None:
    settings = assembly.settings
    proxies = parse_networks(settings.http.trusted_proxies)
    assembly.context.peers.change(proxies, settings.auth.local_hosts)
    assembly.places.hiding_proxies.change(proxies)


def _change_origins(assembly: Assembly) -> None:
    assembly.context.origins.change(assembly.settings.http.allowed_origins)


def _change_keys(assembly: Assembly) -> None:
    settings = assembly.settings
    assembly.check.change_policy(
        find_post_policy(settings),
        parse_networks(settings.limits.exempt_networks),
        settings.limits.auth_failures_per_minute,
    )


def _tell_of_keys(assembly: Assembly) -> None:
    tell_of_keys(assembly.settings)


def _change_channels(assembly: Assembly) -> None:
    settings = assembly.settings
    assembly.hub.change_rules(renew_history_rules(settings, assembly.history_rules), find_rates(settings))
    if isinstance(assembly.broker, StrippedBroker):
        assembly.broker.change_rules(find_strips(settings) or (lambda _: None))


def _change_listen_rules(assembly: Assembly) -> None:
    assembly.change_listen_rules(assembly.settings)


CONCERNED = (
    Concerned(("log_level",), _change_log),
    Concerned(("limits", "http.trusted_proxies"), _change_limits),
    Concerned(("http.trusted_proxies", "auth.local_hosts"), _change_peers),
    Concerned(("http.allowed_origins",), _change_origins),
    Concerned(("key", "keys", "auth", "limits"), _change_keys),
    Concerned(("key", "keys"), _tell_of_keys),
    Concerned(("channels",), _change_channels),
    Concerned(("channels", "key", "keys"), _change_listen_rules),
)
"""Whoever has to be told of what, in the order in which they are."""


def _without_keep(settings: Settings) -> list[object]:
    """Return the rules for channels as far as they change while the daemon serves."""
    return [replace(rule, keep=True) for rule in settings.channels]


def _tell(found: Reloaded) -> None:
    logger.info("the settings were read again; changed: %s", ", ".join(found.changed) or "nothing")
    if found.needs_restart:
        logger.warning("these settings have changed, and that needs a restart: %s", ", ".join(found.needs_restart))
