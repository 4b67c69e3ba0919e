"""What is read out of the headers of a handshake?"""

from oyez.net.http.handshake import Handshake


def handshake_of(*headers: tuple[bytes, bytes]) -> Handshake:
    return Handshake("/event/", "", headers, lambda: None)


def test_of_a_header_that_comes_twice_the_first_value_is_taken_or_all_in_their_order() -> None:
    handshake = handshake_of((b"origin", b"http://a"), (b"host", b"judge.example"), (b"origin", b"http://b"))
    assert handshake.first(b"origin") == "http://a"
    assert handshake.all(b"origin") == ["http://a", "http://b"]


def test_a_header_that_is_not_there_has_no_value() -> None:
    handshake = handshake_of((b"host", b"judge.example"))
    assert handshake.first(b"origin") is None
    assert handshake.all(b"origin") == []
