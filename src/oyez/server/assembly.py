"""How a daemon is put together from its settings.

Knows every part by name. Must not know when they are started, nor what they do inside.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from oyez import __version__
from oyez.access.capacity import Capacity, derive_capacity, raise_open_files
from oyez.access.enforcement import Enforcement
from oyez.access.failures import FailedAttempts
from oyez.access.hiding_proxies import HidingProxies
from oyez.access.ip_addresses import Network, parse_networks
from oyez.access.keys import PostPolicy, make_keys
from oyez.access.origins import Origins
from oyez.access.peer import Peers
from oyez.access.places import Places
from oyez.access.poster_check import PosterCheck
from oyez.access.settings import COUNT, OPEN
from oyez.access.shares import Shares
from oyez.config.tree import Settings
from oyez.endpoints.api.routes import ApiEndpoint, ReadAgain
from oyez.endpoints.context import DoorContext
from oyez.endpoints.longpoll import PREFIX, LongPollEndpoint
from oyez.endpoints.longpoll_direct import DirectLongPoll
from oyez.endpoints.playground import PlaygroundEndpoint
from oyez.endpoints.posting import PostingEndpoint
from oyez.endpoints.script import ScriptEndpoint
from oyez.endpoints.socketio import SocketIOEndpoint
from oyez.endpoints.sse import PATH as STREAM_PATH
from oyez.endpoints.sse import EventStreamEndpoint
from oyez.endpoints.status import StatusEndpoint
from oyez.endpoints.waiting_polls import WaitingPolls
from oyez.endpoints.websocket import WebSocketEndpoint
from oyez.hub.history import History
from oyez.hub.hub import Hub
from oyez.hub.notices import KeptNotices, LocalNotices, Notices
from oyez.hub.settings import HistoryRules
from oyez.metrics import Metrics
from oyez.net.engineio.http import EngineHttp
from oyez.net.engineio.http_direct import DirectPolls, DirectPosts
from oyez.net.engineio.session import EngineServer
from oyez.net.http.compression import Compression
from oyez.net.http.direct import DirectDoor
from oyez.net.http.direct_pacing import PacedDoor
from oyez.net.http.pacing import PacedRequests
from oyez.net.http.request_waits import RequestWaits
from oyez.net.late_answers import LateAnswers
from oyez.net.paced_refusals import PacedRefusals
from oyez.net.ticker import Ticker
from oyez.net.turns import Turns
from oyez.notes import Notes
from oyez.server.channel_rules import find_history_rules, find_rates, find_strips, hears_notices
from oyez.server.routes import Routes
from oyez.server.stores import open_store, shown_url

if TYPE_CHECKING:
    from oyez.server.listen_rules import ListenRules

# Where raw WebSockets of listeners are below Socket.IO's path, whatever else they are at.
_LISTEN_PATH = "/event/"

ErrorAnswers = Mapping[int, Callable[[Request, Exception], Awaitable[Response]]]

# Answers below this size are not worth compressing (bytes).
_GZIP_FROM = 1024
_GZIP_LEVEL = 4  # a full page of history takes 1.5 ms at this level, and 4 ms at the usual one


class Doors(NamedTuple):
    """What is served at one address: an HTTP application, and who takes WebSockets and streams."""

    app: ASGIApp
    routes: Routes


def find_post_policy(settings: Settings) -> PostPolicy:
    """Return who may post."""
    return PostPolicy(make_keys(settings.key, settings.keys), parse_networks(settings.auth.sender_addresses))


def find_exempt(settings: Settings) -> tuple[Network, ...]:
    """Return where no address has a share of its own: proxies stand for others."""
    return (*parse_networks(settings.limits.exempt_networks), *parse_networks(settings.http.trusted_proxies))


async def _read_nothing() -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (), ()


class Assembly:
    """All parts of one daemon.

    Args:
        settings: the effective tree.
        is_serving: whether sessions may begin.
        count_lost_lines: returns how many lines of the log were dropped.
        read_settings_again: as of `ApiEndpoint`.

    Attributes:
        settings: those in force. Its leaves for limits and HTTP are this daemon's own, and change in place.
        first_settings: those of the start.
        history_rules: what the rules say to history, at the start; None: nothing.
        listen_rules: what the rules put between listeners and the hub; None: nothing so far.
        needs_key: whether others than this machine reach the address of posters.

    Raises:
        UnusableError: the broker needs what is not installed.
    """

    def __init__(
        self,
        settings: Settings,
        is_serving: Callable[[], bool],
        count_lost_lines: Callable[[], int],
        read_settings_again: ReadAgain = _read_nothing,
    ) -> None:
        self.first_settings = settings
        self.settings = settings = replace(settings, limits=replace(settings.limits), http=replace(settings.http))
        self.listen_rules: ListenRules | None = None
        self.needs_key = False
        self.ticker = Ticker()
        self._late_answers = LateAnswers()
        self.notes = Notes()
        self.enforcement = Enforcement(settings.limits, self.notes, self.notes.observe)
        self.capacity: Capacity = derive_capacity(raise_open_files(), settings.limits.max_connections)
        self.broker_url = shown_url(settings)
        self.history_rules = find_history_rules(settings)
        self.broker = open_store(settings, self.notes, self.history_rules, find_strips(settings))
        self.hub = self._make_hub(self.history_rules)
        self.turns = Turns(before_serving=self.hub.hurry)
        self._waits = RequestWaits()
        self.refusals = PacedRefusals(self.turns, self.ticker)
        proxies = parse_networks(settings.http.trusted_proxies)
        shares = Shares(settings.limits, find_exempt(settings), time.monotonic)
        self.places = Places(
            self.capacity,
            settings.limits,
            shares,
            self.enforcement,
            is_serving=is_serving,
            hiding_proxies=HidingProxies(proxies),
        )
        self.context = DoorContext(
            self.hub,
            self.places,
            self.ticker,
            self.notes,
            settings.limits,
            Origins(settings.http.allowed_origins),
            Peers(proxies, settings.auth.local_hosts),
            self.refusals,
        )
        store = self.broker if isinstance(self.broker, Notices) and hears_notices(settings) else LocalNotices()
        self.notices = KeptNotices(store)
        self.change_listen_rules(settings)
        self.check = check = self._make_check(shares)
        self.socketio = SocketIOEndpoint(self.context, settings.socketio, check)
        self.engine = EngineServer(settings.socketio, settings.limits, self.ticker, self.socketio.open_app, self.notes)
        self.websocket = WebSocketEndpoint(self.context, settings.websocket)
        self.posting = PostingEndpoint(self.context, settings.websocket, check)
        self.polls = WaitingPolls(self.context, settings.http)
        self._longpoll = LongPollEndpoint(self.context, self.polls)
        stream_paths = (STREAM_PATH, self._below_socketio(STREAM_PATH))
        self.streams = EventStreamEndpoint(self.context, settings.http, stream_paths)
        self.api = ApiEndpoint(self.context, check, __version__, read_settings_again)
        self.status = StatusEndpoint(is_serving, self._build_metrics(count_lost_lines))

    def change_listen_rules(self, settings: Settings) -> None:
        """Let rules say who may listen, and who is told how many do."""
        if self.listen_rules is None:
            if all(rule.listen == OPEN and rule.presence != COUNT for rule in settings.channels):
                return
            from oyez.server.listen_rules import ListenRules  # noqa: PLC0415 - most daemons have no rules

            self.listen_rules = ListenRules(self.context, self.notices)
        self.listen_rules.change(settings)

    def count_sessions(self) -> int:
        """Return how many sessions are open, without those whose place is only held."""
        return self.places.sessions - self.polls.held

    # Parts

    def _make_hub(self, history_rules: HistoryRules | None) -> Hub:
        find_rate = find_rates(self.settings)
        return Hub(
            self.broker,
            History(self.settings.history, history_rules, find_rate=find_rate),
            call_soon=lambda function: asyncio.get_running_loop().call_soon(function),
            call_later=lambda delay_s, function: asyncio.get_running_loop().call_later(delay_s, function),
            clock=time.monotonic,
            before_fan_out=self._late_answers.send,
            find_rate=find_rate,
        )

    def _make_check(self, shares: Shares) -> PosterCheck:
        settings = self.settings
        return PosterCheck(
            find_post_policy(settings),
            FailedAttempts(settings.limits.auth_failures_per_minute, self.ticker.clock),
            self.enforcement,
            self.ticker,
            find_share=shares.of_peer,
            exempt_networks=parse_networks(settings.limits.exempt_networks),
        )

    def _count_grants(self) -> Mapping[str, int]:
        gate = self.context.gate
        return {} if gate is None else gate.counts

    def _build_metrics(self, count_lost_lines: Callable[[], int]) -> Metrics:
        metrics = Metrics()
        metrics.gauge("oyez_sessions", "Sessions that are open.", self.count_sessions)
        metrics.gauge("oyez_listeners", "Sessions that listen.", lambda: self.places.listeners - self.polls.held)
        metrics.gauge("oyez_waiting", "Listeners that wait for their turn in history.", lambda: self.hub.waiting)
        metrics.gauge("oyez_senders", "Sessions that may post.", lambda: self.socketio.senders + self.posting.posters)
        metrics.gauge("oyez_history_events", "Events in history.", lambda: self.hub.history_events)
        metrics.gauge("oyez_history_bytes", "Estimated memory of history.", lambda: self.hub.history_bytes)
        metrics.gauge("oyez_broker_up", "Whether the broker takes posts: 1 or 0.", lambda: int(self.broker.available))
        metrics.counter_by("oyez_posts", "Events posted, by the name of the key.", "key", self.check.count_posts)
        metrics.counter("oyez_deliveries", "Events given to listeners.", lambda: self.hub.deliveries)
        metrics.counter("oyez_gaps", "Gaps that listeners were told of.", lambda: self.hub.gaps)
        metrics.counter_by(
            "oyez_grants", "Names of channels that need a grant, by what came of it.", "outcome", self._count_grants
        )
        metrics.counter("oyez_log_lines_dropped", "Lines of the log that nobody read in time.", count_lost_lines)
        metrics.counter_by_reason(
            "oyez_refusals", "What peers did wrong, or were refused, by reason.", lambda: self.notes.counts
        )
        metrics.counter_by_reason(
            "oyez_observed", "What would have been refused, by reason.", lambda: self.notes.observed
        )
        return metrics

    # What is served where

    def _below_socketio(self, path: str) -> str:
        """Return the second path of a listeners' door: a proxy that passes on Socket.IO's serves all of them."""
        return self.settings.socketio.path + path.lstrip("/")

    def main_doors(self) -> Doors:
        """Make the doors of the main address: all of them."""
        settings = self.settings
        socketio_http = EngineHttp(
            self.engine,
            peers=self.context.peers,
            origins=self.context.origins,
            places=self.places,
            refusals=self.refusals,
        )
        routes = Routes(
            self.ticker,
            settings.http,
            settings.limits,
            self.capacity.sockets,
            self.notes,
            self.places,
            self.context.origins,
            self.context.peers,
            self.turns,
            self._late_answers,
            self.refusals,
            below={settings.socketio.path: socketio_http.admit},
            streams=dict.fromkeys(self.streams.paths, self.streams.admit),
            direct=self.api.direct_doors() | self._direct_status(),
            direct_below=self._direct_below(socketio_http),
            compression=Compression(_GZIP_FROM, _GZIP_LEVEL),
        )
        for path in (*settings.websocket.paths, self._below_socketio(_LISTEN_PATH)):
            routes.at[path.rstrip("/") or "/"] = self.websocket.admit
        routes.at[settings.websocket.post_path.rstrip("/") or "/"] = self.posting.admit
        http_routes: list[BaseRoute] = [
            *self.streams.routes(),
            *ScriptEndpoint(self.context.origins, settings.socketio.path).routes(),
            Route(settings.socketio.path + "{rest:path}", socketio_http),
            *self.api.routes(),
            *self.status.routes(),
        ]
        if settings.dev:
            http_routes += PlaygroundEndpoint(
                lambda: self.settings.key, self.context.peers, settings.socketio.path, settings.websocket.paths
            ).routes()
        return Doors(self._build_app(http_routes), routes)

    def post_doors(self, main: Doors, *, trusted: bool) -> Doors:
        """Make the doors of the posters' address: the API, and the raw WebSocket at every path.

        Args:
            main: the doors whose sockets they share.
            trusted: whether only this machine reaches the address.
        """
        self.needs_key = self.needs_key or not trusted
        admit = self.posting.admit_trusted if trusted else self.posting.admit
        routes = replace(
            main.routes,
            at={},
            below={},
            elsewhere=admit,
            streams={},
            direct=self.api.direct_doors(trusted=trusted) | self._direct_status(),
            direct_below={},
            compression=Compression(),
        )
        app = Starlette(routes=[*self.api.routes(trusted=trusted), *self.status.routes()])
        return Doors(self._pace(app, trusted=trusted), routes)

    def poll_doors(self, main: Doors) -> Doors:
        """Make the door of the long polls' address; ``main``: the doors whose sockets it shares."""
        routes = replace(
            main.routes,
            at={},
            below={},
            streams={},
            direct=self._direct_status(),
            direct_below={b"GET": self._direct_polls()},
        )
        return Doors(self._build_app(self.status.routes(), {404: _not_found, 405: _not_found}), routes)

    def _direct_status(self) -> dict[tuple[bytes, bytes], DirectDoor]:
        return self.status.direct_doors(self.places.shares)

    def _direct_polls(self) -> dict[bytes, DirectDoor]:
        door = PacedDoor(DirectLongPoll(self.context, self.polls), self.places, self.turns, self._waits)
        return dict.fromkeys(self._poll_paths, door)

    def _direct_below(self, http: EngineHttp) -> dict[bytes, dict[bytes, DirectDoor]]:
        sessions = (self.settings.socketio.path + "?").encode()
        polls, posts = DirectPolls(http, self.context.origins), DirectPosts(http, self.context.origins)
        return {
            b"GET": self._direct_polls() | {sessions: PacedDoor(polls, self.places, self.turns, self._waits)},
            b"POST": {sessions: PacedDoor(posts, self.places, self.turns, self._waits)},
        }

    @property
    def _poll_paths(self) -> tuple[bytes, bytes]:
        return PREFIX.encode(), self._below_socketio(PREFIX).encode()

    def _build_app(self, routes: Sequence[BaseRoute], on_errors: ErrorAnswers | None = None) -> ASGIApp:
        routed = Starlette(routes=routes, exception_handlers=on_errors)
        routed.router.redirect_slashes = False  # a path that is not there is not there
        poll_paths = self._poll_paths

        async def choose(scope: Scope, receive: Receive, send: Send) -> None:
            """Find the door of long polls by hand: a channel's name may hold what no route's pattern matches."""
            is_poll = scope["type"] == "http" and scope["raw_path"].startswith(poll_paths)
            await (self._longpoll if is_poll else routed)(scope, receive, send)

        return self._pace(GZipMiddleware(choose, minimum_size=_GZIP_FROM, compresslevel=_GZIP_LEVEL))

    def _pace(self, app: ASGIApp, *, trusted: bool = False) -> ASGIApp:
        return PacedRequests(
            app,
            peers=self.context.peers,
            places=self.places,
            turns=self.turns,
            waits=self._waits,
            origins=self.context.origins,
            shows_key=partial(self.api.shows_key, trusted=trusted),
            keys_wait=lambda peer: self.check.has_to_wait(peer.counted_as),
        )


async def _not_found(_: Request, error: Exception) -> Response:
    return Response("404 Not Found", 404, media_type="text/plain")
