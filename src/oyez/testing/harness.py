"""A store under test: the brokers that open it one after the other, what they were asked for, and what they did.

Knows the rules that hold at every moment. Must not know any broker.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Sequence
from itertools import pairwise
from types import TracebackType
from typing import Any

from oyez.errors import BrokerError
from oyez.hub.broker import Broker
from oyez.hub.publication import MAX_EVENT_ID, Channel, EventId, Post, Publication

Outcome = list[EventId] | BrokerError

_SHOWN_FAULTS = 5
_TURNS_AFTER_STOP = 5


MANY_KINDS = (
    Post(Channel("é\ud800"), b'{"x" : [1.0, "\xc3\xa9"]}'),
    Post(Channel("a"), b'{"n":1.10,"n":-0,"n":1E400,"s":"\\ud800\\u0041\\/\\u0000"}'),
    Post(Channel("a"), None),
    Post(Channel("a"), b'{"_placeholder":true,"num":0}', (b"\x00\xff", b"")),
)
"""Posts of every kind: a lone surrogate in the channel or escaped in the message, no message, attachments."""


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the seconds, as a clock does."""
        return self.now


class SettleError(Exception):
    """What a poster's `settle` raises, in a test that is about that."""


class Request:
    """One call of `Broker.publish`, and what it was settled with."""

    def __init__(self, posts: Sequence[Post]) -> None:
        self.posts = posts
        self.first: Outcome | None = None
        self._settled = asyncio.Event()

    def settle(self, outcome: Outcome) -> None:
        """Note the first outcome, which should be the only one."""
        self.first = outcome
        self._settled.set()

    async def outcome(self) -> Outcome:
        """Wait until it is settled."""
        await self._settled.wait()
        assert self.first is not None
        return self.first

    async def ids(self) -> list[EventId]:
        """Wait until it is settled; the ids, in the order of the posts."""
        outcome = await self.outcome()
        assert not isinstance(outcome, BrokerError), f"a post was refused where nothing was in its way: {outcome}"
        return outcome


class BrokerHarness:
    """A store, and all that its brokers do.

    Args:
        make: makes a new broker on the store.
        clock: the hub's steady one.
        wall_clock: seconds since 1970.
        patience_s: how long the steps of a test may take.
        refused_may_arrive: whether a post may be refused because only the store's answer got lost.

    Attributes:
        broker: the one that was started last.
        delivered: what it delivered, at its start too.
        lost: what it said to have lost.
        requests: the calls of `publish`.
        settled: the same, in the order in which they were settled.
        kept: every post that was ever settled, by its id.
        faults: broken rules, in words.
    """

    def __init__(
        self,
        make: Callable[[], Broker],
        clock: Clock,
        wall_clock: Clock,
        *,
        patience_s: float = 20.0,
        refused_may_arrive: bool = False,
    ) -> None:
        self._make = make
        self.clock = clock
        self.wall_clock = wall_clock
        self._patience_s = patience_s
        self._refused_may_arrive = refused_may_arrive
        self.delivered: list[Publication] = []
        self.lost: list[EventId] = []
        self.kept: dict[EventId, Post] = {}  # settled, so the store has to have them
        self.requests: list[Request] = []
        self.settled: list[Request] = []
        self.faults: list[str] = []
        self._refused: set[bytes] = set()
        self._by_id: dict[EventId, Publication] = {}
        self._newest = EventId(0)
        self._running = False
        self._made = 0

    def run(self, steps: Coroutine[Any, Any, None]) -> None:
        """Take the steps of a test in an event loop of their own; no rule may have been broken in them."""
        __tracebackhide__ = True
        try:
            asyncio.run(self._run(steps))
        except AssertionError as error:
            if self.faults:
                error.add_note(self._describe_faults())
            raise error.with_traceback(_from_steps(error.__traceback__)) from None
        assert not self.faults, self._describe_faults()

    async def _run(self, steps: Coroutine[Any, Any, None]) -> None:
        asyncio.get_running_loop().set_exception_handler(self._note_error)
        try:
            await asyncio.wait_for(steps, self._patience_s)
        except TimeoutError:
            unsettled = sum(request.first is None for request in self.requests)
            raise AssertionError(
                f"not over within {self._patience_s:g} s; {unsettled} of {len(self.requests)} calls of publish were"
                " never settled"
            ) from None
        finally:
            if self._running:  # the steps were cut short: what is said of that counts, and not how the stop went
                self._running = False
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(self.broker.stop(), self._patience_s)

    def _note_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "handle" in context:  # a callback of the broker's; what libraries say of their sockets is their affair
            self.faults.append(f"an exception in a callback: {context.get('exception')!r}")

    def _describe_faults(self) -> str:
        more = len(self.faults) - _SHOWN_FAULTS
        shown = "\n".join(f"  - {fault}" for fault in self.faults[:_SHOWN_FAULTS])
        return f"the broker broke rules:\n{shown}{f'{chr(10)}  - and {more} more' if more > 0 else ''}"

    async def start(self) -> EventId:
        """Start a new broker on the store; return its horizon. What was settled before has to be there above it."""
        self.delivered, self.lost, self._by_id, self._newest = [], [], {}, EventId(0)
        self._thread = threading.get_ident()
        self.broker = self._make()
        horizon = await self.broker.start(self._deliver, self._lose)
        self._running = True
        last_id = self.broker.last_id()
        assert last_id >= max(horizon, self._newest, 1), (
            f"last_id() is {last_id} after the start: below the horizon {horizon}, or the newest event {self._newest}"
        )
        self._check_replay(horizon)
        return horizon

    def _check_replay(self, horizon: EventId) -> None:
        missing = [event for event in self.kept if event > horizon and event not in self._by_id]
        assert not missing, (
            f"{len(missing)} of {len(self.kept)} settled events are missing after the start, though they are above its"
            f" horizon {horizon}: {missing[:_SHOWN_FAULTS]}"
        )
        for event, post in self.kept.items():
            if event in self._by_id:
                assert _content(self._by_id[event]) == _content(post), f"event {event} is not what was posted"

    async def stop(self) -> None:
        """Stop the broker, which settles all; nothing may come after that."""
        self._running = False
        await self.broker.stop()
        unsettled = sum(request.first is None for request in self.requests)
        assert not unsettled, f"{unsettled} of {len(self.requests)} calls of publish are not settled after stop()"
        delivered = len(self.delivered)
        for _ in range(_TURNS_AFTER_STOP):
            await asyncio.sleep(0)
        assert len(self.delivered) == delivered, "events were delivered after stop() had returned"

    def posts(self, *channels: str) -> list[Post]:
        """Make a post for each channel, each with a message of its own."""
        self._made += len(channels)
        first = self._made - len(channels)
        return [Post(Channel(channel), b'{"n":%d}' % (first + place)) for place, channel in enumerate(channels)]

    def publish(self, *posts: Post, then: Callable[[], object] = lambda: None) -> Request:
        """Publish; ``then`` is called in the call that settles it, and may raise `SettleError`."""
        request = Request(posts)
        self.requests.append(request)

        def settle(outcome: Outcome) -> None:
            self._check_settled(request, outcome)
            if request.first is None:
                request.settle(outcome)
                self.settled.append(request)
                then()

        with contextlib.suppress(SettleError):  # a broker that settles at once may let it pass: it is the poster's own
            self.broker.publish(posts, settle)
        return request

    def _deliver(self, publications: Sequence[Publication]) -> None:
        self._check_thread("deliver")
        for publication in publications:
            event = publication.id
            if not self._newest < event <= MAX_EVENT_ID:
                self.faults.append(f"event {event} was delivered after {self._newest}: ids have to rise, to 2^53 - 1")
            if publication.message in self._refused and not self._refused_may_arrive:
                self.faults.append(f"event {event} was delivered after its post had been refused")
            self._newest = max(self._newest, event)
            self._by_id[event] = publication
        self.delivered += publications

    def _lose(self, up_to: EventId) -> None:
        self._check_thread("lose")
        self.lost.append(up_to)
        self._newest = max(self._newest, up_to)

    def _check_thread(self, what: str) -> None:
        if threading.get_ident() != self._thread:
            self.faults.append(f"{what} was called in another thread than that of the event loop")

    def _check_settled(self, request: Request, outcome: Outcome) -> None:
        self._check_thread("settle")
        if request.first is not None:
            self.faults.append(f"a call of publish was settled twice: with {request.first!r}, then with {outcome!r}")
        elif isinstance(outcome, BrokerError):
            self._refused |= {post.message for post in request.posts if post.message is not None}
        elif len(outcome) != len(request.posts):
            self.faults.append(f"{len(request.posts)} posts were settled with {len(outcome)} ids")
        else:
            self._keep(request, outcome)

    def _keep(self, request: Request, ids: list[EventId]) -> None:
        for event, post in zip(ids, request.posts, strict=True):
            publication = self._by_id.get(event)
            if publication is None:
                self.faults.append(f"a post was settled with the id {event} before that event was delivered")
            elif _content(publication) != _content(post):
                self.faults.append(f"a post was settled with the id {event}, which is that of another event")
            self.kept[event] = post
        if self.broker.last_id() < max(ids, default=0):
            self.faults.append(f"last_id() is {self.broker.last_id()} when a post is settled with {max(ids)}")


def _from_steps(trace: TracebackType | None) -> TracebackType | None:
    """Leave the event loop's own lines out of what pytest shows: a test's coroutine is called ``steps``."""
    inner = trace
    while inner is not None and inner.tb_frame.f_code.co_name != "steps":
        inner = inner.tb_next
    return inner or trace


def _content(event: Post | Publication) -> tuple[Channel, bytes | None, tuple[bytes, ...]]:
    return event.channel, event.message, tuple(event.attachments)


def assert_rising(ids: list[EventId]) -> None:
    """Require that ids rise, and stay exact in JavaScript."""
    falls = [(earlier, later) for earlier, later in pairwise(ids) if earlier >= later]
    assert not falls, f"ids have to rise: {falls[0][1]} came after {falls[0][0]}"
    assert ids[-1] <= MAX_EVENT_ID
