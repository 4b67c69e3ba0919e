"""Is a grant what the reference says, and is any other end of a name none?"""

import hashlib
import hmac

import pytest

from oyez import grants
from oyez.client import grant

KEY = "the key of the tests"
DERIVED = grants.derive_key(KEY)
ISSUED_S = 1_795_391_142


def test_a_grant_is_what_it_was_when_it_was_first_promised() -> None:
    name = "tickets!42.toxgo6.sDrYqQdXAKPNHSgj7FJvQQ"
    assert grants.sign(DERIVED, "tickets", "42", ISSUED_S) == name
    assert grants.parse(name) == ("tickets", "42", ISSUED_S, "tickets!42.toxgo6.", "sDrYqQdXAKPNHSgj7FJvQQ")


def test_the_key_of_posters_signs_nothing_itself() -> None:
    assert hmac.new(KEY.encode(), b"oyez grant", hashlib.sha256).digest() == DERIVED


@pytest.mark.parametrize(
    "channel", ["tickets", "a!b", "é!", "!", "a\nb", "x!1.t.AAAAAAAAAAAAAAAAAAAAAA", "\U0001f600" * 50]
)
@pytest.mark.parametrize("subject", ["", "42", "A-Z_09" * 5])
def test_what_is_signed_is_found_again(channel: str, subject: str) -> None:
    name = grants.sign(DERIVED, channel, subject, ISSUED_S)
    found = grants.parse(name)
    assert found is not None
    assert (found.channel, found.subject, found.issued_s) == (channel, subject, ISSUED_S)
    assert grants.is_signed_by(found, DERIVED)
    assert not grants.is_signed_by(found, grants.derive_key("another"))
    assert grants.strip(name) == channel
    assert len(name) - len(channel) <= grants.MOST_LENGTH


@pytest.mark.parametrize("place", range(len("tickets!42.toxgo6.sDrYqQdXAKPNHSgj7FJvQQ")))
def test_a_letter_more_or_less_is_another_grant_or_none(place: int) -> None:
    name = grants.sign(DERIVED, "tickets", "42", ISSUED_S)
    other = name[:place] + ("y" if name[place] != "y" else "z") + name[place + 1 :]
    found = grants.parse(other)
    assert found is None or not grants.is_signed_by(found, DERIVED)
    shorter = grants.parse(name[:place] + name[place + 1 :])
    assert shorter is None or not grants.is_signed_by(shorter, DERIVED)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "tickets",
        "tickets!",
        "!42.t0k3f9.AAAAAAAAAAAAAAAAAAAAAA",
        "tickets!42.T0K3F9.AAAAAAAAAAAAAAAAAAAAAA",
        "tickets!42.t0k3f9.AAAAAAAAAAAAAAAAAAAAA",
        "tickets!42.t0k3f9.AAAAAAAAAAAAAAAAAAAAAAA",
        "tickets!42.t0k3f9.AAAAAAAAAAAAAAAAAAAA==",
        "tickets!42.t0k3f9.AAAAAAAAAAAAAAAAAAAAAA\n",
        "tickets!42..AAAAAAAAAAAAAAAAAAAAAA",
        "tickets!4 2.t0k3f9.AAAAAAAAAAAAAAAAAAAAAA",
        "tickets!٤٢.t0k3f9.AAAAAAAAAAAAAAAAAAAAAA",
        f"tickets!{'4' * 33}.t0k3f9.AAAAAAAAAAAAAAAAAAAAAA",
        "tickets!42.123456789.AAAAAAAAAAAAAAAAAAAAAA",
        "tickets.42.t0k3f9.AAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_any_other_end_is_part_of_the_name(name: str) -> None:
    assert grants.parse(name) is None
    assert grants.strip(name) == name


@pytest.mark.parametrize(
    ("channel", "subject", "issued_s", "words"),
    [
        ("", "42", 1, "the channel must not be empty"),
        ("a", "4 2", 1, "the subject '4 2' is not at most 32 of the characters A-Z, a-z, 0-9, _ and -"),
        ("a", "x" * 33, 1, "is not at most 32"),
        ("a", "é", 1, r"the subject '\\xe9' is not"),
        ("a", "42", -1, "no time that a grant can have"),
        ("a", "42", 36**8, "no time that a grant can have"),
    ],
)
def test_what_cannot_be_in_a_grant_is_named(channel: str, subject: str, issued_s: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        grants.sign(DERIVED, channel, subject, issued_s)


def test_back_ends_make_them_with_the_key_alone() -> None:
    assert grant("tickets", 42, key=KEY, issued_at=ISSUED_S + 0.9) == grants.sign(DERIVED, "tickets", "42", ISSUED_S)
    made = grants.parse(grant("tickets", key=KEY))
    assert made is not None
    assert made.subject == ""
    with pytest.raises(ValueError, match="the key is empty"):
        grant("tickets", key="")
    with pytest.raises(ValueError, match="lone surrogate"):
        grant("\ud800", key=KEY)
