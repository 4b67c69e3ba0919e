"""Whatever posters and listeners do, and whatever fails, is every listener served in order, once, and completely?

Hypothesis drives the hub of `tests.unit.hub_steps`, and lets encoders, writes and the hub's own books raise. Whoever is
cut off comes back, as clients do.
``make fuzz`` (see `tests.fuzz`) lets it run for longer.
"""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from oyez.hub.publication import EventId
from oyez.setting import Rate
from tests.fakes import Purse, World
from tests.fuzz import EXAMPLES, fuzz
from tests.unit.hub_steps import (
    CHANNELS,
    LISTENERS,
    Bug,
    HubSteps,
    Model,
    Rules,
    backs,
    rates,
    rules,
    which_encoding,
    which_listener,
)

few = st.integers(1, 3)
common_filters = st.sampled_from([["a"], ["a", "b"], ["b", "c"]])  # so that groups have several listeners


def lose(world: World, ids: int) -> None:
    """Let the broker lose sight of so many ids."""
    lost = world.history.last_id + ids
    world.wall_clock.now = (lost + 1.5) / 1000
    world.hub.lose(EventId(lost))


class HubMachine(HubSteps):
    @initialize(
        size=st.integers(1, 8),
        max_bytes=st.sampled_from([2000, 2**20]),
        max_channels=st.integers(1, 6),
        crowd=st.integers(0, 2),
        rate=st.sampled_from([Rate(1, 10), Rate(100, 40)]),
        delays=st.booleans(),
        rules=rules,
    )
    def begin(
        self, size: int, max_bytes: int, max_channels: int, crowd: int, rate: Rate, delays: bool, rules: Rules
    ) -> None:
        self.set_up(size, max_bytes, max_channels, crowd, lambda clock: Purse(clock, rate, delays=delays), rules)

    @rule(ids=st.integers(0, 5))
    def lose(self, ids: int) -> None:
        lose(self.world, ids)

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


class SlicedHubMachine(HubSteps):
    """Nothing fails, but each write uses up a slice: most steps come in the middle of a fan-out.

    Beside the steps that may fail these are too rare: in 20,000 of them a group waited 50 times.
    """

    @initialize(
        crowd=st.integers(0, 2),
        names=st.lists(common_filters, min_size=LISTENERS, max_size=LISTENERS),
        rules=rules | st.fixed_dictionaries({"b": rates}),
    )
    def begin(self, crowd: int, names: list[list[str]], rules: Rules) -> None:
        self.set_up(20, 2**20, 6, crowd, lambda clock: Purse(clock, Rate(100, 40), delays=False), rules)
        for which, channels in enumerate(names):
            self.follow(which, channels, None)

    def newcomer(self, number: int) -> Model:
        model = super().newcomer(number)
        model.slow = True
        return model

    @rule(which=which_listener, names=common_filters, back=backs)
    def follow(self, which: int, names: list[str], back: int | None) -> None:
        super().follow(which, names, back)

    @rule(names=st.lists(st.sampled_from("ab"), min_size=1, max_size=3), turns=few)
    def post_and_turn(self, names: list[str], turns: int) -> None:
        self.post(names)
        for _ in range(turns):
            self.turn()

    @rule(ids=st.integers(0, 5))
    def lose(self, ids: int) -> None:
        lose(self.world, ids)


class PacedHubMachine(HubSteps):
    """Most events are held, since every channel has a pace, and time passes in one step alone."""

    @initialize(
        crowd=st.integers(0, 2),
        names=st.lists(common_filters, min_size=LISTENERS, max_size=LISTENERS),
        rules=st.fixed_dictionaries(dict.fromkeys(CHANNELS, rates))
        | rates.filter(lambda rate: rate.spread_s > 0).map(lambda rate: dict.fromkeys(CHANNELS, rate)),
    )
    def begin(self, crowd: int, names: list[list[str]], rules: Rules) -> None:
        self.set_up(20, 2**20, 6, crowd, lambda clock: Purse(clock, Rate(100, 40), delays=False), rules)
        for which, channels in enumerate(names):
            self.follow(which, channels, None)

    def newcomer(self, number: int) -> Model:
        model = super().newcomer(number)
        model.listener.subscription.encoding = self.encodings[0]
        return model

    @rule(which=which_listener, names=common_filters, back=backs)
    def follow(self, which: int, names: list[str], back: int | None) -> None:
        super().follow(which, names, back)

    @rule(names=st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
    def post_and_run(self, names: list[str]) -> None:
        self.post(names)
        self.world.run()

    @rule(which=which_listener, further=few)
    def join_between_two_events(self, which: int, further: int) -> None:
        """Let one follow what another does, in the middle of what is held for that one."""
        names = sorted(self.models[(which + further) % LISTENERS].filter)
        if names and not self.models[which].listener.cut:
            self.models[which].listener.taking = True
            self.post_and_run(names[:1])
            self.models[which].follow(names, None)
            self.post_and_run(names[:1])

    @rule(passed=st.sampled_from([0.1, 0.2, 0.5, 2.0]))
    def pass_time(self, passed: float) -> None:
        self.world.clock.now += passed
        self.world.run()

    @rule(ids=st.integers(0, 5))
    def lose(self, ids: int) -> None:
        lose(self.world, ids)


TestHub = HubMachine.TestCase
TestSlicedHub = SlicedHubMachine.TestCase
TestPacedHub = PacedHubMachine.TestCase
TestPacedHub.settings = settings(fuzz, max_examples=EXAMPLES or 200, stateful_step_count=30)
TestSlicedHub.settings = settings(fuzz, max_examples=EXAMPLES or 200, stateful_step_count=30)
TestHub.settings = settings(fuzz, max_examples=EXAMPLES or 100, stateful_step_count=40)
