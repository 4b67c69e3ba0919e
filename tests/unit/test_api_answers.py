"""Are the API's answers the JSON that is promised, whatever is in them?"""

import json

import pytest

from oyez.wire import api_answers
from oyez.wire.api_answers import ApiError


@pytest.mark.parametrize("words", ["plain", 'a "quote"\n', "é😀", "\ud800"])
def test_refusals_have_one_form(words: str) -> None:
    error = ApiError(400, "bad-request", words, {"Allow": "GET"})
    assert json.loads(error.encode()) == {"code": "bad-request", "message": words}
    assert (error.status, error.headers) == (400, {"Allow": "GET"})


def test_ids() -> None:
    assert api_answers.encode_id(5) == b'{"id":5}'
    assert api_answers.encode_published([5], [2], many=False) == b'{"id":5,"listeners":2}'
    assert api_answers.encode_published([5, 7], [2, 0], many=True) == b'{"ids":[5,7],"listeners":[2,0]}'
    assert api_answers.encode_published((), (), many=True) == b'{"ids":[],"listeners":[]}'


def test_pages_of_channels() -> None:
    page = json.loads(api_answers.encode_channels([("a", 2, 5), ("\ud800", 0, None)], "\ud800"))
    assert page == {
        "channels": [{"name": "a", "listeners": 2, "last_id": 5}, {"name": "\ud800", "listeners": 0, "last_id": None}],
        "next": "\ud800",
    }
    assert api_answers.encode_channels([], None) == b'{"channels":[],"next":null}'


def test_pages_of_history() -> None:
    page = api_answers.encode_history([b'{"id":5}', b'{"id":6}'], ("a", 1, 5), 6)
    assert page == b'{"events":[{"id":5},{"id":6}],"gap":{"channel":"a","from":1,"oldest":5},"next":6}'
    assert api_answers.encode_history([], None, None) == b'{"events":[],"gap":null,"next":null}'
