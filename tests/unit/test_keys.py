"""Who may post?"""

from ipaddress import ip_address

import pytest

from oyez.access.ip_addresses import parse_networks
from oyez.access.keys import (
    WELL_KNOWN_KEYS,
    KeyHolder,
    PostPolicy,
    Verdict,
    explain_refusal,
    find_key,
    judge_poster,
    make_keys,
)
from oyez.access.peer import Peer
from oyez.access.settings import KeySettings

DOUBT = "it came through a proxy"
HERE = Peer(ip_address("127.0.0.1"), socket="127.0.0.1:5")
FAR = Peer(ip_address("203.0.113.9"), doubt=DOUBT, socket="127.0.0.1:5")
UNIX = Peer(None)
INSIDE = Peer(ip_address("10.1.2.3"), doubt=DOUBT)
BEHIND_INSIDE = Peer(ip_address("10.1.2.3"), named=False, doubt=DOUBT)
BEHIND_UNIX = Peer(None, named=False, doubt=DOUBT)

PUBLIC_KEY = min(WELL_KNOWN_KEYS)
NONE = PostPolicy(())
SECRET = PostPolicy(make_keys("geheim-ü", ()))
PUBLIC = PostPolicy(make_keys(PUBLIC_KEY, ()))
FENCED = PostPolicy(make_keys("secret", ()), parse_networks(["10.0.0.0/8"]))
OTHERS = (
    KeySettings("bridge", "b", may_post=("sub_*", "contest")),
    KeySettings("site", "s", from_=("10.0.0.0/8", "::1")),
    KeySettings("dev", PUBLIC_KEY),
)
SEVERAL = PostPolicy(make_keys("secret", OTHERS))


@pytest.mark.parametrize(
    ("policy", "token", "peer", "verdict"),
    [
        (SECRET, "geheim-ü", FAR, Verdict.ALLOWED),
        (SECRET, "geheim-u", HERE, Verdict.WRONG_KEY),
        (SECRET, "", HERE, Verdict.WRONG_KEY),
        (SECRET, None, HERE, Verdict.WRONG_KEY),
        (SECRET, b"geheim", HERE, Verdict.WRONG_KEY),
        (SECRET, "\ud800", HERE, Verdict.WRONG_KEY),
        (NONE, "", HERE, Verdict.NO_KEY),
        (NONE, None, HERE, Verdict.NO_KEY),
        (PUBLIC, PUBLIC_KEY, HERE, Verdict.ALLOWED),
        (PUBLIC, PUBLIC_KEY, UNIX, Verdict.ALLOWED),
        (PUBLIC, PUBLIC_KEY, BEHIND_UNIX, Verdict.WELL_KNOWN_KEY),
        (PUBLIC, PUBLIC_KEY, FAR, Verdict.WELL_KNOWN_KEY),
        (PUBLIC, "x", FAR, Verdict.WRONG_KEY),
        (FENCED, "secret", INSIDE, Verdict.ALLOWED),
        (FENCED, "secret", FAR, Verdict.WRONG_ADDRESS),
        (FENCED, "secret", HERE, Verdict.WRONG_ADDRESS),
        (FENCED, "secret", UNIX, Verdict.ALLOWED),
        (FENCED, "secret", BEHIND_INSIDE, Verdict.WRONG_ADDRESS),
        (FENCED, "secret", BEHIND_UNIX, Verdict.WRONG_ADDRESS),
        (FENCED, "wrong", INSIDE, Verdict.WRONG_KEY),
        (SEVERAL, "secret", FAR, Verdict.ALLOWED),
        (SEVERAL, "b", FAR, Verdict.ALLOWED),
        (SEVERAL, "s", FAR, Verdict.NOT_FROM_THERE),
        (SEVERAL, "s", INSIDE, Verdict.ALLOWED),
        (SEVERAL, "s", UNIX, Verdict.ALLOWED),
        (SEVERAL, "s", BEHIND_INSIDE, Verdict.NOT_FROM_THERE),
        (SEVERAL, PUBLIC_KEY, FAR, Verdict.WELL_KNOWN_KEY),
        (SEVERAL, PUBLIC_KEY, HERE, Verdict.ALLOWED),
        (SEVERAL, "secrets", FAR, Verdict.WRONG_KEY),
    ],
)
def test_verdicts(policy: PostPolicy, token: object, peer: Peer, verdict: Verdict) -> None:
    assert judge_poster(policy, token, peer)[0] is verdict


def test_the_operator_is_told_who_was_refused_and_why() -> None:
    assert explain_refusal(Verdict.WRONG_KEY, FAR) == "wrong key"
    assert explain_refusal(Verdict.WRONG_KEY, UNIX) == "wrong key"
    assert "the address is not" in explain_refusal(Verdict.WRONG_ADDRESS, BEHIND_INSIDE)
    assert explain_refusal(Verdict.WELL_KNOWN_KEY, FAR).endswith(f"({DOUBT})")
    assert explain_refusal(Verdict.NO_KEY, FAR, local_need_none=True).endswith(f"({DOUBT})")


def test_the_operator_is_told_whose_key_it_was() -> None:
    verdict, holder = judge_poster(SEVERAL, "s", FAR)
    assert explain_refusal(verdict, FAR, holder).startswith("the key 'site': the address is not")
    verdict, holder = judge_poster(FENCED, "secret", FAR)
    assert explain_refusal(verdict, FAR, holder).startswith("the address is not")


def test_a_key_says_who_shows_it_and_what_for() -> None:
    holders = [judge_poster(SEVERAL, token, HERE)[1] for token in ("secret", "b", "nobody's")]
    assert [holder and holder.name for holder in holders] == ["", "bridge", None]
    unnamed, bridge, _ = holders
    assert unnamed is not None
    assert bridge is not None
    assert [unnamed.may_post(name) for name in ("sub_1", "contest", "x")] == [True, True, True]
    assert [bridge.may_post(name) for name in ("sub_1", "contest", "x")] == [True, True, False]
    assert (str(unnamed), str(bridge), str(KeyHolder())) == ("the key", "the key 'bridge'", "the key")


def test_all_keys_are_compared_whichever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(shown: bytes, secret: bytes) -> bool:
        compared.append(secret)
        return shown == secret

    monkeypatch.setattr("hmac.compare_digest", compare)
    for token in ("secret", PUBLIC_KEY, "wrong", None):
        find_key(SEVERAL.keys, token)
    assert compared == [b"secret", b"b", b"s", PUBLIC_KEY.encode()] * 4


def test_judge_key_is_well_known() -> None:
    assert "lqdoj" in WELL_KNOWN_KEYS


@pytest.mark.parametrize(("token", "same"), [("k", True), ("kk", False), ("", False), (5, False), (None, False)])
def test_keys_are_compared_as_text(token: object, same: bool) -> None:
    assert (find_key(make_keys("k", ()), token) is not None) is same
