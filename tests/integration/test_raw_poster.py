"""The raw WebSocket doors of posters, to the byte: one reply for each request, and who may post where."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import MANY_CLIENTS, StartDaemon
from tests.daemon import Daemon
from tests.integration.bystanders import refusals
from tests.integration.dialects import POST_LISTENER, SUCCESS, RawListener, RawPoster, port_of, post_port
from tests.integration.links import metrics
from tests.raw import PONG, TEXT, Closed, WebSocket, frame, request, text_frame
from tests.scenarios import new_channel

FAILED = '{"status":"error","code":"auth-failed","message":"Authentication failed"}'
INVALID_CHANNEL = '{"status":"error","code":"invalid-channel"}'


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a second address, which only this machine reaches."""
    with Daemon(tmp_path_factory.mktemp("local"), settings=POST_LISTENER | MANY_CLIENTS) as daemon:
        yield daemon


@pytest.fixture
def poster(daemon: Daemon) -> Iterator[RawPoster]:
    with RawPoster(daemon.port) as poster:
        yield poster


def may_post(link: RawPoster) -> bool:
    """Ask; any other refusal than for want of the key fails."""
    reply = link.ask("post", channel=new_channel(), message=1)
    assert reply["status"] == "success" or reply["code"] == "unauthorized", reply
    return bool(reply["status"] == "success")


# --- requests and replies ---------------------------------------------------------------------------------------------


def test_replies_to_the_byte(daemon: Daemon, poster: RawPoster) -> None:
    poster.command("post", channel=new_channel(), message={"a": 1})
    reply = str(poster.receive())
    event_id = json.loads(reply)["id"]
    assert reply == f'{{"status":"success","id":{event_id}}}'
    poster.command("last-msg")
    assert poster.receive() == reply
    poster.command("last_msg", more="ignored")
    assert poster.receive() == reply
    poster.command("auth", key=daemon.key)
    assert poster.receive() == SUCCESS


@pytest.mark.parametrize(
    "members",
    ["", ',"channel":""', ',"channel":null', ',"channel":5', ',"channel":["x"]', ',"channel":{"length":5}',
     ',"channel":"%s"' % ("x" * 101), ',"channel":"%s"' % ("😀" * 51), ',"channels":["x"]'],
    ids=lambda members: members.encode("ascii", "replace").decode()[:20],
)  # fmt: skip
def test_bad_channel_is_refused_without_a_message(poster: RawPoster, members: str) -> None:
    poster.send('{"command":"post","message":1' + members + "}")
    assert poster.receive() == INVALID_CHANNEL
    assert may_post(poster)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("null", "syntax-error"), ("5", "syntax-error"), ("{}", "syntax-error"), ('{"command":1}', "syntax-error"),
        ('{"command":"__proto__"}', "bad-command"), ('{"command":"__defineGetter__"}', "bad-command"),
        ('{"command":"set-filter","filter":["x"]}', "bad-command"), ('{"command":"start-msg"}', "bad-command"),
        ("{", "syntax-error"), ("[" * 9000, "syntax-error"), ("", "syntax-error"), (b"\xff\xfe", "syntax-error"),
        (b'{"command":"post","channel":"c","message":"\xff"}', "syntax-error"),
        (b'{"command":"auth","key":"\xff"}', "syntax-error"), (b'{"command":"\xff"}', "syntax-error"),
        ('{"command":"auth","key":"x"}'.encode("utf-16-le"), "syntax-error"),
        ('{"command":"post","channel":"c","message":NaN}', "syntax-error"),
        ('{"command":"post","channel":"c","message":[1,]}', "syntax-error"),
        ('{"command":"post","channel":"c","message":%s}' % ("[" * 3000 + "]" * 3000), "syntax-error"),
    ],
    ids=lambda value: ascii(value)[:40],
)  # fmt: skip
@pytest.mark.parametrize("second_address", [False, True])
def test_mistakes_get_one_reply_each(local: Daemon, data: str | bytes, code: str, *, second_address: bool) -> None:
    link = RawPoster(post_port(local), key=None) if second_address else RawPoster(local.port)
    with link:
        link.send(data)
        refusal = link.value()
        assert refusal.keys() == {"status", "code", "message"}
        assert (refusal["status"], refusal["code"]) == ("error", code)
        assert may_post(link)


def test_a_thousand_requests_in_one_breath_are_answered_in_order(poster: RawPoster) -> None:
    kinds = [
        ('{"command":"post","channel":"pipelined","message":1}', "success"), ('{"command":"last-msg"}', "success"),
        ("{", "syntax-error"), ('{"command":"post","channel":""}', "invalid-channel"), ("{}", "syntax-error"),
        ('{"command":"auth","key":"the key of the tests"}', "success"), ('{"command":"nothing"}', "bad-command"),
    ]  # fmt: skip
    poster.send(*(text for text, _ in kinds * 150))
    replies = [poster.value() for _ in range(7 * 150)]
    assert [reply.get("code", reply["status"]) for reply in replies] == [code for _, code in kinds * 150]
    ids = [reply["id"] for reply in replies if "id" in reply]
    assert ids == sorted(ids)
    assert ids[::2] == ids[1::2]  # last-msg after each post
    assert poster.last() == ids[-1]


def test_requests_that_come_in_pieces_are_answered_once(poster: RawPoster) -> None:
    data = text_frame('{"command":"last-msg"}')
    for cut in (1, 3, 7, len(data) - 1):
        poster.raw(data[:cut])
        poster.raw(data[cut:])
        assert poster.value()["status"] == "success"
    poster.raw(frame(1, b'{"command":', fin=False) + frame(9, b"") + frame(0, b'"last-msg"}'))
    frames = dict(poster.receive_frame() for _ in range(2))
    assert frames[PONG] == b""
    assert json.loads(frames[TEXT])["status"] == "success"


def test_messages_are_kept_as_they_were_written(daemon: Daemon, poster: RawPoster) -> None:
    channel = new_channel()
    texts = ["1.0", "1e400", "-0", "[1,\n 2]", '{"a" :1}', '"\\u00e9"', '"é"', "9" * 5000, '"\\/"']
    with RawListener(daemon.port, channel, start=poster.last()) as listener:
        for text in texts:
            event_id = poster.post_text(channel, text)
            assert listener.receive() == f'{{"id":{event_id},"channel":"{channel}","message":{text}}}'


@pytest.mark.parametrize(("size", "passes"), [(800_000, True), (2**20, True), (2**20 + 1, False)])
def test_messages_may_have_a_mebibyte_once_the_key_was_shown(daemon: Daemon, size: int, *, passes: bool) -> None:
    head, tail = '{"command":"post","channel":"large","message":"', '"}'
    post = head + "x" * (size - len(head + tail)) + tail
    with RawPoster(daemon.port, key=None) as link:
        link.send(json.dumps({"command": "auth", "key": daemon.key}), post)
        assert link.receive() == SUCCESS
        if passes:
            assert link.settled()
        else:
            assert link.close_code() == 1009


def test_without_the_key_messages_are_short(daemon: Daemon) -> None:
    with RawPoster(daemon.port, key=None) as link:
        link.command("post", channel="x", message="x" * 10_000)
        assert link.close_code() == 1009


# --- the key ----------------------------------------------------------------------------------------------------------


def test_on_the_main_address_nothing_is_done_before_the_key_was_shown(daemon: Daemon) -> None:
    channel = new_channel()
    with RawPoster(daemon.port, key=None) as link, RawPoster(daemon.port) as poster:
        start = poster.last()
        for command in ("post", "last-msg"):
            refusal = link.ask(command, channel=channel, message="forged")
            assert (refusal["status"], refusal["code"]) == ("error", "unauthorized")
            assert "auth" in refusal["message"]
        assert link.ask("auth", key=daemon.key) == {"status": "success"}
        assert may_post(link)
        with RawListener(daemon.port, channel, start=start) as listener:
            assert poster.post(channel, "real") == listener.events(1)


@pytest.mark.parametrize("member", ["", *(f',"key":{key}' for key in (
    '"wrong"', '""', "null", "5", "true", '["the key of the tests"]', '{"key":"the key of the tests"}', '"né"',
    '"the key of the tests "', '"\\ud800"',
))])  # fmt: skip
def test_wrong_key_is_refused_and_the_right_one_still_goes(daemon: Daemon, member: str) -> None:
    with RawPoster(daemon.port, key=None) as link:
        link.send('{"command":"auth"' + member + "}")
        assert link.receive() == FAILED
        assert not may_post(link)
        assert link.ask("auth", key=daemon.key) == {"status": "success"}
        assert may_post(link)


def test_where_no_key_is_set_nobody_posts_on_the_main_address(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, settings=POST_LISTENER)
    daemon.key = ""
    with daemon:
        for key in ("", "lqdoj", None):
            with RawPoster(daemon.port, key=None) as link:
                link.command("auth", key=key)
                assert link.receive() == FAILED
                assert not may_post(link)
            with RawPoster(post_port(daemon), key=None) as local:
                assert local.ask("auth", key=key) == {"status": "success"}  # there is nothing to compare it with
                assert may_post(local)
        with RawPoster(post_port(daemon), key=None, Origin="https://evil.example") as foreign:
            foreign.command("auth", key="")
            assert foreign.receive() == FAILED
            assert not may_post(foreign)


def test_guessing_is_counted_and_cut_off_and_the_right_key_works(own_daemon: Daemon) -> None:
    tried = 0
    with RawPoster(own_daemon.port, key=None) as link:
        with pytest.raises(Closed) as closed:  # noqa: PT012 - the link is closed at some attempt
            while tried < 100:
                link.command("auth", key=f"guess {tried}")
                tried += 1
                assert link.receive() == FAILED
        assert closed.value.code == 1008
    assert 5 <= tried <= 20
    with RawPoster(own_daemon.port, key=None) as link:
        link.command("auth", key="one more")
        assert link.receive() == FAILED
        assert link.close_code() == 1008
    guess = request(own_daemon.port, "POST", "/api/publish", "{}", Authorization="Bearer guess")
    assert guess.status == 429  # by whichever door
    with RawPoster(own_daemon.port) as poster:
        assert may_post(poster)
    assert refusals(own_daemon, "auth-failed") == tried + 1  # the last command found its link closed
    assert "guess" not in own_daemon.stderr


def test_who_shows_no_key_is_closed_in_time_and_who_has_shown_it_stays(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings=POST_LISTENER | {"websocket.auth_timeout_s": 0.3})
    with ExitStack() as stack:
        shown, local = RawPoster(daemon.port), RawPoster(post_port(daemon), key=None)
        silent, refused = RawPoster(daemon.port, key=None), RawPoster(daemon.port, key=None)
        for link in (shown, local, silent, refused):
            stack.enter_context(link)
        assert not may_post(refused)
        assert silent.close_code() == refused.close_code() == 1008
        assert may_post(shown)
        assert may_post(local)


def test_posts_and_posters_are_counted(local: Daemon) -> None:
    before = metrics(local.port)
    with RawPoster(local.port) as poster, RawPoster(local.port, key=None) as stranger:
        poster.post("x", 1, 2)
        assert not may_post(stranger)
        after = metrics(local.port)
    names = ("oyez_posts_total", "oyez_senders", "oyez_sessions", "oyez_listeners")
    assert [after[name] - before[name] for name in names] == [2, 1, 2, 0]


# --- the second address -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/post", "/event/", "/any/path?with=query"])
def test_on_the_second_address_this_machine_needs_no_key(local: Daemon, path: str) -> None:
    with RawPoster(post_port(local), key=None, path=path) as link:
        assert may_post(link)
        assert link.last()
        assert link.ask("auth", key=local.key) == {"status": "success"}
        assert may_post(link)


@pytest.mark.parametrize(
    "headers",
    [{"X_Forwarded_For": "203.0.113.9"}, {"X_Forwarded_For": "127.0.0.1"}, {"X_Forwarded_For": ""},
     {"X_Real_IP": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}, {"Via": "1.1 proxy"}, {"X_Forwarded_Host": "x"},
     {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://127.0.0.1"},
     {"Origin": "http://evil.example:15101", "Host": "evil.example:15101"}, {"Origin": "http://[", "Host": "[::1]"},
     {"Origin": "http://localhost.evil.example", "Host": "localhost.evil.example"}, {"Origin": "//x", "Host": "x"}],
    ids=str,
)  # fmt: skip
def test_on_the_second_address_proxies_and_other_sites_pages_need_the_key(
    local: Daemon, headers: dict[str, str]
) -> None:
    headers = {"Host": f"127.0.0.1:{post_port(local)}"} | headers
    with RawPoster(post_port(local), key=None, **headers) as link:
        assert not may_post(link)
        assert link.ask("last-msg")["code"] == "unauthorized"
        link.command("auth", key="wrong")
        assert link.receive() == FAILED
        assert link.ask("auth", key=local.key) == {"status": "success"}
        assert may_post(link)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("port", [":15101", ""])
def test_on_the_second_address_libraries_that_name_it_as_their_origin_need_no_key(
    local: Daemon, name: str, port: str
) -> None:
    with RawPoster(post_port(local), key=None, Host=name + port, Origin=f"http://{name}{port}") as link:
        assert may_post(link)


def test_the_second_address_has_no_listeners_and_the_main_one_no_other_post_path(local: Daemon) -> None:
    with RawPoster(post_port(local), key=None, path="/event/") as link:
        assert link.ask("set-filter", filter=["x"])["code"] == "bad-command"
    with WebSocket(local.port, "/post/more") as elsewhere:
        assert elsewhere.status == 404


def test_a_second_address_for_all_the_world_wants_the_key_and_addresses_that_are_named(
    start_daemon: StartDaemon,
) -> None:
    settings = POST_LISTENER | {"post_listener.host": "0.0.0.0", "auth.sender_addresses": ["10.0.0.0/8"]}
    daemon = start_daemon(settings=settings)
    for port in (daemon.port, port_of(daemon, "raw WebSocket posters, with the key,")):
        with RawPoster(port, key=None) as link:
            assert not may_post(link)
            link.command("auth", key=daemon.key)
            assert link.receive() == FAILED
        with RawPoster(port, key=None, X_Forwarded_For="10.1.2.3") as link:
            assert not may_post(link)
            assert link.ask("auth", key=daemon.key) == {"status": "success"}
            assert may_post(link)


# --- the API on the address of posters --------------------------------------------------------------------------------


def test_the_api_takes_posts_there_without_a_key(local: Daemon) -> None:
    channel = new_channel()
    body = json.dumps({"channel": channel, "message": 1})
    with RawListener(local.port, channel) as listener:
        listener.check_nothing_more()
        answer = request(post_port(local), "POST", "/api/publish", body)
        assert answer.status == 200
        assert listener.events(1) == [{"id": json.loads(answer.body)["id"], "channel": channel, "message": 1}]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://rebound.example:80", "Host": "rebound.example:80"},
    ],
)
def test_the_api_asks_for_the_key_there_of_those_who_might_be_others(local: Daemon, headers: dict[str, str]) -> None:
    body = json.dumps({"channel": new_channel(), "message": 1})
    assert request(post_port(local), "POST", "/api/publish", body, **headers).status == 401
    with_key = headers | {"Authorization": f"Bearer {local.key}"}
    assert request(post_port(local), "POST", "/api/publish", body, **with_key).status == 200
