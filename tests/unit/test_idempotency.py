"""Is a repeated key told from a new one: in time, while it is acted on, and within bounds?"""

from collections.abc import Sequence

import pytest

from oyez.endpoints.api.idempotency import Attempt, Key, KeyReused, KnownKeys, content_of, content_of_body
from oyez.hub.publication import EventId


def remember(known: KnownKeys, key: Key, content: int, *ids: int, now: float = 0) -> None:
    assert known.find(key, content, now) is None
    attempt = known.begin({key: content})
    known.finish(attempt, {key: [EventId(event_id) for event_id in ids]}, now)


def found(known: KnownKeys, key: Key, content: int, now: float = 0) -> Sequence[int] | None:
    answer = known.find(key, content, now)
    assert not isinstance(answer, Attempt)
    return answer


def test_a_repetition_finds_the_first_answer() -> None:
    known = KnownKeys()
    remember(known, "k", 1, 5, 6)
    assert found(known, "k", 1) == [5, 6]
    assert found(known, "other", 1) is None


def test_the_same_key_with_another_content_is_told() -> None:
    known = KnownKeys()
    remember(known, "k", 1, 5)
    with pytest.raises(KeyReused) as error:
        known.find("k", 2, 0)
    assert error.value.key == "k"
    known.begin({"under way": 1})
    with pytest.raises(KeyReused):
        known.find("under way", 2, 0)


def test_keys_of_headers_and_of_bodies_do_not_meet() -> None:
    known = KnownKeys()
    remember(known, "k", 1, 5)
    remember(known, b"k", 2, 6)
    assert (found(known, "k", 1), found(known, b"k", 2)) == ([5], [6])


def test_answers_are_forgotten_after_their_time() -> None:
    known = KnownKeys(kept_s=10)
    remember(known, "k", 1, 5, now=100)
    assert found(known, "k", 1, now=110) == [5]
    assert found(known, "k", 2, now=110.1) is None
    remember(known, "k", 2, 6, now=111)
    assert found(known, "k", 2, now=121) == [6]


def test_what_is_too_old_goes() -> None:
    known = KnownKeys(kept_s=10)
    for number in range(1500):
        remember(known, str(number), 1, 5)
    remember(known, "new", 1, 5, now=11)
    assert len(known) == 501
    remember(known, "newer", 1, 5, now=11)
    assert len(known) == 2


def test_while_a_key_is_acted_on_others_can_wait_for_the_end() -> None:
    known = KnownKeys()
    attempt = known.begin({"a": 1, "b": 2})
    assert known.find("a", 1, 0) is attempt is known.find("b", 2, 0)
    ends: list[str] = []
    attempt.when_over(lambda: ends.append(f"{found(known, 'a', 1)}"))
    known.finish(attempt, {"a": [EventId(5)], "b": [EventId(6)]}, 0)
    assert ends == ["[5]"]
    assert found(known, "b", 2) == [6]


def test_what_failed_is_new_again() -> None:
    known = KnownKeys()
    attempt = known.begin({"a": 1})
    ends: list[bool] = []
    attempt.when_over(lambda: ends.append(True))
    known.finish(attempt, {}, 0)
    assert ends == [True]
    assert found(known, "a", 2) is None
    assert len(known) == 0


def test_the_oldest_go_when_there_are_too_many() -> None:
    known = KnownKeys(most_keys=3)
    for number in range(5):
        remember(known, str(number), 1, 5)
    assert [found(known, str(number), 1) for number in range(5)] == [None, None, [5], [5], [5]]


def test_the_oldest_go_when_their_ids_are_too_many() -> None:
    known = KnownKeys(most_ids=10)
    remember(known, "a", 1, *range(6))
    remember(known, "b", 1, *range(4))
    assert found(known, "a", 1) is not None
    remember(known, "c", 1, 5)
    assert found(known, "a", 1) is None
    assert found(known, "b", 1) is not None
    remember(known, "too long", 1, *range(11))
    assert len(known) == 0


def test_contents_differ_when_anything_does() -> None:
    contents = [
        content_of(("a",), None),
        content_of(("a",), b"null"),
        content_of(("a",), b"1"),
        content_of(("b",), b"1"),
        content_of(("a", "b"), b"1"),
        content_of(("b", "a"), b"1"),
        content_of(("ab",), b"1"),
        content_of(("\ud800",), b"1"),
        content_of_body(b"1"),
    ]
    assert len(set(contents)) == len(contents)
    assert content_of(("a",), b"1") == contents[2]


def test_a_key_that_is_used_again_after_its_time_is_kept_as_long_as_a_new_one() -> None:
    known = KnownKeys(kept_s=10, most_keys=2)
    remember(known, "k", 1, 5, now=0)
    assert found(known, "k", 1, now=11) is None
    attempt = known.begin({"k": 2})
    known.finish(attempt, {"k": [EventId(6)]}, 11)
    remember(known, "other", 1, 7, now=12)
    assert found(known, "k", 2, now=12) == [6], "it went with the answer of long ago"
    remember(known, "third", 1, 8, now=13)
    assert found(known, "k", 2, now=13) is None
    assert len(known) == 2
