"""What a body asks the HTTP API to publish: one event, one for each of many channels, or a batch.

Knows the members of the three forms and their limits. Must not know who asks, nor what becomes of it.

Whatever is not known is refused, so that a misspelt member is told and not silently lost.
"""

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.limits import LimitSettings
from oyez.wire import commands, json_slices, json_text
from oyez.wire.api_answers import ApiError
from oyez.wire.json_text import Json, Parts

MAX_KEY_LENGTH = 200

_FORMS = {
    "channel": frozenset(("channel", "message", "key")),
    "channels": frozenset(("channels", "message", "key")),
    "events": frozenset(("events",)),
}
_OF_GRANT = frozenset(("channel", "subject"))

_LISTS = ("channels", "events")

# A body of so many bytes is decoded in one go, in less than a millisecond.
_SHORT_BYTES = 32 * 1024

# How much is done between two times that the others may go on: a millisecond or two.
_EVENTS_PER_SLICE = 200


class KeyedPost(msgspec.Struct, gc=False, frozen=True):
    """An event that is to be, with the key that a repetition is known by.

    A tuple with names would take six times as long to make, a third of the time for a batch.
    """

    channel: str
    message: bytes | None
    key: str | None


class Publish(NamedTuple):
    """A request to publish, all or nothing."""

    posts: Sequence[KeyedPost]
    """All different: no key and, in the form with many channels, no channel comes twice."""
    places: Sequence[int]
    """For each id of the answer, which of the posts it is of."""
    key: str | None
    """Of the request as a whole, from its body."""
    list_name: str
    """The member that lists the events or the channels: then the answer is a list too. Empty: it is one event."""

    @property
    def many(self) -> bool:
        """Whether the answer is a list."""
        return bool(self.list_name)

    def place_of(self, key: str) -> str:
        """Return where a post's key stands, in words for an error: ``events[3]``, or ``the request``."""
        posted = [post.key for post in self.posts]
        return f"events[{self.places.index(posted.index(key))}]" if key in posted else "the request"

    def where_posted(self, place: int) -> str:
        """Return where one of the posts stands, in words for an error: ``channels[3]``, or ``the request``."""
        return f"{self.list_name}[{self.places.index(place)}]" if self.list_name else "the request"


class _BatchEvent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    channel: str
    message: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    key: str | msgspec.UnsetType = msgspec.UNSET


class _EventList(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    events: list[_BatchEvent]


_decode_event: Callable[[Json | bytes | bytearray], _BatchEvent] = msgspec.json.Decoder(_BatchEvent).decode
_decode_batch: Callable[[bytes | bytearray], _EventList] = msgspec.json.Decoder(_EventList).decode


def parse_publish(body: bytes | bytearray, limits: LimitSettings) -> Generator[None, None, Publish]:
    """Read a body. It yields now and then, so that others need not wait for a long one.

    ``limits.max_batch_bytes`` bounds a message to many channels too: it counts once for each of them.

    Raises:
        ApiError: what is wrong, and in which event.
    """
    if not body.isascii():
        _check_utf8(body)
        yield
    plain = _read_plain(body, limits)
    if plain is not None:
        return plain
    members, lists = yield from _split_body(body)
    form = _find_form(members)
    if form == "events":
        return (yield from _parse_events(_checked_list(lists, form, limits), limits))
    message, key = _read_message(members, limits, ""), _read_key(members, "")
    if form == "channel":
        channel = _read_channel(members["channel"], limits, "'channel'")
        return Publish((KeyedPost(channel, message, None),), (0,), key, "")
    names = yield from _parse_channels(_checked_list(lists, form, limits), limits)
    place_of = {name: place for place, name in enumerate(dict.fromkeys(names))}
    if message is not None and len(message) * len(place_of) > limits.max_batch_bytes:
        raise _too_large(f"The message, once for each channel, may have {limits.max_batch_bytes} bytes at most")
    posts = [KeyedPost(name, message, None) for name in place_of]
    return Publish(posts, [place_of[name] for name in names], key, form)


def _read_plain(body: bytes | bytearray, limits: LimitSettings) -> Publish | None:
    """Read one event, or a batch, in one typed decoding; None: `parse_publish` has to read it.

    It takes half of the time that it takes to read member by member.

    Args:
        body: known to be UTF-8.
        limits: how much one request may ask for.
    """
    if len(body) > _SHORT_BYTES:
        return None
    try:
        post = _make_plain(_decode_event(body), limits)
        return None if post is None else Publish((KeyedPost(post.channel, post.message, None),), (0,), post.key, "")
    except (msgspec.DecodeError, RecursionError):  # a batch, most probably
        pass
    try:
        events = _decode_batch(body).events
    except (msgspec.DecodeError, RecursionError):
        return None
    posts = [post for event in events if (post := _make_plain(event, limits)) is not None]
    keys = [post.key for post in posts if post.key is not None]
    if len(posts) < len(events) or len(events) > limits.max_batch_events or len(set(keys)) < len(keys):
        return None
    return Publish(posts, range(len(posts)), None, "events")


def _make_plain(event: _BatchEvent, limits: LimitSettings) -> KeyedPost | None:
    channel, message, key = event.channel, event.message, event.key
    if not (channel.isascii() and 0 < len(channel) <= limits.max_channel_length):
        return None
    text = None if isinstance(message, msgspec.UnsetType) else bytes(message)
    if text is not None and (len(text) > limits.max_sender_message_bytes or len(text) > json_text.SHALLOW_BYTES):
        return None
    if isinstance(key, msgspec.UnsetType):
        return KeyedPost(channel, text, None)
    return KeyedPost(channel, text, key) if is_key(key) else None


def parse_grant(body: bytes | bytearray, limits: LimitSettings) -> tuple[str, str]:
    """Read ``{"channel":"tickets","subject":"42"}``: the channel, and for whom the grant is, empty if that is not said.

    Raises:
        ApiError: what is wrong.
    """
    members = _split_small(body, "A request for a grant")
    if "channel" not in members:
        raise ApiError(400, "invalid-channel", "The request names no channel")
    return _read_channel(members["channel"], limits, "'channel'"), _read_subject(members) or ""


def parse_revoke(body: bytes | bytearray, limits: LimitSettings) -> tuple[str | None, str | None]:
    """Read ``{"subject":"42","channel":"tickets"}``: whose grants end (None: anybody's), and for what (None: for all).

    Raises:
        ApiError: what is wrong.
    """
    members = _split_small(body, "A request to revoke")
    if not members:
        raise ApiError(400, "bad-request", "The request names neither 'subject' nor 'channel'")
    channel = _read_channel(members["channel"], limits, "'channel'") if "channel" in members else None
    subject = _read_subject(members)
    if subject == "":
        raise ApiError(400, "bad-request", "'subject' is empty; for grants of nobody in particular leave it out")
    return subject, channel


def _split_small(body: bytes | bytearray, what: str) -> dict[str, Json]:
    _check_utf8(body)
    try:
        members = json_text.split_object(bytes(body))
    except ProtocolError as error:
        raise ApiError(400, "bad-json", f"The body is no JSON object: {error}") from error
    _check_members(members, _OF_GRANT, what)
    return members


def _read_subject(members: dict[str, Json]) -> str | None:
    if "subject" not in members:
        return None
    subject = json_text.decode_string(members["subject"])
    if subject is None:
        raise ApiError(400, "bad-request", "'subject' must be a string")
    return subject


def check_header_key(key: bytes) -> None:
    """Require a key in a header line.

    Raises:
        ApiError: it is empty or too long.
    """
    if not is_key(key):
        raise _bad_key("Idempotency-Key")


def is_key(key: str | bytes) -> bool:
    """Return whether a key has a length that it may have."""
    return 1 <= len(key) <= MAX_KEY_LENGTH


def _parse_events(elements: list[Json], limits: LimitSettings) -> Generator[None, None, Publish]:
    posts: list[KeyedPost] = []
    places: list[int] = []
    place_of_key: dict[str, int] = {}
    for index, element in enumerate(elements):
        post = _read_event(element, limits, index)
        place = len(posts)
        if post.key is not None:
            place = place_of_key.setdefault(post.key, place)
        if place == len(posts):
            posts.append(post)
        elif posts[place] != post:
            raise ApiError(422, "key-reused", f"events[{index}] has the key of another event of this request")
        places.append(place)
        if index % _EVENTS_PER_SLICE == _EVENTS_PER_SLICE - 1:
            yield
    return Publish(posts, places, None, "events")


def _parse_channels(elements: list[Json], limits: LimitSettings) -> Generator[None, None, list[str]]:
    names: list[str] = []
    for index, element in enumerate(elements):
        names.append(_read_channel(element, limits, f"channels[{index}]"))
        if index % _EVENTS_PER_SLICE == _EVENTS_PER_SLICE - 1:
            yield
    return names


def _read_event(data: Json, limits: LimitSettings, index: int) -> KeyedPost:
    try:
        event = _decode_event(data)
    except (msgspec.DecodeError, RecursionError):  # a lone surrogate, or something to be told
        return _read_event_slowly(data, limits, f"events[{index}]")
    message = None if isinstance(event.message, msgspec.UnsetType) else bytes(event.message)
    key = None if event.key is msgspec.UNSET else event.key
    if (
        not commands.is_channel(event.channel, limits.max_channel_length)
        or (message is not None and len(message) > limits.max_sender_message_bytes)
        or (key is not None and not is_key(key))
    ):
        return _read_event_slowly(data, limits, f"events[{index}]")
    if message is not None:
        _check_depth(message, f"events[{index}]")
    return KeyedPost(event.channel, message, key)


def _read_event_slowly(data: Json, limits: LimitSettings, where: str) -> KeyedPost:
    try:
        members = json_text.split_object(data)
    except ProtocolError as error:
        raise ApiError(400, "bad-request", f"{where} must be an object") from error
    _check_members(members, _FORMS["channel"], where)
    if "channel" not in members:
        raise ApiError(400, "invalid-channel", f"{where} names no channel")
    channel = _read_channel(members["channel"], limits, f"The channel of {where}")
    return KeyedPost(channel, _read_message(members, limits, where), _read_key(members, where))


def _check_utf8(body: bytes | bytearray) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise ApiError(400, "bad-json", "The body is not UTF-8") from error


def _split_body(body: bytes | bytearray) -> Generator[None, None, Parts]:
    if len(body) > json_slices.PIECE_BYTES:
        parts = yield from json_slices.split_list(body, _LISTS)
        if parts is not None:
            return parts
    try:
        return (yield from json_text.split(body, _LISTS))
    except ProtocolError as error:
        raise ApiError(400, "bad-json", f"The body is no JSON object: {error}") from error


def _find_form(members: dict[str, Json]) -> str:
    named = [form for form in _FORMS if form in members]
    if len(named) != 1:
        there_are = ", ".join(f"'{name[:50]}'" for name in list(members)[:5]) or "no members"
        raise ApiError(
            400, "bad-request", f"One of 'channel', 'channels' and 'events' is expected; there are: {there_are}"
        )
    _check_members(members, _FORMS[named[0]], f"A request with '{named[0]}'")
    return named[0]


def _check_members(members: dict[str, Json], known: frozenset[str], where: str) -> None:
    for name in members:
        if name not in known:
            wanted = ", ".join(sorted(known))
            raise ApiError(400, "bad-request", f"{where} has a member '{name[:50]}'; there are: {wanted}")


def _read_channel(data: Json, limits: LimitSettings, what: str) -> str:
    name = json_text.decode_string(data)
    if name is None or not commands.is_channel(name, limits.max_channel_length):
        wanted = f"{what} must be a string of 1 to {limits.max_channel_length} characters (UTF-16 units)"
        raise ApiError(400, "invalid-channel", wanted)
    return name


def _read_message(members: dict[str, Json], limits: LimitSettings, where: str) -> bytes | None:
    message = members.get("message")
    if message is None:
        return None
    text = bytes(message)
    if len(text) > limits.max_sender_message_bytes:
        whose = f"The message of {where}" if where else "A message"
        raise _too_large(f"{whose} may have {limits.max_sender_message_bytes} bytes at most")
    _check_depth(text, where)
    return text


def _check_depth(message: bytes, where: str) -> None:
    try:
        json_text.check_depth(message)
    except ProtocolError as error:
        raise ApiError(400, "bad-json", f"{where}: {error}" if where else str(error)) from error


def _read_key(members: dict[str, Json], where: str) -> str | None:
    if "key" not in members:
        return None
    key = json_text.decode_string(members["key"])
    if key is None or not is_key(key):
        raise _bad_key(f"The key of {where}" if where else "'key'")
    return key


def _checked_list(lists: dict[str, list[Json]], name: str, limits: LimitSettings) -> list[Json]:
    if name not in lists:
        raise ApiError(400, "bad-request", f"'{name}' must be a list")
    if len(lists[name]) > limits.max_batch_events:
        raise ApiError(400, "bad-request", f"'{name}' may have {limits.max_batch_events} entries at most")
    return lists[name]


def _too_large(message: str) -> ApiError:
    return ApiError(413, "too-large", message)


def _bad_key(what: str) -> ApiError:
    return ApiError(400, "invalid-idempotency-key", f"{what} must be a string of 1 to {MAX_KEY_LENGTH} characters")
