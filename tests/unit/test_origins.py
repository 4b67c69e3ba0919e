"""Which pages may listen, and may they read the answer?"""

import pytest
from starlette.requests import Request

from oyez.access.origins import Origins
from oyez.net.http.preflight import answer_preflight

JUDGE = "https://judge.example"
FOR_ALL = {"Access-Control-Allow-Origin": "*"}
BY_ORIGIN = {"Vary": "Origin"}


def named(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}


def asked(**headers: str) -> Request:
    lines = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "OPTIONS", "path": "/", "query_string": b"", "headers": lines})


@pytest.mark.parametrize("allowed", [("*",), ("*", "*"), ("null", "*")])
@pytest.mark.parametrize("origin", [None, JUDGE, "null", "", "https://evil.example"])
def test_a_star_lets_every_page_listen_and_read_without_credentials(
    allowed: tuple[str, ...], origin: str | None
) -> None:
    origins = Origins(allowed)
    assert origins.allows(origin)
    assert origins.headers(origin) == FOR_ALL


def test_without_a_setting_every_page_may_listen() -> None:
    assert Origins().allows("https://any.example")


def test_who_is_named_beside_a_star_may_send_credentials() -> None:
    origins = Origins((JUDGE, "*"))
    assert origins.allows("https://other.example")
    assert origins.headers(JUDGE) == named(JUDGE)
    assert origins.headers("https://other.example") == origins.headers(None) == FOR_ALL | BY_ORIGIN


@pytest.mark.parametrize(
    "origin",
    ["null", "", "*", "https://evil.example", "http://judge.example", "https://judge.example:8443",
     "https://judge.example/x", "https://judge.example.evil.example", "https://evil.example?https://judge.example",
     "https://a.judge.example", "\xe9"],
)  # fmt: skip
def test_others_than_those_that_are_named_are_refused_and_read_nothing(origin: str) -> None:
    origins = Origins((JUDGE, "https://other.example"))
    assert not origins.allows(origin)
    assert origins.headers(origin) == BY_ORIGIN


@pytest.mark.parametrize(
    "setting", [JUDGE, "https://Judge.Example", "https://judge.example:443", "HTTPS://judge.example/"]
)
@pytest.mark.parametrize("origin", [JUDGE, "https://JUDGE.example", "https://judge.example:443"])
def test_those_that_are_named_are_answered_as_they_name_themselves(setting: str, origin: str) -> None:
    origins = Origins((setting, "https://other.example"))
    assert origins.allows(origin)
    assert origins.headers(origin) == named(origin)


def test_subdomains_may_be_named_by_a_star() -> None:
    origins = Origins(("https://*.judge.example",))
    assert origins.headers("https://a.judge.example") == named("https://a.judge.example")
    assert not origins.allows(JUDGE)


def test_pages_without_an_origin_may_be_named_but_send_no_credentials() -> None:
    origins = Origins((JUDGE, "null"))
    assert origins.allows("null")
    assert origins.headers("null") == {"Access-Control-Allow-Origin": "null", "Vary": "Origin"}


def test_who_is_no_page_may_listen_and_no_cache_keeps_the_answer_for_pages() -> None:
    for origins in (Origins((JUDGE,)), Origins(())):
        assert origins.allows(None)
        assert origins.headers(None) == BY_ORIGIN
    assert not Origins(()).allows(JUDGE)


def test_a_browser_that_asks_before_is_told_methods_headers_and_for_how_long() -> None:
    answer = answer_preflight(
        asked(Origin=JUDGE, Access_Control_Request_Headers="x-one, content-type"), Origins(), "GET,POST"
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET,POST"
    assert answer.headers["access-control-allow-headers"] == "x-one, content-type"
    assert int(answer.headers["access-control-max-age"]) > 0
    assert answer.headers["vary"] == "Access-Control-Request-Headers"
    assert "access-control-allow-private-network" not in answer.headers


def test_only_a_site_that_is_named_may_reach_a_private_network() -> None:
    request = asked(Origin=JUDGE, Access_Control_Request_Private_Network="true")
    assert answer_preflight(request, Origins((JUDGE,)), "GET").headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-private-network" not in answer_preflight(request, Origins(), "GET").headers


def test_a_page_that_may_not_listen_is_told_so_before() -> None:
    request = asked(Origin="https://evil.example", Access_Control_Request_Method="GET")
    answer = answer_preflight(request, Origins((JUDGE,)), "GET")
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_is_no_list_of_names_is_not_given_back() -> None:
    answer = answer_preflight(asked(Origin=JUDGE, Access_Control_Request_Headers="x y; z"), Origins(), "GET")
    assert "access-control-allow-headers" not in answer.headers
