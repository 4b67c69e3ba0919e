"""Is a head known again by its bytes, whatever length it names, and by nothing less?"""

import pytest

from oyez.net.http.repeated_head import read_head

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\nAccept: */*\r\n\r\n"


@pytest.mark.parametrize("head", [HEAD, HEAD.replace(b"Content-Length", b"content-length"), b"\r\n" + HEAD])
@pytest.mark.parametrize(("digits", "length"), [(b"0", 0), (b"7", 7), (b"12345", 12345), (b"007", 7)])
def test_a_head_is_known_with_any_length(head: bytes, digits: bytes, length: int) -> None:
    repeated = read_head(head % b"12" + b"body\r\n\r\n")
    assert repeated is not None
    data = head % digits
    assert repeated.match(data) == (len(data), length)
    assert repeated.match(data + b"body") == (len(data), length)
    assert len(repeated) == len(head % b"12345")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:30],
        HEAD % b"",
        HEAD % b"123456",
        HEAD % b"-1",
        HEAD % b"1 ",
        HEAD % b"\xb2",
        HEAD % b"1,1",
        (HEAD % b"12")[:-1],
        HEAD.replace(b"*", b"+") % b"12",
        HEAD.replace(b"Host", b"host") % b"12",
        HEAD.replace(b"Accept", b"Content-Length: 1\r\nAccept") % b"12",
    ],
)
def test_another_head_is_not(data: bytes) -> None:
    repeated = read_head(HEAD % b"12")
    assert repeated is not None
    assert repeated.match(data) is None


@pytest.mark.parametrize(
    "data",
    [
        HEAD.replace(b"Content-Length: ", b"X: ") % b"1",
        HEAD.replace(b": %b", b":%b") % b"1",
        HEAD.replace(b"%b", b"%b ") % b"1",
        b"GET / HTTP/1.1\r\n\r\nX\r\nContent-Length: 1\r\n\r\n",
        b"\r\n\r\n" + HEAD % b"1",
    ],
)
def test_what_names_no_length_plainly_is_not_remembered(data: bytes) -> None:
    assert read_head(data) is None
