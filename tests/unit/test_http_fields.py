"""Are lists in header fields read as their grammar has it?"""

import pytest

from oyez.errors import ProtocolError
from oyez.wire import http_fields


@pytest.mark.parametrize(
    ("lines", "elements"),
    [
        ([], []), ([""], []), (["a"], ["a"]), (["Upgrade, HTTP2-Settings"], ["upgrade", "http2-settings"]),
        (["keep-alive", "Upgrade"], ["keep-alive", "upgrade"]), ([" ,a,,\tb , "], ["a", "b"]),
        (["close;q=1"], ["close;q=1"]),
    ],
)  # fmt: skip
def test_a_list_may_have_several_lines_and_empty_elements(lines: list[str], elements: list[str]) -> None:
    assert http_fields.lower_elements(*lines) == elements


@pytest.mark.parametrize(
    "accepted",
    ["gzip", "GZip", "deflate, gzip, br", "gzip;q=1.0", "gzip; q=0.001", "gzip ;Q=0.5", "*", "br, *;q=0.1",
     "x-gzip", "gzip, identity", "gzip;q=2", "br,\tgzip", "gzip;q=0.5, identity;q=0.5", "gzip, identity;q=0",
     "identity;q=0, *", "gzip, *;q=0"],
)  # fmt: skip
def test_who_takes_gzip_gets_it(accepted: str) -> None:
    assert http_fields.prefers_gzip(accepted)


@pytest.mark.parametrize(
    "accepted",
    ["", "identity", "br, deflate", "gzip;q=0", "gzip;q=0.0", "gzip ; q=0.000, br", "*;q=0", "*, gzip;q=0",
     "x-gzip;q=0", "gzip;q=0.5, identity", "*;q=0.2, identity;q=0.5", "gzipped", "not-gzip", "identity;q=0"],
)  # fmt: skip
def test_who_does_not_want_gzip_or_wants_it_less_does_not(accepted: str) -> None:
    assert not http_fields.prefers_gzip(accepted)


def test_weights_may_be_spread_over_lines() -> None:
    assert not http_fields.prefers_gzip()
    assert http_fields.prefers_gzip("br", "gzip")
    assert not http_fields.prefers_gzip("br", "gzip;q=0")


@pytest.mark.parametrize("condition", ['W/"a"', '"a"', '"b", W/"a"', '"b","a"', "*", ' W/"a" ', '"x, y", "a"'])
def test_a_condition_names_a_tag_weak_or_not(condition: str) -> None:
    assert http_fields.names_tag('W/"a"', condition)
    assert http_fields.names_tag('"a"', condition)
    assert http_fields.names_tag('"a"', '"c"', condition)


@pytest.mark.parametrize("condition", ["", "a", 'W/"b"', '"ab"', '"A"', "W/a", '"b, a"', '**"'])
def test_others_do_not(condition: str) -> None:
    assert not http_fields.names_tag('W/"a"', condition)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("", ""), ("text/plain", "text/plain"), ("Text/Plain;charset=UTF-8", "text/plain"),
        (" application/octet-stream ; a=b", "application/octet-stream"), ("application/x;", "application/x"),
    ],
)  # fmt: skip
def test_a_media_type_is_read_without_its_parameters(field: str, kind: str) -> None:
    assert http_fields.media_type(field) == kind


@pytest.mark.parametrize(
    ("lines", "offered"),
    [
        ([], []),
        ([""], []),
        (["json"], ["json"]),
        (["json, v1"], ["json", "v1"]),
        (["b", "a,"], ["b", "a"]),
        (["JSON,json"], ["JSON", "json"]),
    ],
)
def test_subprotocols_keep_their_order_and_case(lines: list[str], offered: list[str]) -> None:
    assert http_fields.read_subprotocols(*lines) == offered


@pytest.mark.parametrize(
    "lines", [["a b"], ["a;b"], ['"a"'], ["a/b"], ["json, json"], ["a", "a"], ["\xe9"], ["a, (b)"]]
)
def test_subprotocols_that_are_no_tokens_or_come_twice_are_refused(lines: list[str]) -> None:
    with pytest.raises(ProtocolError):
        http_fields.read_subprotocols(*lines)
