"""Does a console name packets, read typed lines, look at frames, aim at URLs and remember lines by its rules?"""

import json
import os
import stat
from pathlib import Path

import pytest

from oyez.cli.connect.dialect import Plain, SocketIO, SocketIOServer, Taken
from oyez.cli.connect.formatting import dump
from oyez.cli.connect.history import Recall, default_path
from oyez.cli.connect.options import aim
from oyez.cli.connect.packets import BadLine, name_packet
from oyez.errors import ConfigError
from oyez.wire.socketio_client import read_packet


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ('0{"sid":"a"}', 'open {"sid":"a"}'),
        ("1", "close"),
        ("2", "ping"),
        ("3probe", "pong probe"),
        ("5", "upgrade"),
        ("6", "noop"),
        ('40{"sid":"a"}', 'connect {"sid":"a"}'),
        ("40/admin,", "connect /admin"),
        ("41", "disconnect"),
        ("41/admin,", "disconnect /admin"),
        ('42["message",{"id":5}, 1]', 'event message {"id":5} 1'),
        ('42["message"]', "event message"),
        ('42/admin,["a b",1]', 'event /admin "a b" 1'),
        ('4212["a",1]', "event a 1 (asks for ack 12)"),
        ('42[7,"x"]', 'event 7 "x"'),
        ('433[{"id":5}]', 'ack 3 [{"id":5}]'),
        ("433[]", "ack 3 []"),
        ('44{"message":"no"}', 'connect_error {"message":"no"}'),
        ('44/admin,{"message":"no"}', 'connect_error /admin {"message":"no"}'),
        ('451-["a",{"_placeholder":true,"num":0}]', 'binary_event a {"_placeholder":true,"num":0}'),
        ("", "no packet: "),
        ("hello", "no packet: hello"),
    ],
)
def test_packets_have_names(frame: str, name: str) -> None:
    assert name_packet(read_packet(frame)) == name


@pytest.mark.parametrize("frame", ["4", "49", '42{"a":1}', "42[", '42["connect"]', "42[]"])
def test_what_is_no_packet_is_shown_as_it_is_with_a_reason(frame: str) -> None:
    name = name_packet(read_packet(frame))
    assert name.startswith("no packet (")
    assert name.endswith(f": {frame[1:]}")


# --- typed lines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "frames"),
    [
        ('post {"channel": "a"}', ['42["post",{"channel": "a"}]']),
        ('post{"channel":"a"}[1]  2\t"x y"', ['42["post",{"channel":"a"},[1],2,"x y"]']),
        ("  last-msg  ", ['42["last-msg"]']),
        ('"my event" 1', ['42["my event",1]']),
        ("é 1", ['42["é",1]']),
        ("", []),
        ("   ", []),
    ],
)
def test_events_are_typed_as_a_name_and_json(line: str, frames: list[str]) -> None:
    assert SocketIO("/", b"", show_ping=False).say(line) == frames


def test_acknowledgements_are_asked_for_and_given() -> None:
    dialect = SocketIO("/admin", b"", show_ping=False)
    assert dialect.say("+a 1") == ['42/admin,1["a",1]']
    assert dialect.say("+ b") == ['42/admin,2["b"]']
    assert dialect.commands["ack"]("7 1 2") == ["43/admin,7[1,2]"]


@pytest.mark.parametrize("line", ["a x", 'a {"b"', "a Infinity", '"a', "{}", "[1]", "a 1 2,"])
def test_a_bad_event_is_explained(line: str) -> None:
    with pytest.raises(BadLine):
        SocketIO("/", b"", show_ping=False).say(line)


# --- dialects ---------------------------------------------------------------------------------------------------------


def test_plain_frames_are_left_alone() -> None:
    dialect = Plain()
    assert dialect.ready
    assert dialect.say("42[") == ["42["]
    assert dialect.take(b"x") == Taken(b"x")


def test_a_client_connects_answers_pings_and_is_ready_when_let_in() -> None:
    dialect = SocketIO("/admin", b'{"token":"hush"}', show_ping=False)
    opened = dialect.take('0{"sid":"a"}')
    assert opened == Taken('open {"sid":"a"}', ('40/admin,{"token":"hush"}',))
    assert dialect.take("2") == Taken(None, ("3",))
    assert not dialect.ready
    assert dialect.take("40") == Taken("connect")
    assert not dialect.ready
    assert dialect.take('40/admin,{"sid":"b"}').refused == ""
    assert dialect.ready


def test_a_client_knows_when_it_is_refused() -> None:
    dialect = SocketIO("/", b"", show_ping=True)
    assert dialect.take("2") == Taken("ping", ("3",))
    assert dialect.take('44/admin,{"message":"no"}').refused == ""
    assert dialect.take('44{"message":"no"}').refused == "no"
    assert not dialect.ready


def test_a_server_lets_clients_in_and_hides_what_they_show() -> None:
    dialect = SocketIOServer("the-sid", "/", show_ping=False)
    assert json.loads(dialect.opening[0][1:])["sid"] == "the-sid"
    assert dialect.take("40/x,") == Taken("connect /x", ('40/x,{"sid":"the-sid"}',))
    assert not dialect.ready
    assert dialect.take('40{"role":"sender","token":"hush"}') == Taken(
        "connect (with role, token)", ('40{"sid":"the-sid"}',)
    )
    assert dialect.ready


# --- bytes ------------------------------------------------------------------------------------------------------------


def test_bytes_are_dumped_with_offsets_and_letters() -> None:
    assert list(dump(b"")) == ["binary, 0 bytes"]
    length, row = dump(b"hi\x00\xff")
    assert length == "binary, 4 bytes"
    assert row.split() == ["0000", "68", "69", "00", "ff", "hi.."]
    assert list(dump(bytes(1000)))[-1].strip() == "… and 744 bytes more"


# --- destinations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "uri", "socketio"),
    [
        ("ws://a.example", "ws://a.example:80/", False),
        ("https://a.example", "wss://a.example:443/", False),
        ("ws://[::1]:7/x#y", "ws://[::1]:7/x", False),
        ("ws://a:7/socket.io/", "ws://a:7/socket.io/?EIO=4&transport=websocket", True),
        ("ws://a:7/b/socket.io/?transport=polling", "ws://a:7/b/socket.io/?transport=polling&EIO=4", True),
        ("ws://a:7/socket.io", "ws://a:7/socket.io", False),
        ("http+unix:///tmp/a%20b:/socket.io/", "ws://localhost:80/socket.io/?EIO=4&transport=websocket", True),
        ("ws+unix:///tmp/a", "ws://localhost:80/", False),
    ],
)
def test_urls_lead_to_a_resource(url: str, uri: str, *, socketio: bool) -> None:
    destination = aim(url)
    assert (destination.uri, destination.socketio) == (uri, socketio)


def test_unix_sockets_have_their_path_unescaped() -> None:
    assert aim("http+unix:///tmp/a%20b:/x").place.socket_path == "/tmp/a b"


def test_the_mode_can_be_forced() -> None:
    assert aim("ws://a/x", socketio=True).uri.endswith("/x?EIO=4&transport=websocket")
    assert aim("ws://a/socket.io/", socketio=False).uri.endswith("/socket.io/")


@pytest.mark.parametrize("url", ["", "a", "ftp://a", "ws://", "http+unix://", "http+unix://relative:/x", "ws://u:p@"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        aim(url)
    assert "u:p" not in str(caught.value)


# --- lines to recall --------------------------------------------------------------------------------------------------


def lines(recall: Recall) -> list[str]:
    return list(recall.load_history_strings())


def test_lines_are_kept_with_their_line_breaks_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history"
    recall = Recall(path)
    for line in ("one", "two\nlines", "é"):
        recall.append_string(line)
    assert lines(Recall(path)) == ["é", "two\nlines", "one"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("line", ['{"command":"auth","key":"k"}', "Bearer x", '/raw 40{"Token":"t"}', "password=1"])
def test_secrets_are_not_kept(tmp_path: Path, line: str) -> None:
    Recall(tmp_path / "history").append_string(line)
    assert not (tmp_path / "history").exists()


def test_a_long_file_is_shortened_and_a_damaged_one_used_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f"{number}\n" for number in range(1_500)) + '"a"\nrubbish\n7\n' + '"b"\n' * 600)
    assert lines(Recall(path)) == ["b"] * 600 + ["a"]
    assert len(path.read_text().splitlines()) == 1_000
    assert os.listdir(tmp_path) == ["history"]


def test_without_a_file_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (None, tmp_path, Path("/dev/null/history")):
        recall = Recall(path)
        recall.append_string("one")
        assert lines(recall) == []
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_path() == Path("/state/oyez/history")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "nowhere")
    assert default_path() is None
