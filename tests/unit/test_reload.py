"""Does each setting either change while the daemon serves, or is it named as in need of a restart?"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from oyez.access.ip_addresses import parse_address
from oyez.access.keys import KeyHolder
from oyez.access.peer import Peer
from oyez.access.settings import ChannelSettings, KeySettings
from oyez.brokers.stripped import StrippedBroker
from oyez.config.load import Loaded, load, load_with_sources, read_again
from oyez.config.tree import Entry, Reloaded, Settings, fields_of, merge
from oyez.endpoints.gate import Gate
from oyez.errors import ConfigError
from oyez.hub.publication import Channel
from oyez.hub.subscriber import Subscription
from oyez.limits import LimitSettings
from oyez.server.assembly import Assembly
from oyez.server.reload import CONCERNED, Reloader, is_named
from oyez.setting import Rate
from tests.fakes import Listener

ENTRIES = list(fields_of(Settings()))
HERE = Peer(parse_address("127.0.0.1"))
FAR = Peer(parse_address("203.0.113.9"))


class Reloadable:
    """The parts of a daemon, and settings that a test changes under it."""

    def __init__(self, settings: Settings) -> None:
        self.wanted: Settings | ConfigError = settings
        self.assembly = Assembly(settings, lambda: True, lambda: 0)

    @property
    def reloader(self) -> Reloader:
        return Reloader(self.assembly, self._read)

    def _read(self) -> Loaded:
        if isinstance(self.wanted, ConfigError):
            raise self.wanted
        return Loaded(self.wanted, {}, ())

    def reload(self, settings: Settings | ConfigError) -> Reloaded:
        self.wanted = settings
        return asyncio.run(self.reloader.reload())


def start(**members: object) -> Reloadable:
    return Reloadable(settings_with(members))


def settings_with(members: Mapping[str, object]) -> Settings:
    """Make settings with these members, by their dotted names."""
    settings = Settings(key="key", broker="memory://")
    for name, value in members.items():
        leaf, _, member = name.rpartition(".")
        changed: Any = dataclasses.replace(getattr(settings, leaf), **{member: value}) if leaf else value
        settings = dataclasses.replace(settings, **{leaf or member: changed})
    return settings


def another(value: object) -> object:
    """Return some other value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, "another")
    return value + "another" if isinstance(value, str) else value + 1  # type: ignore[operator]  # a number


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_a_change_counts_or_needs_a_restart(entry: Entry) -> None:
    before = settings_with({})
    leaf, _, member = entry.key.rpartition(".")
    value = another(getattr(getattr(before, leaf) if leaf else before, member))
    merged, found = merge(before, settings_with({entry.key: value}))
    named = (found.changed, found.needs_restart)
    assert named == (((entry.key,), ()) if entry.is_live else ((), (entry.key,)))
    assert (merged == before) is not entry.is_live


def share_is_kept(address: str) -> Callable[[Assembly], object]:
    host = parse_address(address)
    return lambda assembly: assembly.places.shares.of_peer(Peer(host)) is None


def of_limits(member: str) -> Callable[[Assembly], object]:
    """Look at a limit where all parts read it: they have the same leaf."""

    def look(assembly: Assembly) -> object:
        assert assembly.context.limits is assembly.engine.limits
        assert assembly.context.limits is assembly.main_doors().routes.limits
        return getattr(assembly.context.limits, member)

    return look


def of_http(member: str) -> Callable[[Assembly], object]:
    return lambda assembly: getattr(assembly.main_doors().routes.settings, member)


def holder_of(assembly: Assembly, key: str, peer: Peer = HERE) -> KeyHolder | None:
    return assembly.check.find_holder(key, peer)


def burst_of_share(assembly: Assembly) -> object:
    share = assembly.places.shares.of_peer(FAR)
    assert share is not None
    return share.connects._rate


EFFECTS: dict[str, tuple[object, Callable[[Assembly], object], object]] = {
    "key": ("other", lambda assembly: (holder_of(assembly, "key"), bool(holder_of(assembly, "other"))), (None, True)),
    "key_file": ("a file", lambda assembly: assembly.settings.key_file, "a file"),
    "log_level": ("debug", lambda _: logging.getLogger().level, logging.DEBUG),
    "limits.max_connections": (50, lambda assembly: assembly.places.capacity.listeners, 50),
    "limits.max_connections_per_address": (7, lambda assembly: assembly.places.bounds.listeners, 7),
    "limits.connects_per_second_per_address": ("5 burst 9", burst_of_share, Rate(5, 9)),
    "limits.commands_per_second_per_connection": (
        "5 burst 10", lambda assembly: assembly.places.work._burst_s, 2.0
    ),
    "limits.commands_per_second_per_address": ("5", lambda assembly: assembly.places.work._address_burst, 5.0),
    "limits.replay_bytes_per_second_per_address": (
        "9", lambda assembly: assembly.places.shares.rates.replay, Rate(9, 9)
    ),
    "limits.exempt_networks": (("203.0.113.0/24",), share_is_kept("203.0.113.9"), True),
    "limits.observe": (
        ("auth_failures_per_minute",), lambda assembly: assembly.enforcement.observed, frozenset({"auth-wait"})
    ),
    "limits.max_unread_polling_bytes": (2**20, lambda assembly: assembly.engine.unread.limit, 2**20),
    "limits.auth_failures_per_minute": (3, lambda assembly: assembly.check._failures.per_minute, 3),
    "auth.sender_addresses": (
        ("192.0.2.1",), lambda assembly: (bool(holder_of(assembly, "key", FAR))), False
    ),
    "auth.local_hosts": (("box",), lambda assembly: assembly.context.peers._local_hosts, frozenset({"box"})),
    "http.allowed_origins": (
        ("https://a.example",), lambda assembly: assembly.context.origins.allows("https://b.example"), False
    ),
    "http.trusted_proxies": (("203.0.113.9",), share_is_kept("203.0.113.9"), True),
    "keys": (
        (KeySettings("site", "secret"),), lambda assembly: str(holder_of(assembly, "secret")), "the key 'site'"
    ),
    "channels": (
        (ChannelSettings("a", "grant"),),
        lambda assembly: assembly.context.gate and type(assembly.context.gate.admit(["a"])).__name__,
        "CommandError",
    ),
}  # fmt: skip
"""What is to be seen in a daemon when a setting has changed: its new value, where to look, what is there."""

READ_LATE = {
    "limits.max_subscriptions": 3, "limits.max_channel_length": 9, "limits.max_receiver_message_bytes": 99,
    "limits.max_sender_message_bytes": 99_999, "limits.max_batch_events": 9, "limits.max_batch_bytes": 99,
    "limits.max_header_bytes": 999, "limits.header_timeout_s": 1.0, "limits.body_timeout_s": 1.0,
    "http.keep_alive_s": 5.0, "http.long_poll_timeout_s": 5.0, "http.stream_heartbeat_s": 5.0,
}  # fmt: skip
"""What parts read whenever they need it, with another value."""


def test_each_setting_that_changes_is_looked_at_here() -> None:
    assert EFFECTS.keys() | READ_LATE.keys() == {entry.key for entry in ENTRIES if entry.is_live} | {"keys", "channels"}


@pytest.mark.parametrize("name", [*EFFECTS, *READ_LATE])
def test_what_has_changed_counts_in_the_parts_of_a_daemon(name: str) -> None:
    member = name.partition(".")[2]
    late = of_limits(member) if name.startswith("limits.") else of_http(member)
    value, look, expected = EFFECTS[name] if name in EFFECTS else (READ_LATE[name], late, READ_LATE[name])
    daemon = start()
    assert look(daemon.assembly) != expected
    assert daemon.reload(settings_with({name: value})) == ((name,), ())
    assert look(daemon.assembly) == expected
    assert daemon.reload(settings_with({name: value})) == ((), ())
    assert LimitSettings() == Settings().limits  # what a daemon has of its own is nobody else's


def test_each_part_is_told_of_settings_that_there_are() -> None:
    names = {entry.key for entry in ENTRIES if entry.is_live} | {"keys", "channels"}
    for one in CONCERNED:
        assert all(any(is_named((name,), setting) for setting in names) for name in one.names), one.names


def test_a_wrong_setting_changes_nothing_and_the_next_reading_counts() -> None:
    daemon = start()
    with pytest.raises(ConfigError, match="is wrong"):
        daemon.reload(ConfigError("port", "x", "a number"))
    wrong_together = settings_with({"channels": (ChannelSettings("a", "grant"),), "key": "lqdoj"})
    with pytest.raises(ConfigError, match="everybody knows lqdoj"):
        daemon.reload(wrong_together)
    with pytest.raises(ConfigError, match="everybody knows lqdoj"):  # dev needs a restart, so this one does not stand
        daemon.reload(dataclasses.replace(wrong_together, dev=True))
    assert (daemon.assembly.context.gate, bool(holder_of(daemon.assembly, "key"))) == (None, True)
    assert daemon.reload(settings_with({"key": "new"})).changed == ("key",)


def rule(**members: object) -> Settings:
    return settings_with({"channels": (ChannelSettings("a", **members),)})  # type: ignore[arg-type]


def test_of_rules_that_is_named_which_needs_a_restart_until_there_was_one() -> None:
    daemon = start()
    assert daemon.reload(rule()) == (("channels",), ())
    assert daemon.reload(rule(keep=False)) == ((), ("channels.keep",))
    assert daemon.reload(rule(keep=False)) == ((), ("channels.keep",))
    assert daemon.assembly.hub._history.bounds(Channel("a")).kept
    assert daemon.reload(rule(strip=("/a",), pace_s=1.0)) == (("channels",), ("channels.strip",))
    assert daemon.reload(rule()) == (("channels",), ())
    stripped = Reloadable(rule(strip=("/a",), keep=False))
    assert stripped.reload(rule(strip=("/b",))) == (("channels",), ("channels.keep",))
    assert not stripped.assembly.hub._history.bounds(Channel("a")).kept
    assert isinstance(stripped.assembly.broker, StrippedBroker)
    assert stripped.reload(settings_with({})) == (("channels",), ("channels.keep",))
    assert not stripped.assembly.hub._history.bounds(Channel("a")).kept


@pytest.mark.parametrize(("broker", "waits"), [("sqlite://", True), ("memory://", False)])
def test_a_store_keeps_events_no_longer_than_it_was_told_at_the_start(broker: str, waits: bool) -> None:
    daemon = start(broker=broker)
    long = dataclasses.replace(rule(history_ttl_s=1e6), broker=broker)
    assert daemon.reload(long) == (("channels",), ("channels.history_ttl_s",) if waits else ())
    assert daemon.assembly.hub._history.bounds(Channel("a")).ttl_s == 1e6


@pytest.mark.parametrize("rules", [(), (ChannelSettings("b", "grant"),)], ids=["open", "closed"])
def test_revocations_of_others_are_heard_if_a_rule_asked_for_it_at_the_start(
    rules: tuple[ChannelSettings, ...],
) -> None:
    broker = "amqp://localhost/?exchange=events"
    daemon = start(broker=broker, channels=rules)
    found = daemon.reload(dataclasses.replace(rule(listen="grant"), broker=broker))
    assert found == (("channels",), () if rules else ("channels.listen",))


class Looks:
    """Counts who is held to new rules, and fails with one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failing: Listener | None = None) -> None:
        self.count = 0
        self.on_look: Callable[[], object] = lambda: None
        check_again = Gate.check_again

        def look(gate: Gate, subscription: Subscription) -> None:
            self.count += 1
            self.on_look()
            if failing is not None and subscription is failing.subscription:
                raise ZeroDivisionError
            check_again(gate, subscription)

        monkeypatch.setattr(Gate, "check_again", look)


def follow(daemon: Reloadable, *listeners: Listener) -> None:
    for listener in listeners:
        daemon.assembly.hub.subscribe(listener.subscription, [Channel("a"), Channel("b")], None)


def test_an_error_of_ours_costs_one_listener_its_link_and_leaves_nobody_a_channel_that_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon, listeners = start(), [Listener() for _ in range(3)]
    follow(daemon, *listeners)
    looks = Looks(monkeypatch, failing=listeners[0])
    assert daemon.reload(rule(listen="grant")) == (("channels",), ())
    assert [listener.revoked for listener in listeners] == [[], *[[("a", "not-allowed")]] * 2]
    assert [listener.cut for listener in listeners] == [True, False, False]
    assert (looks.count, daemon.assembly.hub.listeners(Channel("a"))) == (3, 0)


def test_listeners_are_held_to_the_rules_when_those_change_and_again_only_if_that_broke_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon, crowd = start(), [Listener() for _ in range(300)]
    follow(daemon, *crowd)
    looks = Looks(monkeypatch)
    closed = rule(listen="grant")

    async def break_off() -> None:
        daemon.wanted = closed
        reloading = asyncio.create_task(daemon.reloader.reload())
        looks.on_look = reloading.cancel
        await asyncio.wait({reloading})

    asyncio.run(break_off())
    looks.on_look = lambda: None
    assert 0 < looks.count < 300
    left = sum(not listener.revoked for listener in crowd)
    daemon.reload(closed)
    assert all(listener.revoked for listener in crowd)
    looked = looks.count
    daemon.reload(dataclasses.replace(closed, log_level="debug"))
    assert (left > 0, looks.count) == (True, looked)


def test_a_key_that_is_gone_may_post_nothing_and_one_that_stays_goes_on() -> None:
    keys = (KeySettings("site", "one", may_post=("a",)), KeySettings("bridge", "two"))
    daemon = start(keys=keys)
    site, bridge = (holder_of(daemon.assembly, secret) for secret in ("one", "two"))
    assert site is not None
    assert bridge is not None
    site.posts, bridge.posts = 3, 4
    daemon.reload(settings_with({"keys": (KeySettings("site", "one", may_post=("b",)), KeySettings("bridge", "new"))}))
    assert holder_of(daemon.assembly, "one") is site
    assert (site.may_post("a"), site.may_post("b"), site.is_void) == (False, True, False)
    assert (bridge.may_post("b"), bridge.is_void, holder_of(daemon.assembly, "two")) == (False, True, None)
    assert daemon.assembly.check.count_posts() == {"": 0, "site": 3, "bridge": 4}


def test_whoever_posts_with_a_key_that_is_called_otherwise_now_goes_on() -> None:
    daemon = start(key="old")
    poster = holder_of(daemon.assembly, "old")
    assert poster is not None
    poster.posts = 3
    found = daemon.reload(dataclasses.replace(settings_with({"keys": (KeySettings("former", "old"),)}), key="new"))
    assert found.changed == ("key", "keys")
    assert holder_of(daemon.assembly, "old") is poster
    assert (poster.may_post("a"), poster.is_void, str(poster)) == (True, False, "the key 'former'")
    poster.posts += 1
    assert daemon.assembly.check.count_posts() == {"": 3, "former": 1}
    daemon.reload(settings_with({"key": "new"}))
    assert (poster.may_post("a"), poster.is_void) == (False, True)
    assert daemon.assembly.check.count_posts() == {"": 3, "former": 1}


@pytest.mark.parametrize("trusted", [True, False])
def test_the_last_key_stays_where_others_reach_the_post_listener(trusted: bool) -> None:
    daemon = start()
    daemon.assembly.post_doors(daemon.assembly.main_doors(), trusted=trusted)
    without = settings_with({"key": ""})
    if trusted:
        assert daemon.reload(without).changed == ("key",)
    else:
        with pytest.raises(ConfigError, match=r"post_listener\.host"):
            daemon.reload(without)
    assert bool(holder_of(daemon.assembly, "key")) is not trusted
    assert daemon.reload(settings_with({"keys": (KeySettings("site", "secret"),), "key": ""})).needs_restart == ()


NO_MODE: dict[str, object] = {}
ON_LOOPBACK: dict[str, object] = {"dev": True}
FOR_OTHERS: dict[str, object] = {"dev": True, "host": "0.0.0.0"}


@pytest.mark.parametrize("before", [NO_MODE, ON_LOOPBACK, FOR_OTHERS], ids=["no mode", "on loopback", "for others"])
@pytest.mark.parametrize("after", [ON_LOOPBACK, FOR_OTHERS], ids=["on loopback", "for others"])
def test_no_key_is_made_up_of_which_nobody_is_told(before: dict[str, object], after: dict[str, object]) -> None:
    first = load_with_sources(None, {}, before)
    again = read_again(first, None, {}, after)
    assert again.settings == dataclasses.replace(load(None, {}, after), key=first.settings.key)
    assert bool(first.settings.key) is (before is not NO_MODE)


def test_a_key_that_was_given_is_not_replaced_by_one_that_everybody_knows() -> None:
    first = load_with_sources(None, {"OYEZ_KEY": "own"}, {})
    assert read_again(first, None, {}, ON_LOOPBACK).settings.key == ""
    assert read_again(first, None, {"OYEZ_KEY": "new"}, ON_LOOPBACK).settings.key == "new"
