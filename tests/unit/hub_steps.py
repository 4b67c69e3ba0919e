"""Random steps of posters and listeners around a hub, judged by a plain list of all that was ever posted.

The hub has a short history, small writes, slow listeners and small rations. Every listener has to be served in order,
once, and completely.
"""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from oyez.hub.publication import Channel, Publication
from oyez.hub.rates import ChannelRate, FindRate, find_member
from tests.fakes import Clock, Ids, Listener, Purse, World

CHANNELS = "abcde"
LISTENERS = 4
VALUES = 3

filters = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=3)
backs = st.none() | st.integers(-3, 20)
which_listener = st.integers(0, LISTENERS - 1)
which_encoding = st.integers(0, 1)
paces_and_spreads = st.sampled_from([(0.0, 0.0), (0.5, 0.0), (5.0, 0.0), (0.0, 0.5), (0.0, 5.0)])
rates = st.tuples(paces_and_spreads, st.sampled_from([None, find_member("id")])).map(
    lambda drawn: ChannelRate(*drawn[0], latest_by=drawn[1])
)
rules = st.none() | st.dictionaries(st.sampled_from(CHANNELS), rates)
Rules = dict[str, ChannelRate] | None


def make_find_rate(rules: Rules) -> FindRate | None:
    if rules is None:
        return None
    return lambda channel: rules.get(channel, ChannelRate())


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


class Posted(dict[int, str]):
    """The channel of each event that was ever posted, and those that have become superseded."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules or {}
        self.newest: dict[tuple[str, int], int] = {}
        self.superseded: set[int] = set()

    def add(self, event: int, channel: str) -> None:
        """Take an event; its value is that of its number, as `message` writes it."""
        if channel in self.rules and self.rules[channel].latest_by is not None:
            key = (channel, len(self) % VALUES)
            if key in self.newest:
                self.superseded.add(self.newest[key])
            self.newest[key] = event
        self[event] = channel


class Model:
    """One listener, and what it is entitled to."""

    def __init__(
        self, world: World, posted: "Posted", encoding: Faulty, purse: Purse | None, *, keeps_pace: bool
    ) -> None:
        self.world = world
        self.keeps_pace = keeps_pace
        self.purse = purse
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
        self.listener = Listener(self.purse)
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
        self.world.follow(self.listener, *names, start=start, keeps_pace=self.keeps_pace)
        if len(self.listener.statuses) > told:
            complete = not self.listener.gaps_at_status
            assert self.listener.statuses[-1] is (None if start is None else complete)
        else:
            assert self.listener.cut, "it was neither answered nor cut off"

    def unfollow(self, names: list[str]) -> None:
        taken = sorted(self.filter.intersection(names))
        told = len(self.listener.revoked)
        self.filter -= set(names)
        self.world.hub.unfollow(self.listener.subscription, [Channel(name) for name in names], "expired")
        if not self.listener.cut:
            assert self.listener.revoked[told:] == [(name, "expired") for name in taken]

    def come_back(self) -> None:
        """Connect anew, with the id up to which it has everything."""
        missing = self.missing()
        start = missing[0] - 1 if missing else int(self.world.hub.last_id())
        self.seen = {event for event in self.seen if event <= start}
        self.older_allowed |= {event for event in self.posted if event > start}
        self.connect(self.listener.subscription.encoding)  # type: ignore[arg-type]  # it was given one
        if self.filter:
            self.world.follow(self.listener, *self.filter, start=start, keeps_pace=self.keeps_pace)

    def missing(self) -> list[int]:
        """Find what it should have got and was not told to be missing, once all is delivered."""
        return [
            event
            for event, channel in self.posted.items()
            if channel in self.filter
            and event > self.since[channel]
            and event not in self.seen
            and event not in self.posted.superseded
            and not any(gap.channel == channel and gap.after < event < gap.oldest for gap in self.listener.gaps)
        ]


class HubSteps(RuleBasedStateMachine):
    """What posters, listeners and time may do, and what has to hold after each step."""

    def set_up(
        self,
        size: int,
        max_bytes: int,
        max_channels: int,
        crowd: int,
        purse: Callable[[Clock], Purse],
        rules: Rules = None,
    ) -> None:
        self.world = World(
            size=size,
            max_bytes=max_bytes,
            max_channels=max_channels,
            ttl_s=50,
            newest=3,
            write_bytes=15,
            run_events=4,
            members_per_clock_read=1,
            crowd=crowd,
            left_channels_kept=2,
            find_rate=make_find_rate(rules),
        )
        self.posted = Posted(rules)
        self.encodings = [Faulty(), Faulty()]
        # Two of one address, and two to whom nothing is rationed; one of each waits as those do who poll.
        self.purse = purse(self.world.clock)
        self.models = [self.newcomer(number) for number in range(LISTENERS)]
        self.gone: list[Model] = []

    def newcomer(self, number: int) -> Model:
        purse = self.purse if number < 2 else None
        return Model(self.world, self.posted, self.encodings[number % 2], purse, keeps_pace=number in {1, 2})

    @rule(names=st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=12))
    def post(self, names: list[str]) -> None:
        last = self.world.hub.last_id()
        first = len(self.posted)
        messages = [b'{"id":%d}' % ((first + number) % VALUES) for number in range(len(names))]
        ids = self.world.post(*names, messages=messages)
        assert ids == sorted({last, *ids})[1:]
        assert len(ids) == len(names)
        for event, name in zip(ids, names, strict=True):
            self.posted.add(event, name)

    @rule()
    def turn(self) -> None:
        self.world.turn()

    @rule()
    def hurry(self) -> None:
        self.world.hub.hurry()

    @rule(passed=st.integers(1, 60))
    def grow_old(self, passed: int) -> None:
        self.world.clock.now += passed
        self.world.hub.expire()

    @rule(spent=st.integers(1, 100))
    def spend(self, spent: int) -> None:
        """Let others of the address use the ration up."""
        self.purse.bucket.spend(self.world.clock(), spent)

    @rule(which=which_listener, names=filters, back=backs)
    def follow(self, which: int, names: list[str], back: int | None) -> None:
        """Take a filter: from a start somewhat before the newest id, or without one, or from one in the future."""
        start = None if back is None else max(1, self.world.hub.last_id() - back)
        if not self.models[which].listener.cut:
            self.models[which].follow(names, start)

    @rule(which=which_listener, names=filters)
    def unfollow(self, which: int, names: list[str]) -> None:
        """Take channels away from it, perhaps all that it has."""
        if not self.models[which].listener.cut:
            self.models[which].unfollow(names)

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

    @rule()
    def settle(self) -> None:
        """Let everybody drain: then nothing may be missing that was not told."""
        for where, names in ((self.world.history, ("append", "_drop")), (self.world.audience, ("due", "members"))):
            for name in names:
                where.__dict__.pop(name, None)
        self.world.hub.expire()
        self.world.wait()
        for _ in range(4):  # what fails for one listener fails once in each of these ways
            for model in self.models:
                if model.listener.cut:
                    model.come_back()
                model.listener.taking = True
                self.world.hub.resume(model.listener.subscription)
            self.world.wait()
        assert [model.listener.subscription.line for model in self.models] == [None] * LISTENERS
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

    @invariant()
    def no_more_is_sent_than_the_ration_has(self) -> None:
        if hasattr(self, "models") and self.purse.delays:
            assert self.purse.overdrawn == 0

    @invariant()
    def who_waits_is_known_to_wait(self) -> None:
        if hasattr(self, "models"):
            for subscription in (model.listener.subscription for model in self.models + self.gone):
                if subscription.line is not None:
                    assert subscription.lagging
                    assert not subscription.ended
                    assert subscription in subscription.line.members
                    assert self.world.turns or self.world.timers

    def teardown(self) -> None:
        if hasattr(self, "models"):
            self.settle()
            self.nothing_is_at_fault()
