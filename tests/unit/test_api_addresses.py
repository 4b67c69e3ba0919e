"""Are the addresses that the API tells of the ones with the most?"""

import random

import msgspec
import pytest

from oyez.access.shares import Rates, Share
from oyez.endpoints.api.addresses import make_row, select_top
from oyez.limits import LimitSettings
from oyez.wire import api_answers, api_queries
from oyez.wire.api_answers import ApiError, ProxyRow
from oyez.wire.api_queries import AddressesQuery
from oyez.wire.json_text import run_through

RATES = Rates(LimitSettings())


def share_of(number: int, *, sessions: int = 0, sockets: int = 0, asked: float = 0, refused: int = 0) -> Share:
    share = Share(number, RATES, 0.0)
    share.sessions, share.sockets, share.asked = sessions, sockets, asked
    if refused:
        share.refusals["address-connects"] = refused
    return share


@pytest.mark.parametrize(("sort", "keys"), [("refusals", [3, 1]), ("connections", [2, 1]), ("commands", [4, 3])])
def test_those_with_the_most_come_first(sort: str, keys: list[int]) -> None:
    shares = [
        share_of(1, sessions=5, refused=2),
        share_of(2, sessions=2, sockets=9),
        share_of(3, asked=7.5, refused=8),
        share_of(4, asked=70),
    ]
    assert [share.key for share in run_through(select_top(shares, sort, 2))] == keys


@pytest.mark.parametrize("limit", [1, 20, 1000])
def test_many_are_the_same_in_slices(limit: int) -> None:
    chance = random.Random(5)
    shares = [share_of(number, refused=chance.randrange(50), sessions=chance.randrange(3)) for number in range(9_000)]
    whole = sorted(shares, key=lambda share: (share.refusals["address-connects"], share.sessions, share.key))
    assert run_through(select_top(shares, "refusals", limit)) == whole[::-1][:limit]
    assert sum(1 for _ in select_top(shares, "refusals", limit)) >= 4


def test_an_address_is_told_as_json() -> None:
    share = share_of(0xCB007109, sessions=3, sockets=1, asked=7.6, refused=2)
    share.listeners = 2
    text = api_answers.encode_addresses([make_row(share)], {"b", "a"}, [ProxyRow("127.0.0.1", True, 7)])
    assert msgspec.json.decode(text) == {
        "addresses": [
            {"address": "203.0.113.9", "connections": 4, "listeners": 2, "commands": 8,
             "refusals": {"address-connects": 2}}
        ],
        "observed": ["a", "b"],
        "hiding_proxies": [{"address": "127.0.0.1", "trusted": True, "requests": 7}],
    }  # fmt: skip
    assert make_row(share_of(-1 - (0x20010DB8_00000001))).address == "2001:db8:0:1::/64"


def test_addresses_are_asked_for() -> None:
    assert api_queries.parse_addresses_query(b"") == AddressesQuery("refusals", 20)
    assert api_queries.parse_addresses_query(b"sort=commands&limit=1000") == AddressesQuery("commands", 1000)
    for query in (b"sort=", b"sort=names", b"limit=1001", b"limit=0", b"x=1", b"sort=commands&sort=commands"):
        with pytest.raises(ApiError):
            api_queries.parse_addresses_query(query)
