"""What is asked of the endpoints that speak HTTP: calls of the API, and event streams.

Must not know which answer is right.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from urllib.parse import urlencode

from oyez.probe.answer import Answer
from oyez.probe.dialer import STEP_S
from oyez.probe.exchange import Pending, ask, asked
from oyez.probe.place import Place

Record = dict[str, str]
"""The fields of a record; lines of data are joined, and a comment is under the empty name."""


def call_api(
    place: Place, key: str, path: str, body: object = None, repeat_key: str = "", *, limit_s: float = STEP_S
) -> Answer:
    """Ask the HTTP API; with a body, by POST. A body that is a text goes out as it is. Raises Trouble."""
    # HTTP headers carry bytes; the API reads keys as UTF-8, and the library writes Latin-1.
    headers = {"Authorization": f"Bearer {key}".encode().decode("latin-1")} if key else {}
    headers |= {"Idempotency-Key": repeat_key} if repeat_key else {}
    target = f"{place.path.rstrip('/')}/api{path}"
    if body is None:
        return ask(place, target, headers=headers, limit_s=limit_s)
    text = body if isinstance(body, str) else json.dumps(body)
    headers |= {"Content-Type": "application/json"}
    return ask(place, target, method="POST", body=text, headers=headers, limit_s=limit_s)


def stream_asked(
    place: Place,
    path: str,
    channels: Sequence[str],
    start: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    limit_s: float = STEP_S,
) -> AbstractContextManager[Pending]:
    """Ask for an event stream of channels, behind the id `start` if there is one. Raises Trouble."""
    query = [("channel", name) for name in channels] + ([] if start is None else [("last", str(start))])
    return asked(place, f"{path}?{urlencode(query)}", headers=headers, limit_s=limit_s)


def read_records(lines: Iterable[str]) -> Iterator[Record]:
    """Read records by the HTML standard (§9.2.6), as far as the daemon writes them, until the stream ends."""
    record: Record = {}
    for line in lines:
        text = line.rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            value = value.removeprefix(" ")
            record[name] = f"{record[name]}\n{value}" if name in record else value
        elif record:
            yield record
            record = {}
