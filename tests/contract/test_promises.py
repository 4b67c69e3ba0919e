"""Every promise of the tables of `oyez selftest`, each for itself, against a daemon of this source tree.

What a row says is said nowhere else by hand. By hand is what a row cannot say of every server: the answer to the byte,
other limits, and requests that end daemons of old.
"""

import re
from collections.abc import Iterator

import pytest

from oyez.contract.checks import Check
from oyez.contract.doors import DOORS, make_check
from oyez.contract.findings import Door
from oyez.contract.run import Run
from oyez.probe.status import Status
from tests.daemon import Daemon
from tests.proxy import Proxy

# Those that wait for time-outs: `test_selftest` makes them, with a daemon that makes nobody wait for long.
ROWS = {f"{door}.{check.name}": (door, check) for door in Door for check in DOORS[door].checks if not check.when.slow}


@pytest.fixture(scope="module")
def run(shared_daemon: Daemon) -> Run:
    return Run(shared_daemon.url, shared_daemon.key)


@pytest.mark.parametrize(("door", "check"), ROWS.values(), ids=ROWS)
def test_is_kept(run: Run, door: Door, check: Check) -> None:
    result = make_check(door, check, run)
    assert (result.status, result.expected, result.came, result.reason) == (Status.OK, "", "", "")


# --- and if it is not kept --------------------------------------------------------------------------------------------

# what the daemon says, what arrives in its place, the check that has to fail, what it expects and what came
BROKEN = [
    (b"Invalid namespace", b"Inwalid namespace", "socketio.refuses-other-namespaces",
     '{"message": "Invalid namespace"}', '{"message": "Inwalid namespace"}'),
    (b"Maximum", b"Minimum", "socketio.refuses-many-channels",
     '{"status": "error", "code": "too-many-subscriptions", "message": "Maximum 10 subscriptions per connection"}',
     '{"status": "error", "code": "too-many-subscriptions", "message": "Minimum 10 subscriptions per connection"}'),
    (b"last-response", b"post-response", "socketio.last-msg-answered", "the event 'last-response'",
     '42["post-response",{"status":"success","id":N}]'),
    (b'"recovered":false', b'"recovered":1    ', "socketio.gap", "false", "1"),
    (b"HTTP/1.1 400", b"HTTP/1.1 499", "socketio.refuses-old-version", "status 400",
     'status 499: {"code":5,"message":"Unsupported protocol version"}'),
    (b"Session ID", b"Session Id", "polling.refuses-unknown-session", '{"code": 1, "message": "Session ID unknown"}',
     '{"code": 1, "message": "Session Id unknown"}'),
    (b"HTTP/1.1 413", b"HTTP/1.1 414", "polling.refuses-oversize", "status 413", "status 414"),
    (b"no-store", b"no-stone", "polling.not-stored", "Cache-Control: no-store", "no-stone"),
    (b'["websocket"]', b'["webzocket"]', "upgrade.opens", '"upgrades":["websocket"]', '["webzocket"]'),
    (b"3probe", b"3prone", "upgrade.probe-answered", "3probe", "3prone"),
    (b"bad-command", b"bod-command", "websocket.refuses-posters-commands", "bad-command", "bod-command"),
    (b"invalid filter", b"invalid felter", "websocket.refuses-bad-filter", "invalid filter…", "invalid felter: "),
    (b'"status":"gap"', b'"status":"gop"', "websocket.notices", '{"status": "gap", "channel": "C", "from": 1}',
     '[{"status": "success", "recovered": false}, {"status": "gop", "channel": "C", "from": 1, "oldest": N}]'),
    (b"auth-failed", b"auth-faaled", "post.refuses-wrong-key",
     '{"status": "error", "code": "auth-failed", "message": "Authentication failed"}',
     '{"status": "error", "code": "auth-faaled", "message": "Authentication failed"}'),
    (b"Bad Request", b"Bad Requist", "long-poll.opens", '[400, "400 Bad Request"]', '[400, "400 Bad Requist"]'),
    (b'"gaps"', b'"gops"', "long-poll.gap-notice", '[{"channel": "C", "from": 1}]', "null"),
    (b'"gaps"', b'"gops"', "long-poll.nowait", "[200, []]", "[200, null]"),
    (b"application/json", b"application/jsan", "long-poll.goes-on", "Content-Type: application/json",
     "application/jsan"),
    (b"event-stream", b"event-straem", "sse.opens", "content-type: text/event-stream",
     "text/event-straem; charset=utf-8"),
    (b"retry:", b"retri:", "sse.status-first", "a number as retry",
     '{"retri": "N", "id": "N", "event": "status", "data": "{\\"status\\":\\"success\\"}"}'),
    (b"invalid-filter", b"inwalid-filter", "sse.refuses-bad-channels", "invalid-filter", "inwalid-filter"),
    (b"event: gap", b"event: gop", "sse.gap", '["gap", "C", 1]', '["gop", "C", 1]'),
    (b'"code":', b'"cood":', "api.not-found", "not-found", "null"),
    (b'"openapi":', b'"openapy":', "api.describes-itself", "an OpenAPI document", '["openapy", '),
    (b'"ids":', b'"idz":', "api.many-channels", "3 ids that rise", '{"idz": [N, N, N]'),
    (b'"next":', b'"nekt":', "api.history", "N", "null"),
    (b'"last_id":', b'"lost_id":', "api.channels", '[{"name": "C", "listeners": 0, "last_id": N}]',
     '[{"name": "C", "listeners": 0, "lost_id": N}]'),
    (b"HTTP/1.1 422", b"HTTP/1.1 200", "api.repeated-request", "status 422", "status 200: "),
    (b'"status":"ok"', b'"status":"no"', "status.healthz", '[200, {"status": "ok"}]', '[200, {"status": "no"}]'),
    (b"\noyez_", b"\nayez_", "status.metrics", "samples named oyez_…", "# "),
]  # fmt: skip


@pytest.fixture(scope="module")
def twisted(shared_daemon: Daemon) -> Iterator[tuple[Proxy, Run]]:
    with Proxy(shared_daemon.port) as proxy:
        yield proxy, Run(proxy.url, shared_daemon.key)


@pytest.mark.parametrize(("said", "arrives", "code", "expected", "came"), BROKEN, ids=[row[2] for row in BROKEN])
def test_is_missed(
    twisted: tuple[Proxy, Run], said: bytes, arrives: bytes, code: str, expected: str, came: str
) -> None:
    proxy, run = twisted
    assert len(said) == len(arrives)
    proxy.replaced = (said, arrives)
    result = make_check(*ROWS[code], run)
    proxy.replaced = None
    assert result.status is Status.FAILED
    assert plain(result.expected) == expected
    assert plain(result.came).startswith(came)


def plain(text: str) -> str:
    """Leave out what differs from run to run."""
    return re.sub(r"oyez-selftest-[0-9a-f]+-\d+", "C", re.sub(r"(?<![0-9a-f-])\d{4,}", "N", text))
