"""Does the tools' way to a server end in time, and name what is wrong with it?"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from websockets.sync.server import ServerConnection

from oyez.probe.exchange import ask
from oyez.probe.failures import Closed, Kind, NotOpened, Trouble
from oyez.probe.place import parse_place
from oyez.probe.socketio import by_polling
from oyez.probe.websocket import opened
from tests.certificate import make_certificate
from tests.peer import always, answer, peers
from tests.ports import free_port
from tests.websocket_server import Behaviour, websocket_server


def test_nobody_there_is_told_with_the_systems_own_error() -> None:
    with pytest.raises(Trouble) as caught, opened(parse_place(f"http://127.0.0.1:{free_port()}"), "/"):
        pass
    assert caught.value.kind is Kind.REFUSED
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize("where", ["/x", "//127.0.0.1:1/x", "ws://127.0.0.1:1/x", "https://judge.example/x"])
def test_a_redirect_is_an_answer_and_followed_by_nobody(where: str) -> None:
    head = f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n"
    with peers() as start:
        place = parse_place(start(always(head.encode())).url)
        with pytest.raises(NotOpened) as caught, opened(place, "/socket.io/"):
            pass
    assert (caught.value.answer.status, caught.value.answer.headers["location"]) == (302, where)


def test_an_answer_that_is_no_session_is_handed_out() -> None:
    with (
        peers() as start,
        pytest.raises(NotOpened) as caught,
        by_polling(parse_place(start(always(answer(b"hello"))).url)),
    ):
        pass
    assert (caught.value.answer.status, caught.value.answer.body) == (200, "hello")


def breaking(connection: ServerConnection, _: str | bytes) -> None:
    connection.socket.close()


@pytest.mark.parametrize(
    ("behave", "code"), [(lambda connection, _: connection.close(4001), 4001), (breaking, 1006)], ids=["4001", "1006"]
)
def test_a_websocket_that_is_closed_tells_its_code(behave: Behaviour, code: int) -> None:
    with websocket_server(behave) as server, opened(parse_place(f"http://127.0.0.1:{server.port}"), "/") as link:
        link.send("go")
        with pytest.raises(Closed) as caught:
            link.receive()
    assert (caught.value.kind, caught.value.code) == (Kind.BROKEN, code)


def test_frames_of_bytes_are_passed_over_and_a_wait_ends_in_time() -> None:
    def behave(connection: ServerConnection, message: str | bytes) -> None:
        connection.send(b"\x01")
        connection.send(message)

    with websocket_server(behave) as server, opened(parse_place(f"http://127.0.0.1:{server.port}"), "/") as link:
        link.send("go")
        assert link.receive() == "go"
        link.allow(0.05)
        with pytest.raises(Trouble, match=r"did not answer within 0\.05 s") as caught:
            link.receive()
    assert caught.value.kind is Kind.SILENT


@contextmanager
def trickling_server(certificate: Path | None) -> Iterator[int]:
    """Answer one request with a head that has no end, a byte every 20 ms."""

    def answer_slowly() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            if certificate is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=answer_slowly)
        thread.start()
        yield listening.getsockname()[1]
    thread.join()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_trickles_is_cut_in_time(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with trickling_server(certificate if scheme == "https" else None) as port:
        with pytest.raises(Trouble) as caught:
            ask(parse_place(f"{scheme}://127.0.0.1:{port}"), "/", limit_s=0.5)
        assert caught.value.kind is Kind.SILENT
