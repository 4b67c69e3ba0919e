"""The HTTP API: posts, batches, keys of repeated requests, and what it tells of channels.

It must not know listeners, but for how many there are.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from oyez.cli.probe.answer import Answer
from oyez.cli.selftest.expectations import NotOffered, as_object, parse_object, read_id, require, require_equal
from oyez.cli.selftest.posters import call_api
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.visit import NO_KEY, Visit

API: Table["ApiGuest"] = Table()

_KEY = ("key-taken",)
_POSTS = ("key-taken", "publish")
_REFUSED = (401, 429)  # after many failures from one address the daemon says so


class ApiGuest:
    """A caller of the API."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit

    @property
    def silenced(self) -> str:
        """Why it may not post."""
        return "" if self.visit.key else NO_KEY

    def call(self, path: str, body: object = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask with the key."""
        return call_api(self.visit.main, self.visit.key, path, body, headers=headers)

    def publish(self, body: object, **headers: str) -> dict[str, object]:
        """Publish, with success."""
        return _expect(self.call("/publish", body, headers=headers), 200)

    def history(self, channel: str, **query: int) -> dict[str, object]:
        """Ask for a page of a channel's history."""
        return _expect(self.call(f"/channels/{quote(channel)}/history?{urlencode(query)}"), 200)

    def new_key(self) -> str:
        """Give a key for a request."""
        return self.visit.new_channel()


def _expect(answer: Answer, status: int, code: str = "") -> dict[str, object]:
    """Require a status and, of a refusal, its code; gives the body."""
    require(answer.status == status, f"status {status}", f"status {answer.status}: {answer.body}")
    body = parse_object(answer.body)
    if code:
        require_equal(body.get("code"), code)
        require(isinstance(body.get("message"), str), "a message with the code", body)
    return body


@API.check("opens", "Without the key the API tells nothing: status 401.")
def _open(guest: ApiGuest) -> None:
    answer = call_api(guest.visit.main, "", "/last")
    if answer.status in (404, 405, 501) or answer.is_page:
        raise NotOffered(f"HTTP status {answer.status}")
    require(answer.status in _REFUSED, "status 401", f"status {answer.status}: {answer.body}")
    require(parse_object(answer.body).get("code") in ("unauthorized", "too-many-failures"), "unauthorized", answer.body)


@API.check("refuses-wrong-key", "With a wrong key nothing can be posted.")
def _refuse_key(guest: ApiGuest) -> None:
    answer = call_api(guest.visit.main, guest.visit.wrong_key, "/publish", {"channel": guest.visit.new_channel()})
    require(answer.status in _REFUSED, "status 401", f"status {answer.status}: {answer.body}")


@API.check("describes-itself", "The API describes itself to everyone.")
def _describe(guest: ApiGuest) -> None:
    document = _expect(call_api(guest.visit.main, "", "/openapi.json"), 200)
    require(str(document.get("openapi")).startswith("3."), "an OpenAPI document", list(document))


@API.check("not-found", "Another path is answered 404, in the form of all refusals.")
def _miss(guest: ApiGuest) -> None:
    _expect(call_api(guest.visit.main, "", "/no-such-path"), 404, "not-found")


@API.check("key-taken", "With the key the newest id is told.", posts=True)
def _tell_last(guest: ApiGuest) -> None:
    read_id(_expect(guest.call("/last"), 200))


@API.check("publish", "An event is posted, and its id told.", posts=True, needs=_KEY)
def _publish(guest: ApiGuest) -> None:
    first = read_id(guest.publish({"channel": guest.visit.new_channel(), "message": {"a": 1}}))
    second = read_id(guest.publish({"channel": guest.visit.new_channel()}), at_least=first + 1)
    read_id(_expect(guest.call("/last"), 200), at_least=second)


@API.check("refuses-bad-requests", "What is no proper request is refused with 400 and a code.", posts=True, needs=_KEY)
def _refuse_requests(guest: ApiGuest) -> None:
    _expect(guest.call("/publish", "{"), 400, "bad-json")
    _expect(guest.call("/publish", {"channel": "", "message": 1}), 400, "invalid-channel")
    _expect(guest.call("/publish", {"channel": 5, "message": 1}), 400, "invalid-channel")
    _expect(guest.call("/publish", {"chanel": guest.visit.new_channel()}), 400, "bad-request")


@API.check(
    "many-channels", "One message to many channels is an event in each, in their order.", posts=True, needs=_POSTS
)
def _publish_to_many(guest: ApiGuest) -> None:
    channels = [guest.visit.new_channel() for _ in range(3)]
    ids = _read_ids(guest.publish({"channels": channels, "message": 1}), 3)
    require_equal([_ids_of(guest, channel) for channel in channels], [[event_id] for event_id in ids])


@API.check("batch", "Many events are posted at once, in their order.", posts=True, needs=_POSTS)
def _publish_batch(guest: ApiGuest) -> None:
    channel = guest.visit.new_channel()
    ids = _read_ids(guest.publish({"events": [{"channel": channel, "message": n} for n in range(10)]}), 10)
    require_equal(_ids_of(guest, channel), ids)


@API.check("batch-whole", "Of a batch with one bad event nothing is posted.", posts=True, needs=_POSTS)
def _refuse_batch(guest: ApiGuest) -> None:
    channel = guest.visit.new_channel()
    events = [{"channel": channel, "message": 1}, {"channel": "", "message": 2}]
    _expect(guest.call("/publish", {"events": events}), 400, "invalid-channel")
    require_equal(_ids_of(guest, channel), [])


@API.check(
    "repeated-request",
    "A request repeated with its Idempotency-Key gets the first answer and posts nothing.",
    posts=True,
    needs=_POSTS,
)
def _repeat_request(guest: ApiGuest) -> None:
    channel, key = guest.visit.new_channel(), {"Idempotency-Key": guest.new_key()}
    body = {"channel": channel, "message": 1}
    first = guest.publish(body, **key)
    require_equal(guest.publish(body, **key), first)
    require_equal(_ids_of(guest, channel), [first.get("id")])
    _expect(guest.call("/publish", {"channel": channel, "message": 2}, headers=key), 422, "key-reused")


@API.check("repeated-event", "So does a single event that is repeated with its key.", posts=True, needs=_POSTS)
def _repeat_event(guest: ApiGuest) -> None:
    channel, key = guest.visit.new_channel(), guest.new_key()
    event = {"channel": channel, "message": 1, "key": key}
    first = _read_ids(guest.publish({"events": [event]}), 1)
    again = _read_ids(guest.publish({"events": [event, {"channel": channel, "message": 2}]}), 2)
    require_equal(again[:1], first)
    require_equal(_ids_of(guest, channel), again)


@API.check("channels", "The list of channels names each with its newest id.", posts=True, needs=_POSTS)
def _list_channels(guest: ApiGuest) -> None:
    channel = guest.visit.new_channel()
    event_id = read_id(guest.publish({"channel": channel, "message": 1}))
    page = _expect(guest.call(f"/channels?{urlencode({'prefix': channel})}"), 200)
    require_equal(page.get("channels"), [{"name": channel, "listeners": 0, "last_id": event_id}])


@API.check(
    "history",
    "The history of a channel has its events behind an id, oldest first, page by page.",
    posts=True,
    needs=_POSTS,
)
def _tell_history(guest: ApiGuest) -> None:
    channel = guest.visit.new_channel()
    ids = _read_ids(guest.publish({"events": [{"channel": channel, "message": n} for n in range(4)]}), 4)
    page = guest.history(channel, since=ids[0], limit=2)
    require_equal(page.get("events"), [{"id": ids[n], "channel": channel, "message": n} for n in (1, 2)])
    require_equal([page.get("gap"), page.get("next")], [None, ids[2]])
    page = guest.history(channel, since=ids[2], limit=2)
    require_equal([page.get("events"), page.get("next")], [[{"id": ids[3], "channel": channel, "message": 3}], None])


def _ids_of(guest: ApiGuest, channel: str) -> list[int]:
    events = guest.history(channel).get("events")
    return [read_id(event) for event in events] if isinstance(events, list) else []


def _read_ids(answer: object, count: int) -> list[int]:
    ids = as_object(answer).get("ids")
    if not isinstance(ids, list):
        ids = []
    rising = all(type(each) is int for each in ids) and ids == sorted(set(ids))
    require(len(ids) == count and rising, f"{count} ids that rise", answer)
    return ids
