"""Is a request that is for no door answered before any, and does every answer say how long its connection is kept?"""

import json

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from oyez.access.origins import Origins
from oyez.net.http.middleware import HttpMiddleware
from oyez.net.http.settings import HttpSettings
from tests.unit.asgi import Answer, Fields, ask

PAGE = "https://judge.example"


async def door(scope: Scope, receive: Receive, send: Send) -> None:
    """Say which codings were asked for, and close where the path says so."""
    request = Request(scope)
    headers = {"Connection": "close"} if request.url.path == "/close" else None
    await PlainTextResponse(request.headers.get("accept-encoding", "none"), headers=headers)(scope, receive, send)


def send_to_door(path: str = "/", fields: Fields = (), *, method: str = "GET", is_kept: bool = True) -> Answer:
    middleware = HttpMiddleware(door, HttpSettings(keep_alive_s=75.9), Origins([PAGE]))
    return ask(middleware, method, path, fields, is_kept=is_kept)


def test_options_for_the_server_as_a_whole_has_an_answer() -> None:
    answer = send_to_door("*", method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (("Transfer-Encoding", "gzip, chunked"), 501),
        (("Transfer-Encoding", "identity"), 501),
        (("Content-Encoding", "gzip"), 415),
    ],
)
def test_a_coding_that_nobody_undoes_is_refused_in_words_that_the_page_may_read(
    field: tuple[str, str], status: int
) -> None:
    answer = send_to_door(fields=[field, ("Origin", PAGE)])
    assert answer.status == status
    assert json.loads(answer.body)["code"] == "unsupported-coding"
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert (answer.headers.get("accept-encoding") == "identity") is (status == 415)


@pytest.mark.parametrize("field", [("Transfer-Encoding", "Chunked"), ("Content-Encoding", "Identity")])
def test_a_coding_that_changes_nothing_is_taken(field: tuple[str, str]) -> None:
    assert send_to_door(fields=[field]).status == 200


@pytest.mark.parametrize(
    ("accepted", "simplified"),
    [
        (["gzip"], "gzip"),
        (["br;q=1, gzip;q=0.5"], "gzip"),
        (["br", "gzip"], "gzip"),
        (["gzip;q=0"], "identity"),
        (["identity, gzip;q=0.5"], "identity"),
        ([""], "identity"),
        ([], "none"),
    ],
)
def test_what_is_accepted_is_weighed_once_for_all(accepted: list[str], simplified: str) -> None:
    assert send_to_door(fields=[("Accept-Encoding", value) for value in accepted]).body == simplified.encode()


def test_a_connection_that_is_kept_says_for_how_long() -> None:
    assert send_to_door().headers["keep-alive"] == "timeout=75"
    assert "keep-alive" not in send_to_door(is_kept=False).headers
    assert "keep-alive" not in send_to_door("/close").headers
    assert send_to_door("*", method="OPTIONS").headers["keep-alive"] == "timeout=75"
