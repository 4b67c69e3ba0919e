"""Who is let in by the rules for channels, and by a grant?"""

import pytest

from oyez import grants
from oyez.access.listen_policy import GrantOutcome, ListenPolicy, make_signers, needs_policy
from oyez.access.rules import Rules
from oyez.access.settings import ChannelSettings, KeySettings
from oyez.endpoints.context import Admitted, HeldGrant
from oyez.endpoints.gate import Gate
from oyez.hub.notices import LocalNotices
from oyez.hub.publication import Channel
from oyez.net.ticker import Ticker
from oyez.wire.commands import CommandError
from tests.fakes import Clock, World

NOW_S = 1_795_391_142.5
KEY, BRIDGE = "key", "key of the bridge"
RULES = (
    ChannelSettings("ticket-7"),
    ChannelSettings("ticket*", "grant", 100),
    ChannelSettings("seen", "observe", 100),
    ChannelSettings("internal_*", "nobody"),
)
POLICY = ListenPolicy(RULES, make_signers(KEY, (KeySettings("bridge", BRIDGE, may_post=("ticket-*",)),)))


def granted(channel: str, *, key: str = KEY, age_s: int = 0) -> str:
    return grants.sign(grants.derive_key(key), channel, "42", int(NOW_S) - age_s)


@pytest.mark.parametrize(
    ("name", "channel", "outcome"),
    [
        ("news", "news", GrantOutcome.OPEN),
        (granted("news"), "news", GrantOutcome.OPEN),
        ("ticket-7", "ticket-7", GrantOutcome.OPEN),
        ("news!old", "news!old", GrantOutcome.OPEN),
        ("tickets", "tickets", GrantOutcome.NONE),
        (granted("tickets"), "tickets", GrantOutcome.OK),
        (granted("tickets", age_s=99), "tickets", GrantOutcome.OK),
        (granted("tickets", age_s=100), "tickets", GrantOutcome.EXPIRED),
        (granted("tickets", age_s=-59), "tickets", GrantOutcome.OK),
        (granted("tickets", age_s=-60), "tickets", GrantOutcome.OK),
        (granted("tickets", age_s=-61), "tickets", GrantOutcome.BAD),
        (granted("tickets", key="another"), "tickets", GrantOutcome.BAD),
        (granted("tickets")[:-1], "tickets", GrantOutcome.BAD),
        ("tickets!", "tickets", GrantOutcome.BAD),
        ("tickets" + granted("ticket-8")[8:], "tickets", GrantOutcome.BAD),
        (granted("ticket-8", key=BRIDGE), "ticket-8", GrantOutcome.OK),
        (granted("tickets", key=BRIDGE), "tickets", GrantOutcome.BAD),
        ("internal_1", "internal_1", GrantOutcome.NOBODY),
        (granted("internal_1"), "internal_1", GrantOutcome.NOBODY),
        ("internal_1!x", "internal_1!x", GrantOutcome.NOBODY),
    ],
)
def test_a_name_stands_for_a_channel_and_is_judged_by_its_rule(name: str, channel: str, outcome: GrantOutcome) -> None:
    judged = POLICY.judge(name, NOW_S)
    assert (judged.channel.partition("!x")[0], judged.outcome) == (channel.partition("!x")[0], outcome)
    assert judged.is_let_in == (outcome in (GrantOutcome.OPEN, GrantOutcome.OK))


@pytest.mark.parametrize(
    "name", ["seen", "seen!spoilt", granted("seen", key="another"), granted("seen", age_s=101), granted("seen")]
)
def test_who_is_only_observed_is_let_in(name: str) -> None:
    judged = POLICY.judge(name, NOW_S)
    assert judged.is_let_in
    assert judged.channel == "seen"


def test_without_a_rule_that_closes_a_channel_nothing_is_judged() -> None:
    assert not needs_policy(())
    assert not needs_policy([ChannelSettings("a")])
    assert all(needs_policy([ChannelSettings("a", listen)]) for listen in ("grant", "observe", "nobody"))


def test_the_first_rule_that_fits_counts() -> None:
    rules = Rules(RULES)
    assert [RULES.index(rules.find(name)) for name in ("ticket-7", "tickets", "seen", "internal_")] == [0, 1, 2, 3]
    assert rules.find("ticket-7") is rules.find("ticket-7")
    assert rules.find("unseen") == ChannelSettings("*")


def test_names_that_visitors_make_up_take_no_more_than_a_bounded_memory() -> None:
    rules = Rules(RULES)
    for number in range(10_000):
        assert rules.find(f"ticket{number}") is RULES[1]
    assert len(rules) <= 4096


def test_the_gate_lets_all_names_in_or_none() -> None:
    gate = Gate(POLICY, lambda: NOW_S, World().hub, Ticker(clock=Clock()), LocalNotices())
    admitted = gate.admit(["news", granted("tickets"), granted("tickets", age_s=9), "seen"])
    assert isinstance(admitted, Admitted)
    assert admitted.channels == ["news", "tickets", "seen"]
    now_s = int(NOW_S)
    assert admitted.grants == [
        HeldGrant(Channel("tickets"), "42", issued_s, issued_s + 100, is_needed=True, signed_by=grants.derive_key(KEY))
        for issued_s in (now_s, now_s - 9)
    ]
    refused = gate.admit(["news", granted("tickets", age_s=101), "tickets!x", "tickets"])
    assert isinstance(refused, CommandError)
    assert refused.encode() == (
        b'{"status":"error","code":"not-allowed","message":"This channel needs a grant","channel":"tickets"}'
    )
    refused = gate.admit(["internal_1"])
    assert isinstance(refused, CommandError)
    assert refused.message == "Nobody may listen to this channel"
    assert gate.counts == {"ok": 2, "none": 1, "bad": 1, "expired": 1, "revoked": 0, "observed": 1}
