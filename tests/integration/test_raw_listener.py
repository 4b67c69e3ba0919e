"""The raw WebSocket door of listeners, to the byte: what is answered, what is not, and who is let in."""

import json
from contextlib import ExitStack

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.integration.bystanders import refusals
from tests.integration.dialects import NOT_RECOVERED, RECOVERED, SUCCESS, RawListener, RawPoster
from tests.integration.links import eventually, metrics
from tests.raw import PING, PONG, WebSocket, frame
from tests.scenarios import new_channel


def error(code: str, message: str) -> str:
    return f'{{"status":"error","code":"{code}","message":{json.dumps(message)}}}'


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/event/", "/event", "/event/?a=b"])
def test_event_to_the_byte(daemon: Daemon, path: str) -> None:
    channel = new_channel()
    with RawPoster(daemon.port) as poster, RawListener(daemon.port, channel, start=poster.last(), path=path) as link:
        first = poster.post_text(channel, '{"b": 1, "a":\t[null, 1.0]}')
        second = poster.post_text(channel, None)
        assert link.receive() == f'{{"id":{first},"channel":"{channel}","message":{{"b": 1, "a":\t[null, 1.0]}}}}'
        assert link.receive() == f'{{"id":{second},"channel":"{channel}"}}'


def test_nothing_comes_that_was_not_asked_for(daemon: Daemon) -> None:
    channel = new_channel()
    with RawPoster(daemon.port) as poster, RawListener(daemon.port) as link:
        start = poster.last()
        posted = poster.post(channel, "before", "the filter")
        link.check_nothing_more()
        link.command("start-msg", start=start)
        link.check_nothing_more()
        link.follow(channel)
        assert link.events(2) == posted
        link.command("start_msg", start=start)
        link.command("set_filter", filter=[channel])
        link.check_nothing_more()
        assert poster.post(channel, "live") == link.events(1)


@pytest.mark.parametrize("name", ["post", "auth", "last-msg", "last_msg", "foo-bar_baz", "", "set-filter ", "status"])
def test_other_commands_are_refused_by_name(daemon: Daemon, name: str) -> None:
    with RawListener(daemon.port) as link:
        link.command(name, channel="x", message=1, key=daemon.key)
        assert link.receive() == error("bad-command", f"bad command: {name.replace('-', '_')}")


@pytest.mark.parametrize("name", ["__proto__", "__defineGetter__", "constructor", "toString", "hasOwnProperty"])
def test_names_that_every_object_has_are_no_commands(daemon: Daemon, name: str) -> None:
    with RawListener(daemon.port) as link:
        link.command(name)
        assert link.receive() == error("bad-command", f"bad command: {name}")


@pytest.mark.parametrize(
    "text",
    ["null", "5", "true", '"x"', "[]", "{}", '[{"command":"set-filter"}]', '{"command":1}', '{"command":null}',
     '{"command":["set-filter"]}', '{"Command":"set-filter"}', '{"x":"\\ud800"}', "[[[[]]]]"],
)  # fmt: skip
def test_what_names_no_command_is_told_so(daemon: Daemon, text: str) -> None:
    with RawListener(daemon.port) as link:
        link.send(text)
        assert link.receive() == error("syntax-error", "no command specified")


@pytest.mark.parametrize(
    "data",
    ["", " ", "{", '{"command":"set-filter"', "{'command':1}", '{"command":"x",}', "NaN", "undefined", "start-msg",
     '{"command":"set-filter"}{}', "{" * 4000, "[" * 9000, '{"command":"set-filter","filter":' + "[" * 5000,
     '\ufeff{"command":"set-filter"}', '{"command":"set-filter"}'.encode("utf-16-le"), b"\xff", b'{"command":"\xff"}',
     b'{"command":"set-filter","filter":["\xff"]}', b'{"command":"start-msg","start":"\xc3"}',
     '{"command":"set-filter","filter":["x"]}'.encode("utf-16-le").decode()],
    ids=lambda data: ascii(data)[:40],
)  # fmt: skip
def test_what_is_not_json_is_a_syntax_error(daemon: Daemon, data: str | bytes) -> None:
    with RawListener(daemon.port) as link:
        link.send(data)
        refusal = link.value()
        assert refusal.keys() == {"status", "code", "message"}
        assert (refusal["status"], refusal["code"]) == ("error", "syntax-error")
        assert 0 < len(refusal["message"]) <= 100
        link.check_nothing_more()


LONG_NUMBER = "9" * 5000


@pytest.mark.parametrize(
    ("members", "quoted"),
    [
        ("", "undefined"), (',"filter":null', "null"), (',"filter":5', "5"), (',"filter":"x"', "x"),
        (',"filter":[]', ""), (',"filter":{"0":"x"}', "[object Object]"), (',"filter":true', "true"),
        (',"filter":1.50', "1.50"), (f',"filter":{LONG_NUMBER}', LONG_NUMBER[:100]), (',"filters":["x"]', "undefined"),
        (',"filter":["x",1]', "Channel must be a non-empty string (max 100 chars)"),
        (',"filter":[""]', "Channel must be a non-empty string (max 100 chars)"),
        (',"filter":[["x"]]', "Channel must be a non-empty string (max 100 chars)"),
        (',"filter":["%s"]' % ("x" * 101), "Channel must be a non-empty string (max 100 chars)"),
        (',"filter":["%s"]' % ("😀" * 51), "Channel must be a non-empty string (max 100 chars)"),
        (f',"filter":["x"{",1" * 10}]', "Maximum 10 subscriptions per connection"),
        (f',"filter":["x"{",1" * 9}]', "Channel must be a non-empty string (max 100 chars)"),
    ],
    ids=lambda value: str(value).encode("ascii", "replace").decode()[:30],
)  # fmt: skip
def test_bad_filters_are_quoted(daemon: Daemon, members: str, quoted: str) -> None:
    with RawListener(daemon.port) as link:
        link.send('{"command":"set-filter"' + members + "}")
        assert link.receive() == error("invalid-filter", f"invalid filter: {quoted}")


@pytest.mark.parametrize("value", [[], ["x" * 101], ["x"] * 11, None])
def test_refused_filter_leaves_the_old_one(daemon: Daemon, value: object) -> None:
    channel = new_channel()
    with RawPoster(daemon.port) as poster, RawListener(daemon.port, channel, notify=True) as link:
        assert link.receive() == SUCCESS
        assert link.ask("set-filter", filter=value)["code"] == "invalid-filter"
        assert poster.post(channel, "x") == link.events(1)
        assert link.ask("set-filter", filter=[channel], notify=True)["status"] == "success"


def test_commands_may_come_as_binary_and_in_one_segment(daemon: Daemon) -> None:
    channel = new_channel()
    with RawPoster(daemon.port) as poster, RawListener(daemon.port) as link:
        start = poster.last()
        posted = poster.post(channel, 1)
        wanted = json.dumps({"command": "set-filter", "filter": [channel]}).encode()
        link.send(b"{}", json.dumps({"command": "start-msg", "start": start}), wanted, '{"command":"x"}')
        assert [link.value().get("code", "event") for _ in range(3)] == ["syntax-error", "event", "bad-command"]
        assert poster.post(channel, 2) == link.events(1)
        assert posted[0]["id"] > start


@pytest.mark.parametrize(("size", "passes"), [(10_000, True), (10_001, False), (100_000, False)])
def test_commands_may_have_10000_bytes(daemon: Daemon, size: int, *, passes: bool) -> None:
    with RawListener(daemon.port) as link:
        head, tail = '{"command":"x","pad":"', '"}'
        link.send(head + "y" * (size - len(head + tail)) + tail)
        if passes:
            assert link.value()["code"] == "bad-command"
        else:
            assert link.close_code() == 1009


# --- start, notices, gaps ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["%d", "%d.0", '"%d"', '" %d "'])
def test_start_may_be_a_number_or_a_text(daemon: Daemon, form: str) -> None:
    channel = new_channel()
    with RawPoster(daemon.port) as poster, RawListener(daemon.port) as link:
        posted = poster.post(channel, 1, 2)
        link.send('{"command":"start-msg","start":%s}' % (form % posted[0]["id"]))
        link.follow(channel, notify=True)
        assert link.receive() == RECOVERED
        assert link.events(1) == posted[1:]
        link.check_nothing_more()


@pytest.mark.parametrize("member", ["", *(f',"start":{value}' for value in ("0", "-1", "null", '"abc"', "{}", "[]"))])
def test_start_that_names_nothing_replays_the_newest(daemon: Daemon, member: str) -> None:
    channel = new_channel()
    with RawPoster(daemon.port) as poster, RawListener(daemon.port) as link:
        posted = poster.post(channel, *range(60))
        link.send('{"command":"start-msg"' + member + "}")
        link.follow(channel, notify=True)
        assert link.receive() == SUCCESS
        assert link.events(50) == posted[10:]
        link.check_nothing_more()


def test_gap_is_told_to_those_who_asked_and_to_no_others(daemon: Daemon) -> None:
    busy, quiet = new_channel(), new_channel()
    with RawPoster(daemon.port) as poster:
        start = poster.last()
        posted = poster.post(busy, *range(300))
        kept = posted[-256:] + poster.post(quiet, 1)
        gap = f'{{"status":"gap","channel":"{busy}","from":{start},"oldest":{kept[0]["id"]}}}'
        with RawListener(daemon.port, busy, quiet, start=start, notify=True) as link:
            assert link.take(2) == [NOT_RECOVERED, gap]
            assert link.events(257) == kept
        with RawListener(daemon.port, busy, quiet, start=start) as link:
            assert link.events(257) == kept
            link.check_nothing_more()


@pytest.mark.parametrize("value", [False, None, 1, "true", "1", [], {}])
def test_notices_are_for_those_who_say_true(daemon: Daemon, value: object) -> None:
    channel = new_channel()
    with RawListener(daemon.port) as link:
        link.command("set-filter", filter=[channel], notify=True)
        assert link.receive() == SUCCESS
        link.command("set-filter", filter=[channel], notify=value)
        link.check_nothing_more()


def test_the_position_is_told_to_those_who_ask_and_can_be_named_later(daemon: Daemon) -> None:
    channel, quiet = new_channel(), new_channel()
    with RawListener(daemon.port) as link:
        status = link.ask("set-filter", filter=[quiet], notify=True, position=True)
        assert status == {"status": "success", "id": status["id"]}
        (newest,) = daemon.post(channel, "for others")
        status = link.ask("set-filter", filter=[quiet], notify=True, position=True)
        assert status["id"] >= newest["id"]
        assert link.ask("set-filter", filter=[quiet], notify=True) == {"status": "success"}
        link.command("set-filter", filter=[quiet], position=True)
        link.check_nothing_more()
    expected = daemon.post(quiet, "while it was away")
    with RawListener(daemon.port) as link:
        link.command("start-msg", start=status["id"])
        status = link.ask("set-filter", filter=[quiet], notify=True, position=True)
        assert status == {"status": "success", "recovered": True, "id": status["id"]}
        assert link.events(1) == expected
        assert status["id"] < expected[0]["id"]


def test_growing_filters_bring_what_the_new_channels_have_and_nothing_twice(daemon: Daemon) -> None:
    one, two, three = (new_channel() for _ in range(3))
    with RawPoster(daemon.port) as poster:
        start = poster.last()
        before = {channel: poster.post(channel, "before") for channel in (two, one, three)}
        with RawListener(daemon.port, one, start=start) as link:
            assert link.events(1) == before[one]
            assert poster.post(one, "live") == link.events(1)
            poster.post("another", "moves nobody's position")
            link.follow(one, two)
            assert link.events(1) == before[two]
            link.follow(one, two, three)
            assert link.events(1) == before[three]
            for channels in ([one], [three, two, one], [two], [one, two, three]):
                link.follow(*channels)
            link.check_nothing_more()
            assert poster.post(three, "live") + poster.post(one, "live") == link.events(2)


# --- pings ------------------------------------------------------------------------------------------------------------

PINGS = {"websocket.ping_interval_s": 0.2, "websocket.ping_timeout_s": 1}


def test_listeners_are_pinged_and_the_dead_are_dropped_but_posters_are_left_alone(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings=PINGS)
    with ExitStack() as stack:
        dead = [stack.enter_context(RawListener(daemon.port, "x")) for _ in range(5)]
        talker, listener = (stack.enter_context(RawListener(daemon.port, "x")) for _ in range(2))
        poster = stack.enter_context(RawPoster(daemon.port))
        for _ in range(3):
            assert WebSocket.receive_frame(talker)[0] == PING
            talker.send('{"command":"any frame is a sign of life"}')
            assert talker.value()["code"] == "bad-command"
            opcode, payload = WebSocket.receive_frame(listener)
            assert opcode == PING
            listener.raw(frame(PONG, payload))
        eventually(lambda: refusals(daemon, "ping-timeout") == 5, "end of the dead")
        eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 2, "free seats")
        for link in dead:
            assert link.rest() == b"\x89\x00\x88\x00"
        posted = poster.post("x", 1)
        assert posted == listener.events(1) == talker.events(1)
        assert poster.pings == 0


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/elsewhere", "/event/more", "/channels/x", "/sse", "/api/publish"])
def test_there_is_no_websocket_elsewhere(daemon: Daemon, path: str) -> None:
    with WebSocket(daemon.port, path) as link:
        assert link.status == 404


def test_paths_can_be_chosen(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"websocket.paths": ["/live/"], "websocket.post_path": "/event"})
    with RawListener(daemon.port, path="/live") as link, RawPoster(daemon.port, path="/event") as poster:
        link.check_nothing_more()
        assert poster.last()
    with WebSocket(daemon.port, "/") as elsewhere:
        assert elsewhere.status == 404
