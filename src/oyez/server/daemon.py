"""One daemon: listening on its addresses, serving, and stopping in bounded time.

Knows when things begin and end. Must not know what any part does inside.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

from oyez import __version__
from oyez.config.load import Loaded
from oyez.config.tree import Reloaded, Settings
from oyez.errors import BrokerError, ConfigError, UnusableError
from oyez.net.http.server import HttpServer
from oyez.server.addresses import Address, is_this_machines, name_of
from oyez.server.assembly import Assembly, Doors
from oyez.server.housekeeping import Housekeeping
from oyez.server.key_warnings import require_key, tell_of_keys

if TYPE_CHECKING:
    from oyez.server.reload import Reloader

logger = logging.getLogger(__name__)

# Part of the drain's time is kept for what has to be cut off.
_DRAIN_RESERVE = 0.1

# What a store may take to close before that is worth a line.
_STORE_PATIENCE_S = 2.5

# Closing is work as well; between so many, others have their turn.
_CLOSED_AT_ONCE = 100


class _Bound(NamedTuple):
    address: Address
    listener: socket.socket
    what: str
    """Who is served there, for the log; empty: everybody."""
    doors: Doors


class Daemon:
    """One daemon, from its settings.

    Args:
        settings: the effective tree.
        count_lost_lines: returns how many lines of the log were dropped.
        read_again: reads the settings from where these come from; None: they cannot change.
    """

    def __init__(
        self,
        settings: Settings,
        count_lost_lines: Callable[[], int],
        read_again: Callable[[], Loaded] | None = None,
    ) -> None:
        self._settings = settings
        self._serving = False
        self._assembly = Assembly(settings, lambda: self._serving, count_lost_lines, self._read_settings_again)
        self._read_again = read_again or (lambda: Loaded(settings, {}, ()))
        self._reloader: Reloader | None = None
        self._http = HttpServer(self._assembly.ticker)
        self._main = self._assembly.main_doors()

    async def start(self) -> str:
        """Open the store, listen and serve.

        Returns:
            The main address: ``http://host:port`` or ``unix:path``.

        Raises:
            ConfigError: an address cannot be listened on, or the store cannot be opened.
        """
        all_bound: list[_Bound] = []
        undo = AsyncExitStack()
        try:
            all_bound.extend(self._bind_all())  # what was bound is in it, also when another cannot be
            await self._open_store()
            undo.push_async_callback(self._assembly.hub.stop)
            self._assembly.ticker.start()
            self._log_limits()
            for bound in all_bound:
                await self._listen(bound)
        except BaseException:
            for bound in all_bound:
                bound.listener.close()
            await undo.aclose()
            raise
        self._serving = True
        housekeeping = Housekeeping(self._assembly.hub, self._assembly.notes.tell_what_is_due)
        self._assembly.ticker.call_each_second(housekeeping.look)
        address = name_of(all_bound[0].listener)
        logger.info("listening on %s", address)
        return address

    async def _listen(self, bound: _Bound) -> None:
        try:
            await self._http.listen(bound.listener, bound.doors.app, bound.doors.routes)
        except OSError as error:  # another has bound it as well, and listens by now
            raise bound.address.explain(error) from error
        if bound.what:
            logger.info("%s at %s", bound.what, name_of(bound.listener))

    async def _open_store(self) -> None:
        try:
            await self._assembly.hub.start()
        except BrokerError as error:
            raise UnusableError("broker", self._assembly.broker_url, str(error)) from error

    async def reload(self) -> None:
        """Read the settings again, and let those count that can change; the log tells what has come of it."""
        with contextlib.suppress(ConfigError):
            await self._read_settings_again()

    async def _read_settings_again(self) -> Reloaded:
        from oyez.server.reload import Reloader  # noqa: PLC0415 - what is seldom done is not loaded at the start

        self._reloader = self._reloader or Reloader(self._assembly, self._read_again)
        return await self._reloader.reload()

    async def stop(self) -> None:
        """Stop listening, end polls, close sockets so that clients come back by themselves; in bounded time."""
        self._serving = False
        assembly = self._assembly
        deadline = assembly.ticker.clock() + self._settings.drain_deadline_s * (1 - _DRAIN_RESERVE)
        sessions = assembly.count_sessions()
        what = "1 session is" if sessions == 1 else f"{sessions} sessions are"
        logger.info("stopping: %s closed, within %g s", what, self._settings.drain_deadline_s)
        self._http.stop_listening()
        assembly.polls.close()
        assembly.refusals.give_all()
        for number, session in enumerate(list(assembly.engine.sessions.values()), 1):
            _end(session.leave)
            if number % _CLOSED_AT_ONCE == 0:
                await asyncio.sleep(0)
        for number, connection in enumerate(list(self._main.routes.connections), 1):
            _end(connection.leave)
            if number % _CLOSED_AT_ONCE == 0:
                await asyncio.sleep(0)
        _end(assembly.check.stop)
        try:
            cut_off = await self._http.drain(deadline)
        finally:  # whatever goes wrong, the store is closed
            assembly.ticker.stop()
            assembly.notes.tell_the_rest()
            await self._close_store()
        sockets = "1 socket" if cut_off == 1 else f"{cut_off} sockets"
        logger.info("stopped%s", f"; {sockets} had to be cut off" if cut_off else "")

    async def _close_store(self) -> None:
        """Close the store; one that hangs is named, for the process will be ended with it."""
        closing = asyncio.ensure_future(self._assembly.hub.stop())
        done, _ = await asyncio.wait({closing}, timeout=_STORE_PATIENCE_S)
        if not done:
            logger.error("the store does not close: %s", self._assembly.broker_url)
        await closing

    # Addresses

    def _bind_all(self) -> Iterator[_Bound]:
        """Bind every address that is asked for, the main one first."""
        settings, assembly = self._settings, self._assembly
        address = Address(settings)
        yield _Bound(address, address.bind(), "", self._main)
        address = Address(settings.post_listener, "post_listener.")
        if address.wanted:
            listener = address.bind()
            trusted = is_this_machines(listener)
            key = "no key needed" if trusted else "with the key"
            yield _Bound(
                address,
                listener,
                f"raw WebSocket posters, {key},",
                assembly.post_doors(self._main, trusted=trusted),
            )
            if not trusted:
                require_key(settings)
        address = Address(settings.poll_listener, "poll_listener.")
        if address.wanted:
            yield _Bound(address, address.bind(), "long polls", assembly.poll_doors(self._main))

    def _log_limits(self) -> None:
        settings, capacity = self._settings, self._assembly.capacity
        logger.info("Oyez %s, broker %s", __version__, self._assembly.broker_url)
        logger.info(
            "up to %d listeners, %d sessions, %d sockets (derived from the limit of open files)", *reversed(capacity)
        )
        self._log_share()
        history = settings.history
        logger.info(
            "history: %d events per channel, %g s, %d MiB in all", history.size, history.ttl_s, history.max_bytes >> 20
        )
        socketio = settings.socketio
        logger.info(
            "Socket.IO at %s: ping every %g s, timeout %g s",
            socketio.path,
            socketio.ping_interval_s,
            socketio.ping_timeout_s,
        )
        websocket = settings.websocket
        logger.info(
            "raw WebSocket at %s: ping every %g s, timeout %g s; posters at %s",
            ", ".join(websocket.paths) or "no path",
            websocket.ping_interval_s,
            websocket.ping_timeout_s,
            websocket.post_path,
        )
        http = settings.http
        logger.info(
            "long polls wait %g s, event streams show life every %g s",
            http.long_poll_timeout_s,
            http.stream_heartbeat_s,
        )
        tell_of_keys(settings)

    def _log_share(self) -> None:
        limits, places = self._settings.limits, self._assembly.places
        rates = places.shares.rates
        logger.info(
            "one address: up to %d listeners; connects %s; commands %s (one listener %s); bytes of old events %s;"
            " a wait after %d wrong keys in a minute%s",
            places.bounds.listeners,
            rates.connects,
            rates.commands,
            rates.connection_commands,
            rates.replay,
            limits.auth_failures_per_minute,
            f"; only observed: {', '.join(limits.observe)}" if limits.observe else "",
        )


def _end(end: Callable[[], None]) -> None:
    """End one connection; the others have to end too."""
    try:
        end()
    except Exception:
        logger.exception("a connection could not be closed after an error of ours")
