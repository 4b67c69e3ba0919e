"""Do `oyez post` and `oyez last` do what their help says, and does each failure end with its documented code?"""

import json
from pathlib import Path

import pytest

from tests.command import NOWHERE, on, oyez
from tests.daemon import KEY, Daemon


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (['{"a": [1, null, "é"]}'], "", {"a": [1, None, "é"]}),
        (["-"], '["from", "stdin"]\n', ["from", "stdin"]),
        (["--text", "not JSON"], "", "not JSON"),
        (["--text", "-"], "two\nlines\n", "two\nlines"),
        (["--", "-5"], "", -5),
        (['"\\ud800"'], "", "\ud800"),
    ],
)
def test_post_prints_the_id_of_what_it_posted(
    daemon: Daemon, arguments: list[str], stdin: str, message: object
) -> None:
    since = str(daemon.last())
    done = oyez("post", "cli-post", *arguments, stdin=stdin, **on(daemon))
    assert (done.returncode, done.stderr) == (0, "")
    heard = oyez("listen", "cli-post", "--since", since, "--count", "1", "--json", **on(daemon))
    assert json.loads(heard.stdout) == {"id": int(done.stdout), "channel": "cli-post", "message": message}


@pytest.mark.parametrize("written", ["1.10", "1e400", '{"a":1, "a":1.0}', "8" * 5000, '["\\ud800", 1E2]', '"\\u00e9"'])
def test_json_is_posted_as_the_text_that_it_is(daemon: Daemon, tmp_path: Path, written: str) -> None:
    since = str(daemon.last())
    file = tmp_path / "events.jsonl"
    file.write_text(f" {written}\t\n" * 2)
    assert oyez("post", "cli-as-is", written, **on(daemon)).returncode == 0
    assert oyez("post", "cli-as-is", f"@{file}", "--lines", **on(daemon)).returncode == 0
    heard = oyez("listen", "cli-as-is", "--since", since, "--count", "3", "--json", **on(daemon))
    assert [line.partition('"message":')[2] for line in heard.stdout.splitlines()] == [written + "}"] * 3


def test_post_reads_a_file(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"from": "file"}', "utf-8")
    posted = oyez("post", "cli-file", f"@{file}", **on(daemon))
    assert posted.returncode == 0
    assert oyez("last", **on(daemon)).stdout == posted.stdout


def test_url_and_key_of_the_judge_site_are_honoured(daemon: Daemon) -> None:
    done = oyez("last", EVENT_DAEMON_URL=daemon.url, EVENT_DAEMON_KEY=KEY, OYEZ_URL="", OYEZ_KEY="")
    assert done.returncode == 0
    assert int(done.stdout) > 0


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["post", "", "1"], 1, "invalid-channel"),
        (["post", "x" * 101, "1"], 1, "invalid-channel"),
        (["post", "cli", "1", "--key", "wrong"], 1, "--key or OYEZ_KEY"),
        (["last", "--key", ""], 1, "--key or OYEZ_KEY"),
        (["listen", *map(str, range(11))], 1, "too-many-subscriptions"),
        (["post", "cli", "not JSON"], 2, "--text"),
        (["post", "cli", "NaN"], 2, "no JSON value"),
        (["post", "cli", "[" * 100_000], 2, "nested too deeply"),
        (["post", "cli", "@/nowhere"], 2, "cannot be read"),
        (["post", "cli"], 2, "Missing argument"),
        (["post", "cli-\udcff", "1"], 2, "not UTF-8"),
        (["post", "cli", "1", "--also", "\udcff"], 2, "not UTF-8"),
        (["listen", "cli", "cli-\udcff"], 2, "not UTF-8"),
        (["last", "--url", "127.0.0.1"], 2, "http://host:port"),
        (["listen", "cli", "--since", "yesterday"], 2, "'--since': 'yesterday' is not a whole number; see oyez listen"),
        (["post", "cli", "1", "--url", NOWHERE], 3, "cannot connect"),
        (["last", "--url", NOWHERE], 3, "cannot connect"),
        (["listen", "cli", "--url", NOWHERE], 3, "Connection refused"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_failures_have_their_exit_codes(daemon: Daemon, arguments: list[str], code: int, complaint: str) -> None:
    done = oyez(*arguments, **on(daemon))
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "perhaps"),
    [
        (["post", "cli", "1"], "the event may have been taken even so"),
        (["revoke", "cli"], "the grants may have ended even so, and to repeat it does no harm"),
    ],
)
def test_hung_daemon_is_unreachable(own_daemon: Daemon, arguments: list[str], perhaps: str) -> None:
    own_daemon.suspend()
    done = oyez(*arguments, **on(own_daemon))
    own_daemon.resume()
    assert done.returncode == 3
    assert done.stderr.endswith(f"; {perhaps}\n")
