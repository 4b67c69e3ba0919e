"""Can the checker fail? It is told stories with one thing wrong each, and has to find that and nothing else."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from tests.faults.checker import Record, Verdicts, Violation
from tests.faults.ledger import Ledger, Mark, Outcome, Post
from tests.faults.plan import KILLS, Kind, kinds_for, plan

KEPT = 10


class Story:
    """Posts with ids of the test's choice, and one listener that is told what the test likes."""

    def __init__(self, *channels: str) -> None:
        self.ledger = Ledger(7, kept=KEPT, kept_in_all=1000)
        self.verdicts = Verdicts()
        mark = self.ledger.mark(100, self.ledger.tick())
        self.record = self.follow(mark, *(channels or ("a",)))

    def follow(self, mark: Mark, *channels: str) -> Record:
        return Record("listener", channels, mark, self.ledger, self.verdicts)

    def post(self, *ids: int, channel: str = "a", outcome: Outcome = Outcome.ACKNOWLEDGED) -> list[Post]:
        posts = [self.ledger.begin(channel) for _ in ids]
        for post, event_id in zip(posts, ids, strict=True):
            self.ledger.settle(post, outcome, event_id if outcome is Outcome.ACKNOWLEDGED else None)
        return posts

    def event(self, post: Post, **other: Any) -> dict[str, Any]:
        return {"id": post.id, "channel": post.channel, "message": self.ledger.message(post)} | other

    def hear(self, posts: Sequence[Post]) -> None:
        for post in posts:
            self.record.message(self.event(post))

    def gap(self, after: int, oldest: int, channel: str = "a") -> None:
        self.record.gap({"channel": channel, "from": after, "oldest": oldest})

    def found(self) -> list[str]:
        self.record.check()
        self.record.check(to_the_end=True)
        return [violation.rule for violation in self.verdicts.found]


def test_a_complete_story_is_accepted() -> None:
    story = Story("a", "b")
    story.hear(story.post(101, 102, 103) + story.post(104, channel="b"))
    assert story.found() == []


def test_a_lost_event_is_found() -> None:
    story = Story()
    one, _, three = story.post(101, 102, 103)
    story.hear([one, three])
    story.record.check()
    assert ["a#1 = 102" in violation.what for violation in story.verdicts.found] == [True]
    assert story.found() == ["I2"]  # and is told once


def test_a_lost_last_event_is_found_at_the_end() -> None:
    story = Story()
    one, _ = story.post(101, 102)
    story.hear([one])
    story.record.check()
    assert story.verdicts.found == []  # it may be on its way
    assert story.found() == ["I2"]


def test_an_event_under_way_is_due_once_it_is_acknowledged() -> None:
    story = Story()
    late = story.ledger.begin("a")
    story.hear(story.post(102))
    story.record.check()
    assert story.verdicts.found == []
    story.ledger.settle(late, Outcome.ACKNOWLEDGED, 101)
    assert story.found() == ["I2"]


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.REFUSED])
def test_a_post_without_a_good_answer_may_come_or_not(outcome: Outcome) -> None:
    story = Story()
    came, _ = story.post(0, 0, outcome=outcome)
    story.record.message(story.event(came, id=105))
    assert story.found() == []


def test_a_double_is_found() -> None:
    story = Story()
    (post,) = story.post(101)
    story.hear([post, post])
    assert story.found() == ["I1", "I3"]


def test_a_double_under_a_new_id_is_found() -> None:
    story = Story()
    (post,) = story.post(101)
    story.hear([post])
    story.record.message(story.event(post, id=102))
    assert story.found() == ["I4", "I3"]


def test_a_falling_id_is_found() -> None:
    story = Story("a", "b")
    (low,), (high,) = story.post(101), story.post(102, channel="b")
    story.hear([high, low])
    assert story.found() == ["I1"]


def test_an_id_at_or_below_the_start_is_found() -> None:
    story = Story()
    story.hear(story.post(100))
    assert story.found() == ["I1"]


@pytest.mark.parametrize("message", [{"n": 0}, {"n": 1}, {"n": True}, {"n": -1}, "n", None])
def test_a_wrong_message_is_found(message: object) -> None:
    story = Story()
    (post,) = story.post(101)
    story.record.message(story.event(post, message=message))
    assert story.found() == ["I4", "I2"]


def test_a_message_in_the_wrong_channel_is_found() -> None:
    story = Story("a", "b")
    (post,) = story.post(101)
    story.record.message(story.event(post, channel="b"))
    assert story.found() == ["I4", "I2"]


def test_an_event_of_a_channel_that_is_not_followed_is_found() -> None:
    story = Story()
    story.hear(story.post(101, channel="b"))
    assert story.found() == ["I2"]


def test_an_acknowledgement_with_another_id_is_found() -> None:
    story = Story()
    post = story.ledger.begin("a")
    story.record.message(story.event(post, id=101))
    assert story.ledger.settle(post, Outcome.ACKNOWLEDGED, 102) == "was delivered as 101 and acknowledged as 102"


def test_a_gap_that_covers_excuses() -> None:
    story = Story()
    one, _, _, four = story.post(101, 102, 103, 104)
    story.hear([one])
    story.ledger.excuse()
    story.gap(101, 104)
    story.hear([four])
    assert story.found() == []


@pytest.mark.parametrize("gap", [(101, 103), (102, 104), (102, 103)])
def test_a_gap_that_does_not_cover_excuses_nothing_beside_it(gap: tuple[int, int]) -> None:
    story = Story()
    one, _, _, four = story.post(101, 102, 103, 104)
    story.hear([one])
    story.ledger.excuse()
    story.gap(*gap)
    story.hear([four])
    assert story.found() == ["I2"]


def test_a_gap_of_another_channel_excuses_nothing() -> None:
    story = Story("a", "b")
    story.post(101)
    story.ledger.excuse()
    story.gap(100, 102, "b")
    assert story.found() == ["I2"]


def test_a_gap_where_all_had_to_be_kept_is_found() -> None:
    story = Story()
    story.post(*range(101, 101 + KEPT))
    story.gap(100, 101 + KEPT)
    assert story.found() == ["I4"]


def test_a_gap_after_more_than_is_kept_is_fine() -> None:
    story = Story()
    story.post(*range(101, 102 + KEPT))
    story.gap(100, 102 + KEPT)
    assert story.found() == []


def test_a_gap_after_the_excuse_is_found() -> None:
    story = Story()
    story.hear(story.post(101))
    story.ledger.excuse()
    story.hear(story.post(102))
    story.gap(102, 104)
    assert story.found() == ["I4"]


def test_ids_of_another_time_begin_anew_and_what_was_before_is_gone() -> None:
    story = Story()
    one, _ = story.post(101, 102)
    story.hear([one])
    story.ledger.excuse()
    story.gap(101, 51)  # the clock went back: the id is above all that there is
    story.hear(story.post(51, 52))
    assert story.found() == []
    story.post(53)
    assert story.found() == ["I2"]


def test_where_the_newest_of_each_value_counts_one_that_came_stands_for_older_ones() -> None:
    story = Story("ch-1")
    posts = story.post(*range(101, 116), channel="ch-1")  # three of each of five values
    story.hear(posts[9:])
    assert story.found() == []


def test_a_lost_newest_of_a_value_is_found_and_each_that_it_stands_for() -> None:
    story = Story("ch-1")
    posts = story.post(*range(101, 111), channel="ch-1")
    story.hear([*posts[:1], *posts[5:9]])
    story.record.check()
    assert story.verdicts.found == []  # something newer may be under way
    assert story.found() == ["I2"]
    assert "lacks ch-1#4 = 105, ch-1#9 = 110, and" in story.verdicts.found[0].what


def test_where_the_newest_of_each_value_counts_histories_have_all() -> None:
    story = Story("ch-1")
    reader = Record("history", ["ch-1"], Mark(100, 0), story.ledger, story.verdicts, has_all=True)
    for post in story.post(*range(101, 111), channel="ch-1")[5:]:
        reader.message(story.event(post))
    reader.check(to_the_end=True)
    assert [violation.rule for violation in story.verdicts.found] == ["I2"]


def test_who_begins_later_need_not_have_what_was_before() -> None:
    story = Story()
    story.hear(story.post(101, 102))
    under_way = story.ledger.begin("a")
    late = story.follow(story.ledger.mark(102, story.ledger.tick()), "a")
    story.ledger.settle(under_way, Outcome.ACKNOWLEDGED, 103)
    late.check(to_the_end=True)
    assert [violation.rule for violation in story.verdicts.found] == ["I2"]
    assert "lacks a#2 = 103, and" in story.verdicts.found[0].what


def test_a_sign_of_life_beyond_what_came_is_found() -> None:
    story = Story()
    story.post(101)
    story.record.reached(101)
    story.record.check()
    assert [violation.rule for violation in story.verdicts.found] == ["I2"]


def test_a_confirmed_post_that_nobody_is_given_is_found_unless_it_may_have_been_lost() -> None:
    story = Story()
    heard, unheard = story.ledger.begin("a"), story.ledger.begin("a")
    for post in (heard, unheard):
        story.ledger.settle(post, Outcome.ACKNOWLEDGED)  # as RabbitMQ does, without an id
    story.record.message(story.event(heard, id=101))
    assert story.ledger.never_heard() == [unheard]
    story.ledger.excuse()
    assert story.ledger.never_heard() == []


def test_nothing_is_accused_after_a_run_has_broken_off() -> None:
    said: list[Violation] = []
    verdicts = Verdicts(notice=said.append)
    verdicts.add("I2", "one", "lacks something")
    verdicts.break_off("load", OSError("no more"))
    verdicts.add("I2", "another", "lacks all that came later")
    assert [str(violation) for violation in verdicts.found] == [str(violation) for violation in said]
    assert [violation.rule for violation in said] == ["I2", "run"]
    assert verdicts.count == 2


def test_a_long_story_out_of_order_is_accepted() -> None:
    story, random = Story("a", "b"), Random(1)
    event_id = 100
    for _ in range(200):
        under_way = [story.ledger.begin(random.choice("ab")) for _ in range(random.randint(1, 9))]
        for post in random.sample(under_way, len(under_way)):
            event_id += 1
            story.ledger.settle(post, Outcome.ACKNOWLEDGED, event_id)
            story.hear([post])
        story.record.check()
    assert story.found() == []


@pytest.mark.parametrize("broker", ["memory", "sqlite", "amqp", "stream"])
def test_a_seed_is_a_plan_with_every_fault_in_it(broker: str) -> None:
    faults, again = plan(7, broker), plan(7, broker)
    drawn = [next(faults) for _ in range(100)]
    assert drawn == [next(again) for _ in range(100)]
    assert drawn != [next(plan(8, broker)) for _ in range(100)]
    kinds = kinds_for(broker)
    assert {fault.kind for fault in drawn[: len(kinds)]} == set(kinds)
    assert sum(KILLS.get(fault.kind, 0) for fault in drawn) > 40
    assert (
        set(Kind) - set(kinds) - {Kind.HERD}
        == {
            "memory": {Kind.DISK_FULL, Kind.TORN, Kind.OUTAGE},
            "sqlite": {Kind.OUTAGE},
            "amqp": {Kind.DISK_FULL, Kind.TORN},
            "stream": {Kind.DISK_FULL, Kind.TORN, Kind.CLOCK_BACK},
        }[broker]
    )
