"""Does `oyez connect --listen` play a server that real clients can talk to?"""

import socket

import pytest
import socketio
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.console import AT_ONCE, Console, StartConsole, url
from tests.daemon import KEY
from tests.inbox import PATIENCE_S, Inbox


def listening(one: Console) -> int:
    note = one.note()
    assert note.startswith("oyez: listening on ws://127.0.0.1:"), note
    return int(note.rpartition(":")[2])


def test_clients_are_numbered_and_all_get_what_is_typed(start_console: StartConsole) -> None:
    one = start_console("--listen", "0", *AT_ONCE, "--subprotocol", "chat")
    port = listening(one)
    one.say("to whoever comes first")
    with connect(url(port, "/x"), subprotocols=[Subprotocol("chat")], origin=None) as first:
        assert "client 1 connected: /x from 127.0.0.1:" in (note := one.note())
        assert "subprotocol chat" in note
        assert first.recv(PATIENCE_S) == "to whoever comes first"
        with connect(url(port), subprotocols=[Subprotocol("chat")]) as second:
            assert "client 2 connected: / from" in one.note()
            first.send("one")
            assert one.hear() == "1\tone"
            second.send(b"\x01")
            assert one.hear() == "2\tbinary 1 01"
            one.say("to all")
            assert (first.recv(PATIENCE_S), second.recv(PATIENCE_S)) == ("to all", "to all")
        assert one.note() == "oyez: client 2 left: closed by the other side: 1000 (OK)"
        one.stdin.close()
        with pytest.raises(ConnectionClosed):
            first.recv(PATIENCE_S)
        assert first.protocol.close_code == 1001
    assert one.end() == 0


def test_a_handshake_that_fails_is_noted(start_console: StartConsole) -> None:
    one = start_console("--listen", "0", *AT_ONCE)
    port = listening(one)
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET /there HTTP/1.1\r\nHost: a\r\n\r\n")
        assert plain.recv(1000).startswith(b"HTTP/1.1 426")
    assert "a request for /there refused with HTTP status 426" in one.note()
    with connect(url(port)):
        assert "client 1 connected" in one.note()
        assert one.end() == 0


def test_closing_closes_all_clients_and_the_next_may_come(start_console: StartConsole) -> None:
    one = start_console("--listen", "0", *AT_ONCE, "--slash")
    port = listening(one)
    one.say("/close 4003 out")
    with connect(url(port)) as client, pytest.raises(ConnectionClosed, match=r"4003 .* out"):
        client.recv(PATIENCE_S)
    with connect(url(port)) as client:
        one.say("again")
        assert client.recv(PATIENCE_S) == "again"


def test_it_plays_a_socketio_server(start_console: StartConsole) -> None:
    one = start_console("--listen", "0", *AT_ONCE, "--socketio")
    port = listening(one)
    one.say('greet {"a": 1} "b"')
    heard = Inbox()
    client = socketio.Client(reconnection=False, handle_sigint=False)
    client.on("greet", lambda *args: heard.put("greet", args))
    client.connect(f"http://127.0.0.1:{port}", auth={"role": "sender", "token": KEY}, transports=["websocket"])
    assert one.hear() == "1\tconnect (with role, token)"
    assert heard.wait("greet") == [({"a": 1}, "b")]
    client.emit("post", ({"x": 1}, 2), callback=lambda *args: heard.put("answer", args))
    assert one.hear() == '1\tevent post {"x":1} 2 (asks for ack 1)'
    one.say('/ack 1 {"status": "success"}')
    assert heard.wait("answer") == [({"status": "success"},)]
    client.disconnect()
    assert "client 1 connected: /socket.io/?" in one.note()
    assert "client 1 left" in one.note()
    assert one.end() == 0
