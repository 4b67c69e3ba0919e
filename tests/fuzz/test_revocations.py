"""Does any request to revoke, or any notice of a store, raise anything but a documented error?"""

import json

from hypothesis import given
from hypothesis import strategies as st

from oyez.errors import ProtocolError
from oyez.limits import LimitSettings
from oyez.wire import api_requests, revocations
from oyez.wire.api_answers import ApiError
from oyez.wire.revocations import Revocation
from tests.fuzz import fuzz

LIMITS = LimitSettings()
texts = st.text(min_size=1, max_size=40) | st.sampled_from(["42", "tickets", "\ud800", '"', "\\", "\0"])
seconds = st.integers(0, 2**53)
values = st.none() | st.booleans() | st.integers() | st.text(max_size=120) | st.lists(st.integers(), max_size=2)
names = st.sampled_from(["subject", "channel", "before", "until"]) | st.text(max_size=5)
bodies = st.binary(max_size=60) | st.dictionaries(names, values, max_size=4).map(
    lambda value: json.dumps(value).encode()
)


@fuzz
@given(bodies)
def test_any_request(body: bytes) -> None:
    try:
        subject, channel = api_requests.parse_revoke(body, LIMITS)
    except ApiError:
        return
    members = json.loads(body)
    assert members == {name: value for name, value in (("subject", subject), ("channel", channel)) if value is not None}
    assert members
    assert all(members.values())


@fuzz
@given(bodies)
def test_any_notice(text: bytes) -> None:
    try:
        found = revocations.parse(text)
    except ProtocolError:
        return
    assert found.subject or found.channel
    assert revocations.parse(found.encode()) == found


@fuzz
@given(st.none() | texts, st.none() | texts, seconds, seconds)
def test_what_is_written_is_read_again(subject: str | None, channel: str | None, before_s: int, until_s: int) -> None:
    if subject is None and channel is None:
        return
    written = Revocation(subject, channel, before_s, until_s)
    assert revocations.parse(written.encode()) == written
    assert json.loads(written.encode_name()) == {
        name: value for name, value in (("subject", subject), ("channel", channel)) if value is not None
    }
