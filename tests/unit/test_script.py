"""Is event.js answered packed, unpacked or not at all, as the browser asks, and to pages of other origins too?"""

import gzip
from importlib.resources import files

import pytest
from starlette.routing import Router

from oyez.access.origins import Origins
from oyez.endpoints.script import ScriptEndpoint
from tests.unit.asgi import Answer, Fields, ask

PAGE = "https://judge.example"
CONTENT = files("oyez.browser").joinpath("event.js").read_bytes()


def get(path: str = "/event.js", fields: Fields = (), *, method: str = "GET") -> Answer:
    return ask(Router(ScriptEndpoint(Origins([PAGE]), "/event/").routes()), method, path, fields)


@pytest.mark.parametrize("folder", ["/", "/event/"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [("event.js", "text/javascript"), ("event.mjs", "text/javascript"), ("event.d.ts", "application/typescript")],
)
def test_each_file_is_there_at_both_paths_with_its_type(folder: str, name: str, kind: str) -> None:
    answer = get(folder + name)
    assert (answer.status, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    assert answer.body == files("oyez.browser").joinpath(name).read_bytes()
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_it_comes_packed_to_those_who_unpack_it() -> None:
    packed, plain = get(fields=[("Accept-Encoding", "gzip")]), get(fields=[("Accept-Encoding", "gzip;q=0")])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body == CONTENT
    assert "content-encoding" not in plain.headers
    for answer in (packed, plain):
        assert "Accept-Encoding" in answer.headers["vary"]
        assert int(answer.headers["content-length"]) == len(answer.body)


def test_who_has_it_is_told_so() -> None:
    tag = get().headers["etag"]
    for known in (tag, tag.removeprefix("W/"), "*", f'"other", {tag}'):
        answer = get(fields=[("If-None-Match", known)])
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == tag
    assert get(fields=[("If-None-Match", '"other"')]).status == 200
    assert get().headers["cache-control"] == "no-cache"


def test_only_pages_that_may_listen_may_load_it_as_a_module() -> None:
    assert get(fields=[("Origin", PAGE)]).headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-origin" not in get(fields=[("Origin", "https://other.example")]).headers


def test_a_browser_that_asks_beforehand_is_told_what_it_may() -> None:
    asked = [("Origin", PAGE), ("Access-Control-Request-Headers", "x-one, x-two"),
             ("Access-Control-Request-Private-Network", "true")]  # fmt: skip
    answer = get(fields=asked, method="OPTIONS")
    assert (answer.status, answer.headers["allow"]) == (204, "GET,HEAD,OPTIONS")
    assert answer.headers["access-control-allow-methods"] == "GET,HEAD"
    assert answer.headers["access-control-allow-headers"] == "x-one, x-two"
    assert answer.headers["access-control-allow-private-network"] == "true"
    stranger = get(fields=[("Origin", "https://other.example")], method="OPTIONS")
    assert stranger.status == 403
    assert (
        "access-control-allow-headers"
        not in get(fields=[("Origin", PAGE), ("Access-Control-Request-Headers", "bad name")], method="OPTIONS").headers
    )
