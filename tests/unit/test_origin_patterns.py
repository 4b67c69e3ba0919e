"""Are origins compared as what they are, and settings that cannot match one refused with what would be right?"""

import pytest

from oyez.access.origins import parse_origin, parse_pattern, problem_of_pattern


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://judge.example", "https://judge.example"), ("https://Judge.Example", "https://judge.example"),
        ("HTTPS://judge.example", "https://judge.example"), ("https://judge.example:443", "https://judge.example"),
        ("https://judge.example:0443", "https://judge.example"), ("https://judge.example:", "https://judge.example"),
        ("http://judge.example:80/", "http://judge.example"), ("https://judge.example/", "https://judge.example"),
        ("https://judge.example.", "https://judge.example"), ("https://judge.example", "https://judge.example."),
        ("https://judge.example:8443", "https://judge.example:8443"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("https://B\u00dcCHER.example", "https://xn--bcher-kva.example"), ("http://localhost:3000", "http://localhost:3000"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"), ("http://[2001:DB8::1]", "http://[2001:db8::1]"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://a_b.local", "http://a_b.local"),
        ("capacitor://localhost", "capacitor://localhost"), ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)  # fmt: skip
def test_two_spellings_of_one_origin_are_one(written: str, sent: str) -> None:
    assert problem_of_pattern(written) == ""
    assert parse_pattern(written) == (parse_origin(sent), False)


@pytest.mark.parametrize(
    ("one", "other"),
    [("https://a.example", "http://a.example"), ("https://a.example", "https://a.example:8443"),
     ("http://a.example:443", "http://a.example"), ("https://a.example", "https://b.a.example")],
)  # fmt: skip
def test_different_origins_stay_different(one: str, other: str) -> None:
    assert parse_origin(one) != parse_origin(other)


@pytest.mark.parametrize(
    ("entry", "cure"),
    [
        ("judge.example", "such as https://judge.example"), ("judge.example:8000", "its scheme"), ("", "its scheme"),
        ("//judge.example", "its scheme"), ("https://", "a host's name"),
        ("https://judge.example/path", "without a path: https://judge.example"),
        ("https://judge.example?x", "without a path"), ("https://judge.example#x", "without a path"),
        ("https://me@judge.example", "user's name"), ("wss://judge.example", "https://judge.example"),
        ("ws://judge.example:8000", "http://judge.example"),
        ("file:///srv/page.html", '"null"'), ("file://x", '"null"'),
        (" https://judge.example", "without space"), ("Null", '"null"'), ("* ", '"*"'),
        ("https://judge.example:99999", "a port"),
        ("https://judge.example:0", "a port"),
        ("https://judge.example:*", "an origin, such as"),
        ("https://*", "a star for whole subdomains"),
        ("https://a*.judge.example", "a star"), ("https://judge.*", "a star"),
        ("https://*.*.example", "a star"), ("https://*judge.example", "a star"), ("*.judge.example", "its scheme"),
        ("https://*.127.0.0.1", "only names"), ("https://*.[::1]", "only names"),
        ("https://a..example", "a host's name"),
        ("https://" + "a" * 64 + ".example", "a host's name"), ("https://ju dge.example", "a host's name"),
        ("http://[::1", "an origin, such as"), ("http://[fe80::1%eth0]", "without a zone"), ("http://[x]", "IPv6"),
        ("http://127.1", "four numbers"), ("http://0x7f.1", "four numbers"), ("http://256.1.1.1", "four numbers"),
        ("https://stra\u00dfe.example", "xn--"),
        ("https://%61.example", "a host's name"),
        ("https://a.example, https://b.example", "an origin"),
        ("https://" + "a." * 200 + "example", "an origin, such as"),
    ],
)  # fmt: skip
def test_what_cannot_match_is_refused_with_the_cure(entry: str, cure: str) -> None:
    assert cure in problem_of_pattern(entry)


@pytest.mark.parametrize(
    "entry", ["*", "null", "https://*.judge.example", "HTTPS://*.Judge.Example:443", "http://*.local:8000"]
)
def test_stars_and_null_may_be_named(entry: str) -> None:
    assert problem_of_pattern(entry) == ""


def test_a_star_means_subdomains_of_any_depth_and_not_the_name_itself() -> None:
    above, is_below = parse_pattern("https://*.judge.example")
    assert is_below
    for sent, matches in (
        ("https://a.judge.example", True), ("https://a.b.Judge.example:443", True), ("https://judge.example", False),
        ("http://a.judge.example", False), ("https://a.judge.example:8443", False), ("https://ajudge.example", False),
        ("https://a.judge.example.evil.example", False),
    ):  # fmt: skip
        assert parse_origin(sent).is_below(above) is matches, sent
