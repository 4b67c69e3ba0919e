"""Are many events put into few requests, is what was taken told, and is nothing repeated but what has a key?"""

import json
import pickle
import socket
from collections.abc import Callable, Iterator

import pytest

from oyez.client import NO_MESSAGE, BadAnswer, BadEvent, JsonText, Post, Postable, Poster, Refused, Unreachable
from tests.peer import Behaviour, Peer, StartPeer, always, answer

IDS = 1000


def number(peer: Peer, body: bytes) -> bytes:
    """Answer with ids in a row over all requests so far."""
    asked = json.loads(body)
    before = sum(len(json.loads(earlier).get("events", [0])) for _, _, earlier in peer.requests[:-1])
    if "events" in asked:
        return answer({"ids": [IDS + before + place for place in range(len(asked["events"]))]})
    if "channels" in asked:
        return answer({"ids": [IDS + place for place in range(len(asked["channels"]))]})
    return answer({"id": IDS})


def each(*respond: Callable[[Peer, bytes], bytes | None]) -> Behaviour:
    """Answer each request of all connections by the next function, the last for all that follow; None hangs up."""

    def behave(peer: Peer, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        while request := peer.read_request(file):
            content = respond[min(len(peer.requests), len(respond)) - 1](peer, request[2])
            if content is None:
                return
            connection.sendall(content)

    return behave


def hang_up(peer: Peer, body: bytes) -> None:
    return None


def bodies(peer: Peer) -> list[dict[str, object]]:
    return [json.loads(body) for _, _, body in peer.requests]


def sizes(peer: Peer) -> list[int]:
    return [len(json.loads(body)["events"]) for _, _, body in peer.requests]


def test_form_of_a_batch(start_peer: StartPeer) -> None:
    peer = start_peer(each(number))
    with Poster(peer.url, "k") as poster:
        posts: list[Postable] = [
            ("news", {"a": "é"}),
            ("news", "\ud800"),
            ("other", None, "once"),
            Post("bare"),
            Post("p", 1, "q"),
        ]
        assert poster.post_many(posts) == [1000, 1001, 1002, 1003, 1004]
    (first, headers, body), *rest = peer.requests
    assert rest == []
    assert first == "POST /api/publish HTTP/1.1"
    assert headers["idempotency-key"].endswith("/0"), "a key of its own"
    assert json.loads(body)["events"] == [
        {"channel": "news", "message": {"a": "é"}},
        {"channel": "news", "message": "\ud800"},
        {"channel": "other", "message": None, "key": "once"},
        {"channel": "bare"},
        {"channel": "p", "message": 1, "key": "q"},
    ]


def test_no_events_are_no_request(start_peer: StartPeer) -> None:
    peer = start_peer(each(number))
    assert Poster(peer.url, "k").post_many([]) == []
    assert peer.requests == []


def test_requests_are_cut_by_number_and_ids_keep_the_order(start_peer: StartPeer) -> None:
    peer = start_peer(each(number))
    done: list[int] = []
    ids = Poster(peer.url, "k").post_many((("news", n) for n in range(25_000)), on_progress=done.append)
    assert ids == list(range(IDS, IDS + 25_000))
    assert sizes(peer) == [10_000, 10_000, 5_000]
    assert done == [10_000, 20_000, 25_000]


def test_requests_are_cut_by_size(start_peer: StartPeer) -> None:
    peer = start_peer(each(number))
    text = "é" * 2**20  # 2 MiB
    Poster(peer.url, "k").post_many([("news", text)] * 7 + [("news", text * 5)] + [("news", 1)])
    assert sizes(peer) == [3, 3, 1, 1, 1]
    assert all(len(body) < 8 * 2**20 for _, _, body in peer.requests[:3])


def test_events_are_asked_for_as_they_are_needed(start_peer: StartPeer) -> None:
    peer = start_peer(each(number))
    asked: list[int] = []

    def count() -> Iterator[tuple[str, int]]:
        for n in range(6):
            asked.append(len(peer.requests))
            yield "news", n

    Poster(peer.url, "k").post_many(count(), batch_events=2)
    assert asked == [0, 0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    "bad", [("news", {1, 2}), ("news", float("nan")), ("news",) * 4, (), 7, (7, 7), ("news", 1, 7)], ids=repr
)
def test_bad_event_is_named_and_what_was_taken_before_is_told(start_peer: StartPeer, bad: object) -> None:
    peer = start_peer(each(number))
    posts = [("news", 1), ("news", 2), ("news", 3), bad, ("news", 5)]
    with pytest.raises(BadEvent) as caught:
        Poster(peer.url, "k").post_many(posts, batch_events=2)  # type: ignore[arg-type]
    assert caught.value.index == 3
    assert caught.value.ids == (1000, 1001)
    assert sizes(peer) == [2]


def test_refused_batch_tells_what_was_taken_before(start_peer: StartPeer) -> None:
    refusal = answer({"code": "invalid-channel", "message": "events[1] is bad"}, "400 Bad Request")
    peer = start_peer(each(number, lambda peer, body: refusal))
    with pytest.raises(Refused) as caught:
        Poster(peer.url, "k").post_many([("news", n) for n in range(6)], batch_events=2)
    assert caught.value.ids == (1000, 1001)
    assert not caught.value.uncertain
    assert len(peer.requests) == 2


def test_batch_whose_answer_is_lost_twice_is_uncertain(start_peer: StartPeer) -> None:
    peer = start_peer(each(number, hang_up))
    with pytest.raises(Unreachable) as caught:
        Poster(peer.url, "k").post_many([("news", n) for n in range(6)], batch_events=2)
    assert caught.value.ids == (1000, 1001)
    assert caught.value.uncertain
    assert len(peer.requests) == 3


@pytest.mark.parametrize("ids", [None, 7, [], [1], [1, 2, 3], [1, "2"], [1, True]], ids=repr)
def test_answer_without_the_ids_is_a_bad_one(start_peer: StartPeer, ids: object) -> None:
    peer = start_peer(always(answer({"ids": ids})))
    calls: list[Callable[[Poster], object]] = [
        lambda poster: poster.post_many([("a", 1), ("a", 2)]),
        lambda poster: poster.publish(["a", "b"], 1),
    ]
    for call in calls:
        with pytest.raises(BadAnswer) as caught:
            call(Poster(peer.url, "k"))
        assert caught.value.uncertain


def test_message_to_several_channels_is_one_request(start_peer: StartPeer) -> None:
    peer = start_peer(each(number))
    with Poster(peer.url, "k") as poster:
        assert poster.publish(["a", "b"], {"x": 1}) == [1000, 1001]
        assert poster.publish(iter("ab")) == [1000, 1001]
        assert poster.publish(["a"], None, key="once") == [1000]
        with pytest.raises(TypeError):
            poster.publish("ab", 1)
    first, second, third = bodies(peer)
    assert first.pop("key") != second.pop("key")
    assert first == {"channels": ["a", "b"], "message": {"x": 1}}
    assert second == {"channels": ["a", "b"]}
    assert third == {"channels": ["a"], "message": None, "key": "once"}


@pytest.mark.parametrize(
    ("listeners", "told"),
    [([3, 0], [3, 0]), (None, [None, None]), ([3], [None, None]), (3, [None, None]), (["3", True], [None, None])],
    ids=repr,
)
def test_ids_know_the_listeners_if_the_daemon_says(start_peer: StartPeer, listeners: object, told: object) -> None:
    peer = start_peer(always(answer({"ids": [7, 8], "listeners": listeners})))
    ids = Poster(peer.url, "k").publish(["a", "b"])
    assert (ids, [each.listeners for each in ids], json.dumps(ids)) == ([7, 8], told, "[7, 8]")


@pytest.mark.parametrize(("listeners", "told"), [(3, 3), (None, None), ("3", None), ([3], None)])
def test_an_id_alone_knows_them_too(start_peer: StartPeer, listeners: object, told: object) -> None:
    peer = start_peer(always(answer({"id": 7, "listeners": listeners})))
    event_id = Poster(peer.url, "k").post("a")
    assert (event_id, event_id.listeners, pickle.loads(pickle.dumps(event_id)).listeners) == (7, told, told)


def test_what_is_json_already_is_sent_as_the_text_that_it_is(start_peer: StartPeer) -> None:
    peer = start_peer(always(answer({"id": 1, "ids": [1, 2]})))
    text = JsonText('{"a":1.10, "a":1e400, "b":"\\ud800", "é":[]}')
    with Poster(peer.url, "k") as poster:
        poster.post("news", text, key="once")
        poster.publish(["a", "b"], text, key="once")
        poster.post_many([("news", text), ("news", JsonText("9" * 5000), "once")])
    first, second, third = (body.decode() for _, _, body in peer.requests)
    assert first == f'{{"channel":"news","key":"once","message":{text.text}}}'
    assert second == f'{{"channels":["a","b"],"key":"once","message":{text.text}}}'
    assert f'{{"channel":"news","message":{text.text}}},' in third
    assert f'"key":"once","message":{"9" * 5000}}}]}}' in third


@pytest.mark.parametrize(
    "text",
    ["", "nope", "NaN", '["-Infinity", -Infinity]', "1 2", '1,"key":"x"', "1}", "\ufeff1", '"\ud800"', "[" * 100_000],
)
def test_what_is_no_json_cannot_be_said_to_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Extra data|no JSON value|surrogates|nested too deeply"):
        JsonText(text)


def test_post_without_a_message(start_peer: StartPeer) -> None:
    peer = start_peer(each(number))
    assert Poster(peer.url, "k").post("news") == 1000
    assert Poster(peer.url, "k").post("news", NO_MESSAGE, key="once") == 1000
    first, second = bodies(peer)
    assert len(str(first.pop("key"))) == 24
    assert (first, second) == ({"channel": "news"}, {"channel": "news", "key": "once"})


def test_calls_are_tried_again_when_the_link_breaks_and_no_two_have_the_same_key(start_peer: StartPeer) -> None:
    calls: list[Callable[[Poster], object]] = [
        lambda poster: poster.post("news", 1),
        lambda poster: poster.post("news", 1, key="once"),
        lambda poster: poster.publish(["news"], 1),
        lambda poster: poster.publish(["news"], 1, key="once"),
        lambda poster: poster.post_many([("news", 1)]),
        lambda poster: poster.post_many([("news", 1)], key="once"),
        lambda poster: poster.post_many([("news", 1, "a"), ("news", 2, "b")]),
        lambda poster: poster.post_many([("news", 1, "a"), ("news", 2)]),
    ]
    for call in calls:
        peer = start_peer(each(hang_up, number))
        call(Poster(peer.url, "k"))
        first, second = peer.requests
        assert first == second
        call(Poster(peer.url, "k"))
        assert (peer.requests[2] == first) is (b"once" in first[2] or first[1].get("idempotency-key") == "once/0")


def test_each_request_of_a_call_has_its_own_key(start_peer: StartPeer) -> None:
    peer = start_peer(each(number))
    Poster(peer.url, "k").post_many([("news", n) for n in range(3)], key="clé", batch_events=2)
    assert [headers["idempotency-key"] for _, headers, _ in peer.requests] == ["clé/0", "clé/1"]
    with pytest.raises(ValueError, match="one line"):
        Poster(peer.url, "k").post_many([("news", 1)], key="a\r\nX: y")


def test_proxy_that_lost_the_daemon_leaves_a_post_uncertain(start_peer: StartPeer) -> None:
    for status, body, uncertain in (
        ("502 Bad Gateway", b"<html>", True),
        ("504 Gateway Timeout", b"", True),
        ("503 Service Unavailable", {"code": "unavailable", "message": "Later"}, False),
        ("404 Not Found", b"", False),
    ):
        peer = start_peer(always(answer(body, status)))
        with pytest.raises(Refused) as caught:
            Poster(peer.url, "k").post("news", 1)
        assert caught.value.uncertain is uncertain
        with pytest.raises(Refused) as caught:
            Poster(peer.url, "k").last()
        assert not caught.value.uncertain
