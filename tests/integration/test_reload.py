"""Do settings change while a daemon serves, with nothing lost, and is whoever asks told what has come of it?"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest

from oyez.client import grant
from tests.api import Reply, call
from tests.command import on, oyez
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.integration.dialects import RawPoster
from tests.integration.granted_doors import Doors
from tests.integration.links import Sender, listen
from tests.integration.test_keys import as_holder
from tests.raw import request

SITE_KEY, BRIDGE_KEY = "key of the site", "key of the bridge"
SITE = {"name": "site", "key": SITE_KEY}
BRIDGE = {"name": "bridge", "key": BRIDGE_KEY, "may_post": ["b*"]}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon whose settings each test writes anew."""
    with Daemon(tmp_path_factory.mktemp("live"), settings={"keys": [SITE, BRIDGE]}) as daemon:
        yield daemon


def reload(daemon: Daemon, settings: Mapping[str, object]) -> Reply:
    daemon.write_settings(settings)
    return call(daemon, "POST", "reload")


def hang_up(daemon: Daemon, settings: Mapping[str, object] | None = None) -> str:
    """Send SIGHUP, and return the line of the log about it."""
    if settings is not None:
        daemon.write_settings(settings)
    passed_over = daemon.stderr.count("is passed over")
    daemon.process.send_signal(signal.SIGUSR1)
    daemon.log.wait_until(lambda: daemon.stderr.count("is passed over") > passed_over, "all lines before this one")
    before = len(lines_of(daemon))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.log.wait_until(lambda: len(lines_of(daemon)) > before, "word of the reading")
    return lines_of(daemon)[before]


def lines_of(daemon: Daemon) -> list[str]:
    return [line.strip() for line in daemon.log.of("line") if "the settings were read again" in line]


def test_a_hang_up_changes_rules_keys_limits_and_the_log(live: Daemon) -> None:
    reload(live, {"keys": [SITE, BRIDGE]})
    settings = {
        "log_level": "debug",
        "limits.max_subscriptions": 1,
        "http.allowed_origins": ["https://judge.example"],
        "keys": [BRIDGE],
        "channels": [{"match": "t*", "listen": "nobody"}],
        "port": live.port + 1,
        "socketio.path": "/elsewhere/",
    }
    live.last()  # its link stays, whose origin is not to be allowed in a moment
    with listen(live.port, "a", "tickets") as listener, Sender(live.port, SITE_KEY) as sender:
        assert listener.event()[0] == "status"
        said = hang_up(live, settings)
        assert said.endswith("changed: log_level, limits.max_subscriptions, http.allowed_origins, keys, channels")
        needs = "these settings have changed, and that needs a restart: socketio.path"
        live.log.wait_until(lambda: needs in live.stderr, "what needs a restart")
        assert listener.event() == ("revoked", {"channel": "tickets", "reason": "not-allowed"})
        listener.emit("set-filter", {"filter": ["a", "b"]})
        assert listener.event()[0] == "error"
        sender.emit("post", {"channel": "a", "message": 1}, ack=1)
        assert "may-not-post" in str(sender.receive())
        [event] = live.post("a", "still here")
        assert listener.messages(1) == [event]
    assert as_holder(live, SITE_KEY, "POST", "publish", {"channel": "b1"}).status == 401
    assert as_holder(live, BRIDGE_KEY, "POST", "publish", {"channel": "b1"}).status == 200
    answer = request(live.port, "GET", "/sse?channel=a", Origin="https://evil.example")
    assert answer.status == 403


def test_a_key_that_is_gone_posts_nothing_more_on_connections_that_are_open(live: Daemon) -> None:
    reload(live, {"keys": [SITE]})
    connection = HTTPConnection("127.0.0.1", live.port, timeout=PATIENCE_S)

    def publish() -> int:
        connection.request("POST", "/api/publish", '{"channel":"a"}', {"Authorization": f"Bearer {SITE_KEY}"})
        with connection.getresponse() as answer:
            answer.read()
            return answer.status

    with closing(connection), RawPoster(live.port, key=SITE_KEY) as raw:
        raw.post("a", 1)
        assert [publish(), publish()] == [200, 200]
        assert reload(live, {}).data == {"changed": ["keys"], "needs_restart": []}
        assert publish() == 401
        with pytest.raises(AssertionError, match="may-not-post"):
            raw.post("a", 2)


WRONG = {
    "not in range": b"limits.max_subscriptions = 0",
    "no setting": b"max_subscription = 3",
    "not TOML": b"port = [",
    "a rule that none is for": b"[[channels]]\nlisten = 'nobody'",
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_wrong_file_changes_nothing_and_says_so_in_one_line(live: Daemon, content: bytes) -> None:
    reload(live, {"channels": [{"match": "x", "listen": "nobody"}]})
    live._config.write_bytes(content + b"\n[auth]\nlocal_hosts = ['box']\n")
    said = hang_up(live)
    assert " ERROR " in said
    assert "and nothing is changed: " in said
    assert call(live, "POST", "reload").error == (422, "bad-settings")
    with listen(live.port, "x") as listener:
        assert listener.event()[1]["code"] == "not-allowed"


@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_that_is_gone_or_cannot_be_read_changes_nothing(live: Daemon, is_there: bool) -> None:
    reload(live, {"channels": [{"match": "x", "listen": "nobody"}]})
    live._config.unlink()
    if is_there:
        live._config.mkdir()
    try:
        assert "a file that can be read" in hang_up(live)
    finally:
        if is_there:
            live._config.rmdir()
    with listen(live.port, "x") as listener:
        assert listener.event()[1]["code"] == "not-allowed"


def test_the_file_of_a_key_is_read_again(live: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("the first")
    settings = {"keys": [{"name": "site", "key_file": str(file)}]}
    reload(live, settings)
    assert as_holder(live, "the first", "GET", "last").status == 200
    file.write_text("the second")
    assert reload(live, settings).data == {"changed": ["keys"], "needs_restart": []}
    assert [as_holder(live, f"the {key}", "GET", "last").status for key in ("first", "second")] == [401, 200]
    file.unlink()
    assert reload(live, settings).error == (422, "bad-settings")
    assert as_holder(live, "the second", "GET", "last").status == 200


@pytest.mark.slow
def test_a_file_that_never_comes_ends_neither_reloading_nor_the_end(tmp_path: Path) -> None:
    pipe = tmp_path / "key"
    os.mkfifo(pipe)  # whoever opens it waits for a writer
    with Daemon(tmp_path) as daemon:
        settings = {"keys": [{"name": "site", "key_file": str(pipe)}]}
        assert reload(daemon, settings).error == (422, "bad-settings")
        daemon.log.wait_until(lambda: "cannot be read within 5 s" in daemon.stderr, "word of it")
        assert "has not been read since the last time" in hang_up(daemon, {})
        pipe.write_text(SITE_KEY)  # the reading that hung ends
        daemon.log.wait_until(lambda: call(daemon, "POST", "reload").status == 200, "a reading")
        assert reload(daemon, settings).error == (422, "bad-settings")
        assert daemon.stop() == 0


def test_several_wishes_at_once_are_all_heard(live: Daemon) -> None:
    reload(live, {})
    live.write_settings({"limits.max_subscriptions": 2})
    for _ in range(5):
        live.process.send_signal(signal.SIGHUP)
    answers: list[int] = []
    callers = [Thread(target=lambda: answers.append(call(live, "POST", "reload").status)) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert answers == [200] * 5
    with listen(live.port, "a", "b", "c") as listener:
        assert listener.event()[0] == "error"


def test_no_event_is_lost_or_comes_twice_while_rules_change(live: Daemon) -> None:
    kept = {"match": "m*", "history_size": 2000}  # for those who fetch late
    reload(live, {"channels": [kept]})
    variants: list[dict[str, object]] = [
        {"pace_s": 0.3}, {"spread_s": 0.3}, {"history_size": 4000}, {"presence": "count"}, {"listen": "observe"},
        {"pace_s": 0.1, "history_size": 3000}, {},
    ]  # fmt: skip
    doors = Doors(live, "many")
    posted = []
    for number in range(70):
        posted += live.post("many", *range(20))
        if number % 10 == 5:
            rule = kept | variants[number // 10]
            assert reload(live, {"channels": [rule]}).status == 200
    for hear in (*(door.event for door in doors.told), doors.silent.event):
        assert [hear() for _ in posted] == posted


def test_grants_are_held_to_the_rules_and_keys_that_count_now(live: Daemon) -> None:
    keys = [SITE, {"name": "old", "key": "an old key"}]
    reload(live, {"keys": keys, "channels": [{"match": "t*", "listen": "grant"}]})
    names = [grant("tickets", "42", key=KEY), grant("topic", "42", key="an old key"), "open"]
    doors = Doors(live, *names)
    reload(live, {"keys": [SITE], "channels": [{"match": "t*", "listen": "grant"}]})
    doors.require_words(("topic", "revoked")).require_nothing_of("topic", "tickets")
    reload(live, {"keys": [SITE], "channels": [{"match": "o*", "listen": "grant"}]})
    doors.require_words(("open", "not-allowed")).require_nothing_of("open", "tickets")
    reload(live, {"channels": [{"match": "tickets", "listen": "nobody"}]})
    doors.require_words(("tickets", "not-allowed"))


def test_oyez_reload_tells_what_has_come_of_it(live: Daemon) -> None:
    reload(live, {})
    live.write_settings({"limits.max_subscriptions": 4, "history.size": 9})
    done = oyez("reload", **on(live))
    assert (done.returncode, done.stdout) == (0, "changed: limits.max_subscriptions\n")
    assert done.stderr == "oyez: warning: these settings have changed, and that needs a restart: history.size\n"
    live.write_settings({"limits.max_subscriptions": 0})
    done = oyez("reload", **on(live))
    assert (done.returncode, done.stdout) == (1, "")
    assert "limits.max_subscriptions = 0 is wrong: expected a whole number of channels, at least 1" in done.stderr


def test_a_key_for_some_channels_may_not_reload(live: Daemon) -> None:
    reload(live, {"keys": [BRIDGE]})
    assert as_holder(live, BRIDGE_KEY, "POST", "reload").error == (403, "may-not-reload")
