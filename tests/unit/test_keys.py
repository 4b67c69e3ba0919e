"""Who may post?"""

from ipaddress import ip_address

import pytest

from oyez.access.ip_addresses import parse_networks
from oyez.access.keys import WELL_KNOWN_KEYS, PostPolicy, Verdict, explain_refusal, is_same_key, judge_poster
from oyez.access.peer import Peer

DOUBT = "it came through a proxy"
HERE = Peer(ip_address("127.0.0.1"), socket="127.0.0.1:5")
FAR = Peer(ip_address("203.0.113.9"), doubt=DOUBT, socket="127.0.0.1:5")
UNIX = Peer(None)
INSIDE = Peer(ip_address("10.1.2.3"), doubt=DOUBT)
BEHIND_INSIDE = Peer(ip_address("10.1.2.3"), named=False, doubt=DOUBT)
BEHIND_UNIX = Peer(None, named=False, doubt=DOUBT)

SECRET = PostPolicy("geheim-ü")
PUBLIC = PostPolicy(min(WELL_KNOWN_KEYS))
FENCED = PostPolicy("secret", parse_networks(["10.0.0.0/8"]))


@pytest.mark.parametrize(
    ("policy", "token", "peer", "verdict"),
    [
        (SECRET, "geheim-ü", FAR, Verdict.ALLOWED),
        (SECRET, "geheim-u", HERE, Verdict.WRONG_KEY),
        (SECRET, "", HERE, Verdict.WRONG_KEY),
        (SECRET, None, HERE, Verdict.WRONG_KEY),
        (SECRET, b"geheim", HERE, Verdict.WRONG_KEY),
        (SECRET, "\ud800", HERE, Verdict.WRONG_KEY),
        (PostPolicy(""), "", HERE, Verdict.NO_KEY),
        (PostPolicy(""), None, HERE, Verdict.NO_KEY),
        (PUBLIC, PUBLIC.key, HERE, Verdict.ALLOWED),
        (PUBLIC, PUBLIC.key, UNIX, Verdict.ALLOWED),
        (PUBLIC, PUBLIC.key, BEHIND_UNIX, Verdict.WELL_KNOWN_KEY),
        (PUBLIC, PUBLIC.key, FAR, Verdict.WELL_KNOWN_KEY),
        (PUBLIC, "x", FAR, Verdict.WRONG_KEY),
        (FENCED, "secret", INSIDE, Verdict.ALLOWED),
        (FENCED, "secret", FAR, Verdict.WRONG_ADDRESS),
        (FENCED, "secret", HERE, Verdict.WRONG_ADDRESS),
        (FENCED, "secret", UNIX, Verdict.ALLOWED),
        (FENCED, "secret", BEHIND_INSIDE, Verdict.WRONG_ADDRESS),
        (FENCED, "secret", BEHIND_UNIX, Verdict.WRONG_ADDRESS),
        (FENCED, "wrong", INSIDE, Verdict.WRONG_KEY),
    ],
)
def test_verdicts(policy: PostPolicy, token: object, peer: Peer, verdict: Verdict) -> None:
    assert judge_poster(policy, token, peer) is verdict


def test_the_operator_is_told_who_was_refused_and_why() -> None:
    assert explain_refusal(Verdict.WRONG_KEY, FAR) == "a poster from 203.0.113.9: wrong key"
    assert explain_refusal(Verdict.WRONG_KEY, UNIX) == "a poster from a Unix socket: wrong key"
    assert "somebody behind 10.1.2.3: the address" in explain_refusal(Verdict.WRONG_ADDRESS, BEHIND_INSIDE)
    assert explain_refusal(Verdict.WELL_KNOWN_KEY, FAR).endswith(f"({DOUBT})")
    assert explain_refusal(Verdict.NO_KEY, FAR, local_need_none=True).endswith(f"({DOUBT})")


def test_judge_key_is_well_known() -> None:
    assert "lqdoj" in WELL_KNOWN_KEYS


@pytest.mark.parametrize(("token", "same"), [("k", True), ("kk", False), ("", False), (5, False), (None, False)])
def test_keys_are_compared_as_text(token: object, same: bool) -> None:
    assert is_same_key(token, "k") is same
