"""Whatever posters and listeners do, in whatever order: is every listener served in order, once, and completely?

Hypothesis drives a hub with a short history, small writes and slow listeners, and compares with a plain list of all
that was ever posted. ``OYEZ_FUZZ_EXAMPLES`` (see `tests.fuzz`) lets it run for longer.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from oyez.hub import hub as hub_module
from oyez.hub import subscriber as subscriber_module
from tests.fakes import Listener, World
from tests.fuzz import EXAMPLES, fuzz

CHANNELS = "abcde"
LISTENERS = 3

filters = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=3)
which_listener = st.integers(0, LISTENERS - 1)


class Model:
    """One listener, and what it is entitled to."""

    def __init__(self, world: World, posted: dict[int, str]) -> None:
        self.world = world
        self.posted = posted
        self.listener = Listener()
        self.listener.on_write = self.judge
        self.filter: set[str] = set()
        self.since: dict[str, int] = {}  # everything above it has to come, in each channel that it ever followed
        self.older_allowed: set[int] = set()  # events of channels that were new to it
        self.seen: set[int] = set()
        self.newest = 0
        self.slow = False
        self.gone = False
        self.faults: list[str] = []

    def judge(self) -> None:
        """Judge one write as it comes."""
        ids = self.listener.writes[-1]
        if self.slow:
            self.world.clock.now += 1
        if self.gone:
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
        gaps_before = len(self.listener.gaps)
        self.world.follow(self.listener, *names, start=start)
        complete = len(self.listener.gaps) == gaps_before
        assert self.listener.statuses[-1] is (None if start is None else complete)

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
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(hub_module, "_WRITE_BYTES", 15)
        self.patch.setattr(hub_module, "_MEMBERS_PER_CLOCK_READ", 1)
        self.patch.setattr(subscriber_module, "_LEFT_CHANNELS_KEPT", 2)
        self.world = World(size=size, max_bytes=max_bytes, max_channels=max_channels, ttl_s=50, newest=3)
        self.posted: dict[int, str] = {}
        self.models = [Model(self.world, self.posted) for _ in range(LISTENERS)]
        self.gone: list[Model] = []

    @rule(names=st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=12))
    def post(self, names: list[str]) -> None:
        first = self.world.hub.last_id() + 1
        self.posted |= dict(enumerate(names, first))
        assert self.world.post(*names) == list(range(first, first + len(names)))

    @rule()
    def turn(self) -> None:
        self.world.turn()

    @rule(passed=st.integers(1, 60))
    def grow_old(self, passed: int) -> None:
        self.world.clock.now += passed
        self.world.hub.expire()

    @rule(which=which_listener, names=filters, back=st.none() | st.integers(-3, 20))
    def follow(self, which: int, names: list[str], back: int | None) -> None:
        """Take a filter: from a start somewhat before the newest id, or without one, or from one in the future."""
        start = None if back is None else max(1, self.world.hub.last_id() - back)
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

    @rule(which=which_listener)
    def move(self, which: int) -> None:
        self.world.move(self.models[which].listener)

    @rule(which=which_listener)
    def leave(self, which: int) -> None:
        """Let it go for good; another one takes its place."""
        model = self.models[which]
        self.world.hub.leave(model.listener.subscription)
        model.gone = True
        self.gone.append(model)
        self.models[which] = Model(self.world, self.posted)

    @rule()
    def settle(self) -> None:
        """Let everybody drain: then nothing may be missing that was not told."""
        self.world.run()
        for model in self.models:
            model.listener.taking = True
            self.world.hub.resume(model.listener.subscription)
        self.world.run()
        assert [model.missing() for model in self.models] == [[]] * LISTENERS

    @invariant()
    def nothing_is_at_fault(self) -> None:
        if hasattr(self, "models"):
            assert [fault for model in self.models + self.gone for fault in model.faults] == []

    def teardown(self) -> None:
        if hasattr(self, "models"):
            try:
                self.settle()
                self.nothing_is_at_fault()
            finally:
                self.patch.undo()


TestHub = HubMachine.TestCase
TestHub.settings = settings(fuzz, max_examples=EXAMPLES or 100, stateful_step_count=40)
