"""Is a host told from its port, and both from what they are not?"""

import pytest

from oyez.wire.authority import is_authority, split_authority


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        ("judge.example", ("judge.example", "")),
        ("judge.example:8443", ("judge.example", "8443")),
        ("judge.example:", ("judge.example", "")),
        ("[::1]:80", ("[::1]", "80")),
        ("[::1]", ("[::1]", "")),
        (":80", ("", "80")),
        ("", ("", "")),
    ],
)
def test_an_authority_is_split_at_its_port(text: str, halves: tuple[str, str]) -> None:
    assert split_authority(text) == halves
    assert is_authority(text.encode())


@pytest.mark.parametrize("text", ["*.judge.example", "bücher.example:1"])
def test_what_people_write_is_split_too(text: str) -> None:
    assert split_authority(text) == (text.partition(":")[0], text.partition(":")[2])


@pytest.mark.parametrize(
    "text",
    ["::1", "a:b", "a:80:80", "a:\u0661", "user@judge.example", "judge.example/x", "judge.example?", "judge.example#x",
     "a[::1]", "[::1]x", "[[::1]]", "[::1", "::1]"],
)  # fmt: skip
def test_what_is_none_is_neither_split_nor_let_in(text: str) -> None:
    assert split_authority(text) is None
    assert not is_authority(text.encode())


@pytest.mark.parametrize("data", [b"a b", b"b\xfccher.example", b"[::1%25eth0]", b"a\tb", b"[]", b'"a"'])
def test_a_header_holds_no_more_than_its_grammar(data: bytes) -> None:
    assert not is_authority(data)
