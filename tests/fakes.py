"""Stand-ins for what the parts lean on: a hub's surroundings, and what a door works with."""

from collections.abc import Callable, Coroutine, Sequence

from oyez.access.capacity import Capacity
from oyez.access.enforcement import Enforcement
from oyez.access.failures import FailedAttempts
from oyez.access.ip_addresses import parse_networks
from oyez.access.keys import PostPolicy, make_keys
from oyez.access.origins import Origins
from oyez.access.peer import Note, Peers
from oyez.access.places import Places, unlimited
from oyez.access.poster_check import Deadlines, HeldAttempt, PosterCheck
from oyez.access.settings import KeySettings
from oyez.access.shares import Shares
from oyez.access.token_bucket import TokenBucket
from oyez.brokers.memory import MemoryBroker
from oyez.endpoints.context import DoorContext
from oyez.hub.audience import Audience
from oyez.hub.history import Gap, History
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.rates import FindRate
from oyez.hub.settings import HistorySettings
from oyez.hub.subscriber import Ration, Subscription
from oyez.limits import LimitSettings
from oyez.net.paced_refusals import PacedRefusals
from oyez.net.ticker import Ticker, Timed
from oyez.net.turns import Turns
from oyez.setting import Rate


def run_without_loop(step: Coroutine[object, object, object]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        step.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Sweeper(Ticker):
    """A ticker whose time the test lets pass."""

    def __init__(self) -> None:
        self.time = Clock()
        super().__init__(clock=self.time)
        self.planned: dict[Timed, float] = {}

    def set(self, timed: Timed, deadline: float) -> None:
        timed.tick_slot = 1
        self.planned[timed] = deadline


class Ids:
    """An encoding that tests can read: the ids."""

    max_events = None

    def encode(self, publication: Publication) -> bytes:
        return b"%d " % publication.id

    def join(self, parts: list[bytes]) -> bytes:
        return b"".join(parts)


IDS = Ids()


class Purse:
    """A ration that tests can look into."""

    def __init__(self, clock: Clock, rate: Rate, *, delays: bool = True) -> None:
        self.clock = clock
        self.bucket = TokenBucket(rate, clock())
        self.delays = delays
        self.spent = 0
        self.overdrawn = 0  # how often something was taken when nothing was left
        self.waits = 0
        self.failures = 0  # of the next calls

    def wait_s(self) -> float:
        if self.failures:
            self.failures -= 1
            raise RuntimeError
        return self.bucket.wait_for(self.clock(), 1)

    def spend(self, sent_bytes: int) -> None:
        self.overdrawn += self.wait_s() > 0
        self.spent += sent_bytes
        self.bucket.spend(self.clock(), sent_bytes)

    def count_wait(self) -> None:
        self.waits += 1


class Listener:
    """The endpoint's side of a subscription: remembers all that it is given, in order."""

    def __init__(self, ration: Ration | None = None) -> None:
        self.got: list[int] = []
        self.writes: list[list[int]] = []
        self.statuses: list[bool | None] = []
        self.gaps: list[Gap] = []
        self.revoked: list[tuple[str, str]] = []
        self.gaps_at_status: Sequence[Gap] = ()
        self.taking = True
        self.cut = False
        self.on_write: Callable[[], object] = lambda: None
        self.on_told: Callable[[], object] = lambda: None
        self.subscription = Subscription(self, IDS, self.write, ration)

    def write(self, data: bytes) -> bool:
        ids = list(map(int, data.split()))
        self.writes.append(ids)
        self.got += ids
        self.on_write()
        return self.taking

    def send_status(self, recovered: bool | None, gaps: Sequence[Gap]) -> None:
        self.on_told()
        self.statuses.append(recovered)
        self.gaps += gaps
        self.gaps_at_status = gaps

    def send_gap(self, gap: Gap) -> None:
        self.on_told()
        self.gaps.append(gap)

    def send_revoked(self, channel: Channel, reason: str) -> None:
        self.on_told()
        self.revoked.append((channel, reason))

    def cut_off(self) -> None:
        self.cut = True


class World:
    """A hub with a memory broker, whose clock and turns are in the test's hands. Ids begin above 1,000."""

    def __init__(
        self,
        *,
        size: int = 256,
        ttl_s: float = 600.0,
        max_bytes: int = 2**26,
        max_channels: int = 1000,
        newest: int = 50,
        broker: type[MemoryBroker] = MemoryBroker,
        audience: Audience | None = None,
        write_bytes: int = 2**16,
        run_events: int = 128,
        members_per_clock_read: int = 32,
        crowd: int = 100,
        left_channels_kept: int = 64,
        before_fan_out: Callable[[], object] = lambda: None,
        find_rate: FindRate | None = None,
    ) -> None:
        self.clock = Clock()
        self.wall_clock = Clock(1.0)
        self.turns: list[Callable[[], None]] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.audience = Audience() if audience is None else audience
        self.history = History(
            HistorySettings(
                size=size, ttl_s=ttl_s, max_bytes=max_bytes, max_channels=max_channels, replay_without_start=newest
            ),
            find_rate=find_rate,
        )
        self.hub = Hub(
            broker(self.clock, self.wall_clock),
            self.history,
            call_soon=self.turns.append,
            call_later=lambda delay_s, function: self.timers.append((self.clock.now + delay_s, function)),
            clock=self.clock,
            before_fan_out=before_fan_out,
            audience=self.audience,
            write_bytes=write_bytes,
            run_events=run_events,
            members_per_clock_read=members_per_clock_read,
            crowd=crowd,
            left_channels_kept=left_channels_kept,
            find_rate=find_rate,
        )
        run_without_loop(self.hub.start())

    def post(self, *channels: str, messages: Sequence[bytes] = ()) -> list[int]:
        """Post to each channel, in one call of the broker; the ids."""
        ids: list[int] = []

        def settle(outcome: object) -> None:
            assert isinstance(outcome, list)
            ids.extend(outcome)

        texts = messages or [b"1"] * len(channels)
        self.hub.publish([Post(Channel(name), text) for name, text in zip(channels, texts, strict=True)], settle)
        return ids

    def turn(self) -> bool:
        """Do one turn of the loop; False when there is nothing to do."""
        due, self.turns[:] = self.turns[:], []
        due += [function for at, function in self.timers if at <= self.clock.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.clock.now]
        for function in due:
            function()
        return bool(due)

    def run(self) -> None:
        while self.turn():
            pass

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        end = self.clock.now + seconds
        while self.clock.now < end - 0.001:
            self.clock.now += 0.01
            self.run()

    def wait(self) -> None:
        """Let time pass until nobody waits any more."""
        self.run()
        while self.timers:
            self.clock.now = min(at for at, _ in self.timers)
            self.run()

    def follow(
        self, listener: Listener, *channels: str, start: int | None = None, keeps_pace: bool = False
    ) -> Listener:
        """Give a listener its filter."""
        names = [Channel(channel) for channel in channels]
        named = None if start is None else EventId(start)
        self.hub.subscribe(listener.subscription, names, named, keeps_pace=keeps_pace)
        return listener

    def move(self, listener: Listener) -> None:
        """Let a listener go on over another transport, which takes bytes."""
        listener.taking = True
        self.hub.move(listener.subscription, IDS, listener.write)


class Waits:
    """Deadlines of attempts that are held; they come when time is told to pass."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._now = clock or Clock()
        self.clock: Callable[[], float] = self._now
        self.planned: dict[HeldAttempt, float] = {}

    def set(self, timed: HeldAttempt, deadline: float) -> None:
        self.planned[timed] = deadline

    def clear(self, timed: HeldAttempt) -> None:
        self.planned.pop(timed, None)

    def pass_by(self, seconds: float) -> None:
        self._now.now += seconds
        for held in [held for held, deadline in self.planned.items() if deadline <= self._now.now]:
            held.tick(self._now.now)


def check_of(note: Note, deadlines: Deadlines, *others: KeySettings, free: int = 10) -> PosterCheck:
    """Make a check of the key ``key`` and of others, with some wrong keys for free."""
    policy, failures = PostPolicy(make_keys("key", others)), FailedAttempts(free, deadlines.clock)
    return PosterCheck(policy, failures, Enforcement(LimitSettings(), note, note), deadlines)


def context_of(
    hub: Hub,
    note: Note,
    *,
    ticker: Ticker | None = None,
    limits: LimitSettings | None = None,
    places: Places | None = None,
) -> DoorContext:
    """Make what a door works with, which lets everybody in."""
    ticker = ticker or Ticker(clock=Clock())
    return DoorContext(
        hub,
        places or places_for(5),
        ticker,
        note,
        limits or LimitSettings(),
        Origins(),
        Peers(),
        PacedRefusals(Turns(ticker.clock), ticker),
    )


def places_with(limits: LimitSettings, clock: Clock) -> Places:
    """Make much room, and share it out by some limits, but not to 127.0.0.1, where a proxy is."""
    enforcement = Enforcement(limits, lambda *_: None, lambda *_: None)
    shares = Shares(limits, parse_networks(("127.0.0.1",)), clock)
    return Places(Capacity(999, 999, 999), limits, shares, enforcement)


def places_for(listeners: int) -> Places:
    """Make room for so many listeners, of whatever address, and for some sessions more."""
    places = unlimited(Clock())
    places.capacity = Capacity(listeners + 20, listeners + 10, listeners)
    return places
