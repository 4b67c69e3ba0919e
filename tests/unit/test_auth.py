"""Who may post?"""

import pytest

from oyez.address import Peer, parse_networks
from oyez.auth import WELL_KNOWN_KEYS, PostPolicy, Verdict, is_same_key, judge_poster

HERE = Peer("127.0.0.1", direct=True, local=True)
BEHIND_PROXY = Peer("203.0.113.9", direct=False, local=True)
FAR = Peer("203.0.113.9", direct=True, local=False)
UNIX = Peer("", direct=True, local=True)
INSIDE = Peer("10.1.2.3", direct=True, local=False)

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
        (PUBLIC, PUBLIC.key, BEHIND_PROXY, Verdict.WELL_KNOWN_KEY),
        (PUBLIC, PUBLIC.key, FAR, Verdict.WELL_KNOWN_KEY),
        (PUBLIC, "x", FAR, Verdict.WRONG_KEY),
        (FENCED, "secret", INSIDE, Verdict.ALLOWED),
        (FENCED, "secret", FAR, Verdict.WRONG_ADDRESS),
        (FENCED, "secret", HERE, Verdict.WRONG_ADDRESS),
        (FENCED, "secret", UNIX, Verdict.ALLOWED),
        (FENCED, "wrong", INSIDE, Verdict.WRONG_KEY),
    ],
)
def test_verdicts(policy: PostPolicy, token: object, peer: Peer, verdict: Verdict) -> None:
    assert judge_poster(policy, token, peer) is verdict


def test_judge_key_is_well_known() -> None:
    assert "lqdoj" in WELL_KNOWN_KEYS


@pytest.mark.parametrize(("token", "same"), [("k", True), ("kk", False), ("", False), (5, False), (None, False)])
def test_keys_are_compared_as_text(token: object, same: bool) -> None:
    assert is_same_key(token, "k") is same
