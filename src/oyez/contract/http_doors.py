"""The doors of HTTP: long polls, event streams, the API, and what the daemon says of itself.

It must not know links.

Only what no daemon suffers from is asked: some of old end at a long poll with an escape that cannot be read.
"""

import re
from collections.abc import Iterator

from oyez.contract import expect
from oyez.contract.checks import (
    ALWAYS,
    POSTS,
    SLOW,
    A,
    B,
    C,
    Check,
    Step,
    Trial,
    event_of,
    follows,
    gets,
    hears,
    ids_rise,
    last_is_newest,
    needs,
    nth,
    posts,
    posts_few,
)
from oyez.contract.clients import StreamFollower
from oyez.contract.expect import Mismatch, NotOffered, Part
from oyez.contract.run import Run, is_elsewhere
from oyez.probe.answer import Answer
from oyez.probe.exchange import ask
from oyez.probe.failures import Kind, Trouble
from oyez.probe.http_doors import Record, call_api
from oyez.probe.place import Place

# --- long poll --------------------------------------------------------------------------------------------------------

_LONGEST_WAIT_S = 90.0  # daemons of old wait 60 s
_GAP_HEADER = "oyez-gap"


def _polls(run: Run) -> tuple[Place, str]:
    return run.poll, run.poll_path


def _poll(trial: Trial, what: str) -> Answer:
    return ask(trial.run.poll, trial.run.poll_path + trial.fill(what))


def _open_poll(trial: Trial) -> None:
    answer = _poll(trial, "")
    if not trial.run.poll_is_named and is_elsewhere(answer):
        raise NotOffered(f"HTTP status {answer.status}")
    expect.equal([answer.status, answer.body], [400, "400 Bad Request"])


def _miss(trial: Trial) -> None:
    answer = ask(trial.run.poll, f"{trial.run.poll.path.rstrip('/')}/{trial.fill(A)}")
    expect.status(answer, 404)
    if trial.run.poll_is_named:
        expect.equal(answer.body, "404 Not Found")


def _begin(trial: Trial) -> None:
    try:
        answer = _poll(trial, A)
    except Trouble as error:
        if error.kind is not Kind.SILENT:
            raise
        raise NotOffered("replay without an id (history.replay_without_start = 0)") from error
    expect.equal(expect.body(answer), trial.events[0])


def _wait(trial: Trial) -> None:
    listeners = [trial.client(name) for name in ("one", "other")]
    for listener in listeners:
        listener.follow([trial.fill(A)], trial.poster.last())
    event = trial.post(event_of(A, {"a": 1}))
    for listener in listeners:
        expect.equal(listener.take_event(), event)


def _demand_gaps(trial: Trial) -> None:
    """Raise NotOffered unless an answer lets pages read the header that names gaps, as every one of Oyez's does."""
    if _GAP_HEADER not in _poll(trial, "").headers.get("access-control-expose-headers", "").lower():
        raise NotOffered("word of gaps")


def _expect_gap(trial: Trial, gaps: object) -> None:
    wanted = trial.fill(Part({"channel": A, "from": 1}))
    expect.that(isinstance(gaps, list) and len(gaps) == 1 and wanted.is_in(gaps[0]), [wanted], gaps)


def _require_gap(trial: Trial) -> None:
    header = _poll(trial, f"{A}?last=1").headers.get(_GAP_HEADER, "")
    _expect_gap(trial, expect.json_of(header, f"the header {_GAP_HEADER}"))


def _require_gap_at_once(trial: Trial) -> None:
    _expect_gap(trial, expect.object_of(_poll(trial, f"{A}?last=1&notify=1").body).get("gaps"))


def _find_out(trial: Trial) -> None:
    answer = _poll(trial, f"{A}?nowait=1")
    expect.equal([answer.status, expect.object_of(answer.body).get("gaps")], [200, []])


def _take_several(trial: Trial) -> None:
    body = expect.object_of(_poll(trial, f"{A}%7C{B}?last={nth(0)}&max=2").body)
    if "events" not in body:
        raise NotOffered("several events with one answer")
    expect.equal(body, {"id": trial.events[2]["id"], "events": trial.events[1:3], "gaps": []})


# fmt: off
LONG_POLL = (
    Check("opens", "A poll that names no channel is answered 400, in the words of old.", ALWAYS, _open_poll),
    Check("not-found", "Another path is answered 404.", ALWAYS, _miss),
    Check("answers-at-once", "The oldest event that is newer than the id comes at once.", POSTS,
          posts_few(4, A, B), follows(A, B, start=nth(0)), hears(1)),
    Check("goes-on", "Going on with each answer's id brings every event, in order.", POSTS,
          posts_few(4, A), follows(A, start=nth(0)), hears(1, 2, 3)),
    Check("begins-without-id", "Without an id, or with one that is no number, the oldest event left comes.", POSTS,
          posts_few(4, A), _begin, follows(A, start="x"), hears(0)),
    Check("escaped-separator", "Channels may be separated by %7C too, as browsers write it.", POSTS,
          posts_few(4, A, B), follows(f"{A}%7C{B}", start=nth(0)), hears(1)),
    Check("waits", "A poll waits for the next event; all who wait get it.", POSTS, _wait),
    Check("gap", "Extension: an answer that brings a client beyond a gap names it in a header.", POSTS,
          _demand_gaps, posts_few(4, A), _require_gap),
    Check("gap-notice", "Extension: with notify=1 a gap is told at once, if there is nothing else to tell.", ALWAYS,
          _demand_gaps, _require_gap_at_once),
    Check("nowait", "Extension: with nowait=1 a poll is answered at once, though there is nothing to tell.", ALWAYS,
          _demand_gaps, _find_out),
    Check("several", "Extension: with max=2 an answer brings up to two events, in the order of their ids.", POSTS,
          posts_few(4, A, B), _take_several),
    Check("time-out", "A poll that nothing comes for is answered 504, in the words of old.", SLOW,
          gets(_polls, A, 504, {"error": "timeout"}, limit_s=_LONGEST_WAIT_S)),
)
# fmt: on

# --- event stream -----------------------------------------------------------------------------------------------------

_LONGEST_HEARTBEAT_S = 60.0


def _streams(run: Run) -> tuple[Place, str]:
    return run.main, run.stream_path


def _open_stream(trial: Trial) -> None:
    answer = ask(trial.run.main, trial.run.stream_path)
    if is_elsewhere(answer):
        raise NotOffered(f"HTTP status {answer.status}")
    stream: StreamFollower = trial.client()
    stream.open([trial.fill(A)])
    for name, value in {"content-type": "text/event-stream", "cache-control": "no-store"}.items():
        came = stream.head.headers.get(name, "")
        expect.that(value in came, f"{name}: {value}", came or "no such header")


def _begin_with_status(trial: Trial) -> None:
    trial.client().open([trial.fill(A)])
    record = next(trial.client().records)
    expect.equal([record.get("event"), expect.object_of(record.get("data", ""))], ["status", {"status": "success"}])
    for name in ("id", "retry"):
        expect.that(record.get(name, "").isdecimal(), f"a number as {name}", record)


def _follow_by_header(trial: Trial) -> None:
    trial.client().follow(trial.fill([A, B]), 1, last_id=str(trial.fill(nth(0))))


def _require_stream_gap(trial: Trial) -> None:
    trial.client().open([trial.fill(A)], 1)
    records: Iterator[Record] = trial.client().records
    expect.equal(expect.object_of(next(records).get("data", "")), {"status": "success", "recovered": False})
    record = next(records)
    gap = expect.object_of(record.get("data", ""))
    expect.equal([record.get("event"), gap.get("channel"), gap.get("from")], ["gap", trial.fill(A), 1])


def _beat(trial: Trial) -> None:
    trial.client().open([trial.fill(A)], limit_s=_LONGEST_HEARTBEAT_S)
    next(trial.client().records)
    for _ in range(2):  # the first comes behind the replay, the second when its time has come
        record = next(trial.client().records)
        expect.that("" in record and "data" not in record, "a comment", record)


# fmt: off
EVENT_STREAM = (
    Check("opens", "A stream opens, as text/event-stream that nobody stores or holds back.", ALWAYS, _open_stream),
    Check("status-first", "The first record is the status; it names a position and a pause.", ALWAYS,
          _begin_with_status),
    Check("refuses-bad-channels", "A stream of no channel, or of a bad one, is refused with 400.", ALWAYS,
          *(gets(_streams, query, 400, expect.code("invalid-filter"))
            for query in ("?", "?channel=", "?channel=" + "x" * 2000))),
    Check("delivered", "What is posted reaches who follows the channel, and nothing else does.", POSTS,
          follows(A, A), posts(B, 1), posts(A, {"a": ["é", None]}), hears(1), posts(A), hears(2)),
    Check("catch-up-in-order", "Behind the id in the query or the header Last-Event-ID, all comes in order.", POSTS,
          posts_few(4, A, B), follows(A, B, start=nth(0)), hears(1, 2, 3), _follow_by_header, hears(1, 2, 3)),
    Check("gap", "Who comes back from before all memory is told of a gap.", ALWAYS, _require_stream_gap),
    Check("heartbeat", "A stream on which nothing happens shows a sign of life.", SLOW, _beat),
)
# fmt: on

# --- HTTP API ---------------------------------------------------------------------------------------------------------

_REFUSED = (401, 429)  # after many failures from one address the daemon says so
_KEY = "<K>"
_TAKEN = needs("key-taken", posts=True)
_PUBLISHED = needs("key-taken", "publish", posts=True)


def _call(trial: Trial, path: str, body: object = None, key: str | None = None, repeat_key: str = "") -> Answer:
    key = trial.run.key if key is None else key
    return call_api(trial.run.main, key, trial.fill(path), trial.fill(body), trial.fill(repeat_key))


def _open_api(trial: Trial) -> None:
    answer = _call(trial, "/last", key="")
    if answer.status in (404, 405, 501) or answer.is_page:
        raise NotOffered(f"HTTP status {answer.status}")
    expect.that(answer.status in _REFUSED, "status 401", f"status {answer.status}: {answer.body}")
    code = expect.object_of(answer.body).get("code")
    expect.that(code in ("unauthorized", "too-many-failures"), "unauthorized", answer.body)


def _refuse_key(trial: Trial) -> None:
    answer = _call(trial, "/publish", event_of(A), key=trial.run.wrong_key)
    expect.that(answer.status in _REFUSED, "status 401", f"status {answer.status}: {answer.body}")


def _is_openapi(body: object) -> None:
    document = expect.an_object(body)
    expect.that(str(document.get("openapi")).startswith("3."), "an OpenAPI document", list(document))


def _answers(path: str, wanted: object = expect.an_object, key: str | None = None, **members: object) -> Step:
    def ask_for(trial: Trial) -> None:
        told = expect.body(_call(trial, path, key=key))
        expect.fits(told, wanted)
        for name, member in trial.fill(members).items():
            expect.equal(told.get(name), member)

    return ask_for


def _is_refused(status: int, code: str, path: str = "/publish", body: object = None, **keys: str) -> Step:
    def ask_in_vain(trial: Trial) -> None:
        told = expect.body(_call(trial, path, body, **keys), status)
        expect.equal(told.get("code"), code)
        expect.that(isinstance(told.get("message"), str), "a message with the code", told)

    return ask_in_vain


def _publishes(count: int, body: object, repeat_key: str = "") -> Step:
    """Publish so many events, and note their ids, which have to rise."""

    def publish(trial: Trial) -> None:
        told = expect.body(_call(trial, "/publish", body, repeat_key=repeat_key))
        ids = told.get("ids", [told.get("id")])
        if not isinstance(ids, list) or not all(type(each) is int for each in ids) or ids != sorted(set(ids)):
            raise Mismatch(f"{count} ids that rise", told)
        expect.that(len(ids) == count, f"{count} ids that rise", told)
        trial.events += [{"id": event_id} for event_id in ids]

    return publish


def _keeps(channel: str, *places: int) -> Step:
    """Require that a channel's history has these events and no others."""

    def look(trial: Trial) -> None:
        events = expect.body(_call(trial, f"/channels/{channel}/history")).get("events")
        came = [expect.an_id(event) for event in events] if isinstance(events, list) else []
        expect.equal(came, [trial.events[place]["id"] for place in places])

    return look


def _numbered(count: int) -> object:
    return {"events": [event_of(A, n) for n in range(count)]}


_ONCE = {"channel": A, "message": 1, "key": _KEY}

# fmt: off
API = (
    Check("opens", "Without the key the API tells nothing: status 401.", ALWAYS, _open_api),
    Check("refuses-wrong-key", "With a wrong key nothing can be posted.", ALWAYS, _refuse_key),
    Check("describes-itself", "The API describes itself to everyone.", ALWAYS,
          _answers("/openapi.json", _is_openapi, key="")),
    Check("not-found", "Another path is answered 404, in the form of all refusals.", ALWAYS,
          _is_refused(404, "not-found", "/no-such-path", key="")),
    Check("key-taken", "With the key the newest id is told.", POSTS, _answers("/last", expect.an_id)),
    Check("publish", "An event is posted, and its id told.", _TAKEN,
          posts(A, {"a": 1}), posts(B), ids_rise, last_is_newest),
    Check("refuses-bad-requests", "What is no proper request is refused with 400 and a code.", _TAKEN,
          _is_refused(400, "bad-json", body="{"), _is_refused(400, "bad-request", body={"chanel": A}),
          *(_is_refused(400, "invalid-channel", body=event_of(channel, 1)) for channel in ("", 5))),
    Check("many-channels", "One message to many channels is an event in each, in their order.", _PUBLISHED,
          _publishes(3, {"channels": [A, B, C], "message": 1}), _keeps(A, 0), _keeps(B, 1), _keeps(C, 2)),
    Check("batch", "Many events are posted at once, in their order.", _PUBLISHED,
          _publishes(10, _numbered(10)), _keeps(A, *range(10))),
    Check("batch-whole", "Of a batch with one bad event nothing is posted.", _PUBLISHED,
          _is_refused(400, "invalid-channel", body={"events": [event_of(A, 1), event_of("", 2)]}), _keeps(A)),
    Check("repeated-request",
          "A request repeated with its Idempotency-Key gets the first answer and posts nothing.", _PUBLISHED,
          _publishes(1, event_of(A, 1), _KEY), _publishes(1, event_of(A, 1), _KEY), _keeps(A, 0), _keeps(A, 1),
          _is_refused(422, "key-reused", body=event_of(A, 2), repeat_key=_KEY)),
    Check("repeated-event", "So does a single event that is repeated with its key.", _PUBLISHED,
          _publishes(1, {"events": [_ONCE]}), _publishes(2, {"events": [_ONCE, event_of(A, 2)]}),
          _keeps(A, 0, 2), _keeps(A, 1, 2)),
    Check("channels", "The list of channels names each with its newest id.", _PUBLISHED,
          _publishes(1, event_of(A, 1)),
          _answers(f"/channels?prefix={A}", channels=[{"name": A, "listeners": 0, "last_id": nth(0)}])),
    Check("history", "The history of a channel has its events behind an id, oldest first, page by page.", _PUBLISHED,
          _publishes(4, _numbered(4)),
          _answers(f"/channels/{A}/history?since={nth(0)}&limit=2",
                 events=[{"id": nth(n), **event_of(A, n)} for n in (1, 2)], gap=None, next=nth(2)),
          _answers(f"/channels/{A}/history?since={nth(2)}&limit=2",
                 events=[{"id": nth(3), **event_of(A, 3)}], next=None)),
)
# fmt: on

# --- what the daemon says of itself -----------------------------------------------------------------------------------

_SAMPLE = re.compile(r"^oyez_\w+(\{[^}]*\})? [0-9.e+-]+$", re.MULTILINE)


def _get(trial: Trial, path: str) -> Answer:
    """Ask. Raises NotOffered: a proxy had better not pass these paths on."""
    answer = ask(trial.run.main, trial.run.base + path)
    if answer.status == 404 or answer.is_page:
        raise NotOffered(f"{path} (HTTP status {answer.status})")
    return answer


def _check_health(trial: Trial) -> None:
    answer = _get(trial, "/healthz")
    expect.equal([answer.status, expect.object_of(answer.body)], [200, {"status": "ok"}])


def _check_metrics(trial: Trial) -> None:
    answer = _get(trial, "/metrics")
    expect.status(answer, 200)
    expect.that(_SAMPLE.search(answer.body) is not None, "samples named oyez_…", answer.body[:200])


STATUS = (
    Check("healthz", "/healthz says that the daemon serves.", ALWAYS, _check_health),
    Check("metrics", "/metrics gives numbers that Prometheus can read.", ALWAYS, _check_metrics),
)
