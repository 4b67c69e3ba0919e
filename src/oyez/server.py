"""The one place where the parts meet: build, start, drain, stop.

Knows every part, and the process: signals, sockets, limits. Must not know what any part does inside.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute, Route
from websockets.protocol import Protocol as FrameProtocol

from oyez import __version__, logs
from oyez.address import FindPeer, parse_networks
from oyez.auth import WELL_KNOWN_KEYS, PostPolicy
from oyez.brokers.memory import MemoryBroker
from oyez.endpoints.api import ApiEndpoint
from oyez.endpoints.playground import PlaygroundEndpoint
from oyez.endpoints.session import FilterLimits
from oyez.endpoints.socketio import SocketIOEndpoint, SocketIOLimits
from oyez.endpoints.status import StatusEndpoint
from oyez.errors import ConfigError
from oyez.hub.history import History
from oyez.hub.hub import Hub
from oyez.limits import FailedAttempts, Notes, derive_capacity, raise_open_files
from oyez.metrics import Metrics
from oyez.net.connection import WebSocketConnection
from oyez.net.engineio import EngineServer, EngineSettings
from oyez.net.engineio_http import EngineHttp
from oyez.net.gate import FrameReceiver
from oyez.net.handshake import Handshake, Refusal
from oyez.net.http import HttpServer, bind_tcp, bind_unix
from oyez.net.ticker import Ticker
from oyez.settings import LimitSettings, Settings
from oyez.wire import engineio
from oyez.wire.engineio_session import Timers

logger = logging.getLogger(__name__)

# Part of the drain's time is kept for what has to be cut off.
_DRAIN_RESERVE = 0.1

# Allocations until the collector looks at the youngest objects, and how seldom it looks at the older ones.
_GC_THRESHOLDS = (200_000, 20, 20)

# A signal to a whole group of processes comes twice, once of them by way of make or a shell.
_SAME_REQUEST_S = 1.0

# Answers below this size are not worth compressing (bytes).
_GZIP_FROM = 1024

# RFC 6455 §7.4.1: the endpoint goes away; clients come back by themselves.
_GOING_AWAY = 1001


@dataclass(slots=True)
class Doorway:
    """What all sockets share: the clock, the limits, and the judge of each path that takes WebSockets."""

    ticker: Ticker
    limits: LimitSettings
    max_sockets: int
    max_message_bytes: int
    note: Notes
    judges: list[tuple[str, Callable[[Handshake], FrameReceiver | Refusal]]] = field(default_factory=list)
    parsers: list[FrameProtocol] = field(default_factory=list)
    connections: set[WebSocketConnection] = field(default_factory=set)

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        """Ask the judge of the first path that the handshake's begins with."""
        for prefix, judge in self.judges:
            if handshake.path.startswith(prefix):
                return judge(handshake)
        self.note("bad-handshake", "a WebSocket where there is none")
        return Refusal(404, "Not Found", b'{"code":"not-found","message":"No WebSocket is served here"}')


class Daemon:
    """One daemon, from its settings.

    Args:
        settings: the effective tree.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._serving = False
        self.notes = Notes()
        self._ticker = Ticker()
        self._trusted = parse_networks(settings.http.trusted_proxies)
        self.capacity = derive_capacity(raise_open_files(), settings.limits.max_connections)
        self.hub = self._build_hub()
        self._policy = PostPolicy(settings.key, parse_networks(settings.auth.sender_addresses))
        failures = FailedAttempts(settings.limits.auth_failures_per_minute)
        self._socketio = SocketIOEndpoint(self.hub, self._socketio_limits(), self._policy, failures, self.notes)
        self._engine = self._build_engine()
        self._api = ApiEndpoint(
            self.hub,
            self._policy,
            failures,
            self.notes,
            trusted_proxies=self._trusted,
            max_message_bytes=settings.limits.max_sender_message_bytes,
            max_channel_length=settings.limits.max_channel_length,
            body_timeout_s=settings.limits.body_timeout_s,
        )
        self._doorway = Doorway(
            self._ticker,
            settings.limits,
            self.capacity.sockets,
            settings.limits.max_sender_message_bytes,
            self.notes,
        )
        self._http = HttpServer(self._build_app(), self._doorway)

    # Build

    def _build_hub(self) -> Hub:
        history = self._settings.history
        return Hub(
            MemoryBroker(),
            History(
                size=history.size,
                ttl_s=history.ttl_s,
                max_bytes=history.max_bytes,
                max_channels=history.max_channels,
            ),
            call_soon=lambda function: asyncio.get_running_loop().call_soon(function),
            clock=time.monotonic,
            replay_without_start=history.replay_without_start,
        )

    def _socketio_limits(self) -> SocketIOLimits:
        limits = self._settings.limits
        return SocketIOLimits(
            FilterLimits(limits.max_subscriptions, limits.max_channel_length),
            self.capacity.listeners,
            limits.max_receiver_message_bytes,
            limits.max_sender_message_bytes,
            self._settings.socketio.connect_timeout_s,
        )

    def _build_engine(self) -> EngineServer:
        socketio = self._settings.socketio
        return EngineServer(
            EngineSettings(
                Timers(socketio.ping_interval_s, socketio.ping_timeout_s),
                socketio.upgrade_timeout_s,
                self._settings.limits.max_receiver_message_bytes,
            ),
            self._ticker,
            self._socketio.open_app,
            self.notes,
        )

    def _build_app(self) -> Starlette:
        path = self._settings.socketio.path
        socketio_http = EngineHttp(
            self._engine,
            trusted_proxies=self._trusted,
            allowed_origins=self._settings.http.allowed_origins,
            body_timeout_s=self._settings.limits.body_timeout_s,
            may_open=self._may_open,
        )
        self._doorway.judges.append((path, socketio_http.admit))
        routes: list[BaseRoute] = [
            Route(path + "{rest:path}", socketio_http),
            *self._api.routes(),
            *StatusEndpoint(lambda: self._serving, self._build_metrics()).routes(),
        ]
        if self._settings.dev:
            routes += PlaygroundEndpoint(self._settings.key, path).routes()
        app = Starlette(routes=routes, middleware=[Middleware(GZipMiddleware, minimum_size=_GZIP_FROM)])
        app.router.redirect_slashes = False  # a path that is not there is not there
        return app

    def _may_open(self, find_peer: FindPeer) -> bool:
        """Keep the last sessions for posters on this machine; take none while stopping."""
        if not self._serving:
            return False
        if len(self._engine.links) < self.capacity.sessions:
            return True
        peer = find_peer()
        return peer.local and peer.direct

    def _build_metrics(self) -> Metrics:
        metrics = Metrics()
        metrics.gauge("oyez_sessions", "Sessions that are open.", lambda: len(self._engine.links))
        metrics.gauge("oyez_listeners", "Sessions that listen.", lambda: self._socketio.listeners)
        metrics.gauge("oyez_senders", "Sessions that may post.", lambda: self._socketio.senders)
        metrics.gauge("oyez_history_events", "Events in history.", lambda: self.hub.history_events)
        metrics.gauge("oyez_history_bytes", "Estimated memory of history.", lambda: self.hub.history_bytes)
        metrics.counter("oyez_posts", "Events posted.", lambda: self._socketio.posts + self._api.posts)
        metrics.counter("oyez_deliveries", "Events given to listeners.", lambda: self.hub.deliveries)
        metrics.counter("oyez_gaps", "Gaps that listeners were told of.", lambda: self.hub.gaps)
        metrics.counter_by_reason(
            "oyez_refusals", "What peers did wrong, or were refused, by reason.", lambda: self.notes.counts
        )
        return metrics

    # Run

    async def start(self) -> str:
        """Open the store, listen and serve.

        Returns:
            The address: ``http://host:port`` or ``unix:path``.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        listener, address = self._bind()
        try:
            await self.hub.start()
            self._ticker.start()
            self._log_limits()
            await self._http.start([listener])
        except BaseException:
            listener.close()
            raise
        self._serving = True
        self._housekeeping = asyncio.create_task(self._keep_house())
        logger.info("listening on %s", address)
        return address

    async def stop(self) -> None:
        """Stop listening, end polls, close transports so that clients come back by themselves; in bounded time."""
        self._serving = False
        deadline = self._ticker.clock() + self._settings.drain_deadline_s * (1 - _DRAIN_RESERVE)
        logger.info(
            "stopping: %d sessions are closed, for %g s at most",
            len(self._engine.links),
            self._settings.drain_deadline_s,
        )
        self._http.stop_listening()
        self._housekeeping.cancel()
        for number, link in enumerate(list(self._engine.links.values())):
            link.close(engineio.NOOP, code=_GOING_AWAY)
            if number % 100 == 99:
                await asyncio.sleep(0)
        cut_off = await self._http.drain(deadline)
        self._ticker.stop()
        await self.hub.stop()
        logger.info("stopped%s", f"; {cut_off} sockets had to be cut off" if cut_off else "")

    def _bind(self) -> tuple[socket.socket, str]:
        settings = self._settings
        try:
            if settings.uds:
                return bind_unix(settings.uds), f"unix:{settings.uds}"
            listener = bind_tcp(settings.host, settings.port)
        except OSError as error:
            if settings.uds:
                raise ConfigError("uds", settings.uds, f"cannot listen there: {error.strerror or error}") from error
            raise ConfigError(
                "host and port",
                f"{settings.host}:{settings.port}",
                f"cannot listen there: {error.strerror or error}; is another daemon running? (port 0 picks a free one)",
            ) from error
        host, port = listener.getsockname()[:2]
        return listener, f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def _log_limits(self) -> None:
        settings, capacity = self._settings, self.capacity
        logger.info("Oyez %s, broker %s", __version__, settings.broker)
        logger.info(
            "up to %d listeners, %d sessions, %d sockets (derived from the limit of open files)", *reversed(capacity)
        )
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
        if not settings.key:
            logger.warning("no key is set, so nobody may post: set OYEZ_KEY or EVENT_DAEMON_KEY, or use --key")
        elif settings.key in WELL_KNOWN_KEYS and not settings.dev:
            logger.warning(
                "THE KEY %r IS PUBLIC KNOWLEDGE: whoever reaches this port could forge events. It is accepted from this"
                " machine only, and not through a proxy. Set EVENT_DAEMON_KEY to a secret of your own, here and in the"
                " site's settings",
                settings.key,
            )

    async def _keep_house(self) -> None:
        """Let old events go, once a second."""
        while True:
            await asyncio.sleep(1)
            self.hub.expire()


async def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Run a daemon until SIGTERM or SIGINT; one more signal after a moment ends it at once."""
    daemon = Daemon(settings)
    asked_to_stop = asyncio.Event()
    asked_at = 0.0
    loop = asyncio.get_running_loop()

    def stop() -> None:
        nonlocal asked_at
        now = time.monotonic()
        if asked_to_stop.is_set() and now - asked_at > _SAME_REQUEST_S:
            os._exit(1)
        asked_at = asked_at or now
        asked_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    address = await daemon.start()
    # What was made until now stays: the collector need not look at it again. Nearly all that is made from now on is
    # freed without its help, so it may look seldom.
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.collect()
    gc.freeze()
    on_ready(address)
    await asked_to_stop.wait()
    await daemon.stop()


def run(settings: Settings, on_ready: Callable[[str], None] = lambda _: None) -> int:
    """Run the daemon in this process.

    Args:
        settings: the effective tree.
        on_ready: told the address once it serves.

    Returns:
        The exit code: 0 after a signal.

    Raises:
        ConfigError: a setting cannot be had on this machine, such as an address that is taken.
    """
    logs.set_up(settings.log_level, settings.log_format)
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - there is none for Windows

        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(serve(settings, on_ready))
    return 0
