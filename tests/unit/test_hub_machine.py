"""Whatever posters and listeners do, and whatever fails, is every listener served in order, once, and completely?

Hypothesis drives a hub with a short history, small writes and slow listeners, lets encoders, writes and the hub's own
books raise, and compares with a plain list of all that was ever posted. Whoever is cut off comes back, as clients do.
``make fuzz`` (see `tests.fuzz`) lets it run for longer.
"""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from oyez.hub.publication import Channel, EventId, Publication
from tests.fakes import Ids, Listener, World
from tests.fuzz import EXAMPLES, fuzz

CHANNELS = "abcde"
LISTENERS = 3

filters = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=3)
which_listener = st.integers(0, LISTENERS - 1)
which_encoding = st.integers(0, 1)
few = st.integers(1, 3)


class Bug(Exception):  # noqa: N818 - what it stands for
    """An error of ours."""


class Faulty(Ids):
    """An encoding that fails the next so many times."""

    def __init__(self) -> None:
        self.failing_encodes = self.failing_joins = 0

    def encode(self, publication: Publication) -> bytes:
        if self.failing_encodes:
            self.failing_encodes -= 1
            raise Bug
        return super().encode(publication)

    def join(self, parts: list[bytes]) -> bytes:
        if self.failing_joins:
            self.failing_joins -= 1
            raise Bug
        return super().join(parts)


class Model:
    """One listener, and what it is entitled to."""

    def __init__(self, world: World, posted: dict[int, str], encoding: Faulty) -> None:
        self.world = world
        self.posted = posted
        self.filter: set[str] = set()
        self.since: dict[str, int] = {}  # everything above it has to come, in each channel that it ever followed
        self.older_allowed: set[int] = set()  # events of channels that were new to it
        self.seen: set[int] = set()
        self.newest = 0
        self.slow = False
        self.gone = False
        self.fails_to_write = self.fails_to_tell = False
        self.faults: list[str] = []
        self.listener = Listener()
        self.connect(encoding)

    def connect(self, encoding: Faulty) -> None:
        """Begin on a new connection."""
        gaps = self.listener.gaps
        self.listener = Listener()
        self.listener.gaps = gaps
        self.listener.subscription.encoding = encoding
        self.listener.on_write = self.judge
        self.listener.on_told = self.be_told

    def be_told(self) -> None:
        if self.fails_to_tell:
            self.fails_to_tell = False
            raise Bug

    def judge(self) -> None:
        """Judge one write as it comes."""
        ids = self.listener.writes[-1]
        if self.fails_to_write:  # its client has got nothing of it
            self.fails_to_write = False
            raise Bug
        if self.slow:
            self.world.clock.now += 1
        if self.gone or self.listener.cut:
            self.faults.append(f"{ids} came after it had left")
        if ids != sorted(ids):
            self.faults.append(f"{ids} in one write")
        for event in ids:
            if event in self.seen:
                self.faults.append(f"{event} came twice")
            if self.posted[event] not in self.filter:
                self.faults.append(f"{event} came from a channel that it does not follow")
            if event < self.newest and event not in self.older_allowed:
                self.faults.append(f"{event} came after {self.newest}")
            self.seen.add(event)
            self.newest = max(self.newest, event)

    def follow(self, names: list[str], start: int | None) -> None:
        last = int(self.world.hub.last_id())
        for name in set(names) - self.filter:
            entitled = last if start is None else min(start, last)
            self.since[name] = max(self.since.get(name, 0), entitled)
            self.older_allowed |= {event for event, channel in self.posted.items() if channel == name}
        self.filter = set(names)
        told = len(self.listener.statuses)
        self.world.follow(self.listener, *names, start=start)
        if len(self.listener.statuses) > told:
            complete = not self.listener.gaps_at_status
            assert self.listener.statuses[-1] is (None if start is None else complete)
        else:
            assert self.listener.cut, "it was neither answered nor cut off"

    def come_back(self) -> None:
        """Connect anew, with the id up to which it has everything."""
        missing = self.missing()
        start = missing[0] - 1 if missing else int(self.world.hub.last_id())
        self.seen = {event for event in self.seen if event <= start}
        self.older_allowed |= {event for event in self.posted if event > start}
        self.connect(self.listener.subscription.encoding)  # type: ignore[arg-type]  # it was given one
        self.world.follow(self.listener, *self.filter, start=start)

    def missing(self) -> list[int]:
        """Find what it should have got and was not told to be missing, once all is delivered."""
        return [
            event
            for event, channel in self.posted.items()
            if channel in self.filter
            and event > self.since[channel]
            and event not in self.seen
            and not any(gap.channel == channel and gap.after < event < gap.oldest for gap in self.listener.gaps)
        ]


class HubMachine(RuleBasedStateMachine):
    @initialize(size=st.integers(1, 8), max_bytes=st.sampled_from([2000, 2**20]), max_channels=st.integers(1, 6))
    def begin(self, size: int, max_bytes: int, max_channels: int) -> None:
        self.world = World(
            size=size,
            max_bytes=max_bytes,
            max_channels=max_channels,
            ttl_s=50,
            newest=3,
            write_bytes=15,
            members_per_clock_read=1,
            left_channels_kept=2,
        )
        self.posted: dict[int, str] = {}
        self.encodings = [Faulty(), Faulty()]
        self.models = [self.newcomer(number) for number in range(LISTENERS)]
        self.gone: list[Model] = []

    def newcomer(self, number: int) -> Model:
        return Model(self.world, self.posted, self.encodings[number % 2])

    @rule(names=st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=12))
    def post(self, names: list[str]) -> None:
        last = self.world.hub.last_id()
        ids = self.world.post(*names)
        assert ids == sorted({last, *ids})[1:]
        assert len(ids) == len(names)
        self.posted |= dict(zip(ids, names, strict=True))

    @rule()
    def turn(self) -> None:
        self.world.turn()

    @rule(passed=st.integers(1, 60))
    def grow_old(self, passed: int) -> None:
        self.world.clock.now += passed
        self.world.hub.expire()

    @rule(ids=st.integers(0, 5))
    def lose(self, ids: int) -> None:
        """Let the broker lose sight of some events."""
        lost = self.world.history.last_id + ids
        self.world.wall_clock.now = (lost + 1.5) / 1000
        self.world.hub.lose(EventId(lost))

    @rule(which=which_listener, names=filters, back=st.none() | st.integers(-3, 20))
    def follow(self, which: int, names: list[str], back: int | None) -> None:
        """Take a filter: from a start somewhat before the newest id, or without one, or from one in the future."""
        start = None if back is None else max(1, self.world.hub.last_id() - back)
        if not self.models[which].listener.cut:
            self.models[which].follow(names, start)

    @rule(which=which_listener, slow=st.booleans())
    def stall(self, which: int, slow: bool) -> None:
        """Let its socket be full after the next write, and that write may use up the slice."""
        self.models[which].listener.taking = False
        self.models[which].slow = slow

    @rule(which=which_listener)
    def drain(self, which: int) -> None:
        model = self.models[which]
        model.listener.taking = True
        self.world.hub.resume(model.listener.subscription)

    @rule(which=which_listener, encoding=which_encoding)
    def move(self, which: int, encoding: int) -> None:
        listener = self.models[which].listener
        listener.taking = True
        if not listener.cut:
            self.world.hub.move(listener.subscription, self.encodings[encoding], listener.write)

    @rule(which=which_listener)
    def leave(self, which: int) -> None:
        """Let it go for good; another one takes its place."""
        model = self.models[which]
        self.world.hub.leave(model.listener.subscription)
        model.gone = True
        self.gone.append(model)
        self.models[which] = self.newcomer(which)

    @rule(which=which_listener)
    def come_back(self, which: int) -> None:
        """Let it come back, if it was cut off."""
        if self.models[which].listener.cut:
            self.models[which].come_back()

    # What fails

    @rule(which=which_encoding, times=few)
    def fail_to_encode(self, which: int, times: int) -> None:
        self.encodings[which].failing_encodes = times

    @rule(which=which_encoding, times=few)
    def fail_to_join(self, which: int, times: int) -> None:
        self.encodings[which].failing_joins = times

    @rule(which=which_listener)
    def fail_to_write(self, which: int) -> None:
        self.models[which].fails_to_write = True

    @rule(which=which_listener)
    def fail_to_tell(self, which: int) -> None:
        self.models[which].fails_to_tell = True

    @rule(name=st.sampled_from(["append", "_drop"]), late=st.booleans())
    def fail_in_history(self, name: str, late: bool) -> None:
        self.fail_once(self.world.history, name, late=late)

    @rule(name=st.sampled_from(["due", "members", "join"]), late=st.booleans())
    def fail_in_the_audience(self, name: str, late: bool) -> None:
        self.fail_once(self.world.audience, name, late=late)

    def fail_once(self, where: object, name: str, *, late: bool) -> None:
        """Let the next call of a method raise, before or after it has done its work."""
        method: Callable[..., object] = getattr(type(where), name).__get__(where)

        def fail(*arguments: object) -> object:
            delattr(where, name)
            if late:
                method(*arguments)
            raise Bug

        setattr(where, name, fail)

    @rule()
    def settle(self) -> None:
        """Let everybody drain: then nothing may be missing that was not told."""
        for where, names in ((self.world.history, ("append", "_drop")), (self.world.audience, ("due", "members"))):
            for name in names:
                where.__dict__.pop(name, None)
        self.world.hub.expire()
        self.world.run()
        for _ in range(4):  # what fails for one listener fails once in each of these ways
            for model in self.models:
                if model.listener.cut:
                    model.come_back()
                model.listener.taking = True
                self.world.hub.resume(model.listener.subscription)
            self.world.run()
        assert [model.missing() for model in self.models] == [[]] * LISTENERS

    @invariant()
    def nothing_is_at_fault(self) -> None:
        if hasattr(self, "models"):
            assert [fault for model in self.models + self.gone for fault in model.faults] == []

    @invariant()
    def who_is_cut_off_is_forgotten(self) -> None:
        if hasattr(self, "models"):
            counted = sum(self.world.hub.listeners(Channel(name)) for name in CHANNELS)
            assert counted == sum(len(model.filter) for model in self.models if not model.listener.cut)

    def teardown(self) -> None:
        if hasattr(self, "models"):
            self.settle()
            self.nothing_is_at_fault()


TestHub = HubMachine.TestCase
TestHub.settings = settings(fuzz, max_examples=EXAMPLES or 100, stateful_step_count=40)
