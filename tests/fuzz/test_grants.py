"""Does every name have the grant that a second reader of the reference finds in it, and no other?"""

import hashlib
import hmac
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from oyez import grants
from oyez.access.listen_policy import GrantOutcome, ListenPolicy, make_signers
from oyez.access.settings import ChannelSettings
from tests.fuzz import fuzz

KEY = "geheim-ü"
NOW_S = 1_795_391_142
TTL_S = 1000

URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
BASE_36 = "0123456789abcdefghijklmnopqrstuvwxyz"

pieces = st.sampled_from(
    [
        "!",
        ".",
        "tickets",
        "42",
        "toxgo6",
        "a",
        "é",
        "\U0001f600",
        "\ud800",
        "\n",
        "=",
        "A" * 22,
        "B" * 21,
        "z" * 9,
        "-_",
    ]
)
channels = st.text(min_size=1, max_size=6) | st.sampled_from(["tickets", "a!b", "x!1.t." + "A" * 22])
subjects = st.text(URL_SAFE, max_size=34)


def read_again(name: str) -> tuple[str, str, int, str] | None:
    """Read a name from its end, a character at a time, as the reference tells it."""
    signature, rest = name[-22:], name[:-22]
    if len(name) < 22 or any(letter not in URL_SAFE for letter in signature) or rest[-1:] != ".":
        return None
    before, dot, time = rest[:-1].rpartition(".")
    if not dot or not 1 <= len(time) <= 8 or any(letter not in BASE_36 for letter in time):
        return None
    channel, mark, subject = before.rpartition("!")
    if not mark or not channel or len(subject) > 32 or any(letter not in URL_SAFE for letter in subject):
        return None
    seconds = 0
    for letter in time:
        seconds = seconds * 36 + BASE_36.index(letter)
    return channel, subject, seconds, signature


def sign_again(channel: str, subject: str, seconds: int) -> str:
    time = ""
    while seconds or not time:
        time, seconds = BASE_36[seconds % 36] + time, seconds // 36
    text = f"{channel}!{subject}.{time}."
    key = hmac.new(KEY.encode(), b"oyez grant", hashlib.sha256).digest()
    mac = hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return text + b64encode(mac[:16]).decode().rstrip("=").replace("+", "-").replace("/", "_")


@fuzz
@given(st.lists(pieces, max_size=10).map("".join) | st.text(max_size=80))
def test_any_text(name: str) -> None:
    found = grants.parse(name)
    expected = read_again(name)
    assert (None if found is None else (*found[:3], found.signature)) == expected
    assert grants.strip(name) == (name if expected is None else expected[0])


@fuzz
@given(channels, subjects, st.integers(0, 36**8 - 1))
def test_what_is_signed(channel: str, subject: str, seconds: int) -> None:
    name = sign_again(channel, subject, seconds)
    if len(subject) > 32:
        assert grants.parse(name) is None
        return
    assert grants.sign(grants.derive_key(KEY), channel, subject, seconds) == name
    found = grants.parse(name)
    assert found is not None
    assert (*found[:3], found.signature) == read_again(name)
    assert grants.is_signed_by(found, grants.derive_key(KEY))


@fuzz
@given(st.data(), subjects.filter(lambda subject: len(subject) <= 32), st.integers(NOW_S - 2000, NOW_S + 2000))
def test_any_change_of_a_right_one_is_refused(data: st.DataObject, subject: str, seconds: int) -> None:
    policy = ListenPolicy([ChannelSettings("*", "grant", TTL_S)], make_signers(KEY, ()))
    name = sign_again("tickets", subject, seconds)
    age_s = NOW_S - seconds
    right = GrantOutcome.BAD if age_s < -60 else GrantOutcome.EXPIRED if age_s > TTL_S else GrantOutcome.OK
    assert policy.judge(name, NOW_S).outcome is right
    place = data.draw(st.integers(0, len(name) - 1))
    other = (
        name[:place]
        + data.draw(st.characters() | st.sampled_from("!.aA"))
        + name[place + data.draw(st.integers(0, 2)) :]
    )
    if other != name:
        assert not policy.judge(other, NOW_S).is_let_in
