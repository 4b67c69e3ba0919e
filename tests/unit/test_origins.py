"""Which pages may listen, and may they read the answer?"""

import pytest

from oyez.net.origins import Origins

JUDGE = "https://judge.example"


@pytest.mark.parametrize("allowed", [("*",), (JUDGE, "*"), ("*", "*")])
@pytest.mark.parametrize("origin", [None, JUDGE, "null", "", "https://evil.example"])
def test_a_star_lets_every_page_listen_and_read(allowed: tuple[str, ...], origin: str | None) -> None:
    origins = Origins(allowed)
    assert origins.allows(origin)
    assert origins.headers(origin) == {"Access-Control-Allow-Origin": "*"}


def test_without_a_setting_every_page_may_listen() -> None:
    assert Origins().allows("https://any.example")


@pytest.mark.parametrize(
    "origin",
    ["null", "", "*", "https://evil.example", "http://judge.example", "https://judge.example:443", "https://JUDGE.example",
     "https://judge.example/", "https://judge.example.evil.example", "https://evil.example?https://judge.example"],
)  # fmt: skip
def test_others_than_those_that_are_named_are_refused_and_read_nothing(origin: str) -> None:
    origins = Origins((JUDGE, "https://other.example"))
    assert not origins.allows(origin)
    assert origins.headers(origin) == {}


@pytest.mark.parametrize("origin", [JUDGE, "https://other.example"])
def test_those_that_are_named_are_named_in_the_answer(origin: str) -> None:
    origins = Origins((JUDGE, "https://other.example"))
    assert origins.allows(origin)
    assert origins.headers(origin) == {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def test_who_is_no_page_may_listen_and_needs_no_header() -> None:
    for origins in (Origins((JUDGE,)), Origins(())):
        assert origins.allows(None)
        assert origins.headers(None) == {}
    assert not Origins(()).allows(JUDGE)
