"""Does each message become an event whose id rises, or a note, and does an own post come back as it was given?"""

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest

from oyez.brokers.rabbitmq.ids import US_PER_S, IdSequence
from oyez.brokers.rabbitmq.intake import Intake, IntakeContext
from oyez.brokers.rabbitmq.pending import TIMEOUT_S, PendingPosts
from oyez.errors import BrokerError
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from tests.fakes import Clock

NOW_S = 1_800_000_000.0
NOW_US = int(NOW_S * US_PER_S)
SKEW_S = 5.0


class Scene:
    """An intake with a hub that keeps what it is told."""

    def __init__(self, deliver: Callable[[Sequence[Publication]], None] | None = None) -> None:
        self.delivered: list[Publication] = []
        self.lost: list[int] = []
        self.notes: list[str] = []
        self.settled: list[list[EventId] | BrokerError] = []
        self.pending = PendingPosts(TIMEOUT_S)
        self.intake = Intake(
            IdSequence(SKEW_S),
            self.pending,
            IntakeContext(
                LimitSettings(max_channel_length=10, max_sender_message_bytes=1000),
                HistorySettings(ttl_s=600.0),
                lambda reason, _: self.notes.append(reason),
                clock=Clock(100.0),
                wall_clock=lambda: NOW_S,
            ),
        )
        self.intake.open(deliver or self.delivered.extend, self.lost.append)

    def take(self, event_id: object, channel: object = "a", message: object = 1, *, message_id: str = "") -> None:
        body = json.dumps({"id": event_id, "channel": channel, "message": message}).encode()
        self.intake.take(message_id or None, body)

    @property
    def ids(self) -> list[int]:
        return [publication.id for publication in self.delivered]


def test_a_posters_id_is_kept_and_never_falls() -> None:
    scene = Scene()
    for event_id in (NOW_US, NOW_US + 7, NOW_US - 1, NOW_US + 7):
        scene.take(event_id)
    assert scene.ids == [NOW_US, NOW_US + 7, NOW_US + 8, NOW_US + 9]
    assert [(each.channel, each.message) for each in scene.delivered] == [("a", b"1")] * 4
    assert scene.notes == []


def test_a_clock_that_is_ahead_is_noted_and_carries_the_ids_no_further_than_clocks_may_differ() -> None:
    scene = Scene()
    scene.take(NOW_US + 3600 * US_PER_S)
    assert scene.ids == [NOW_US + int(SKEW_S * US_PER_S)]
    assert scene.notes == ["clock-ahead"]


@pytest.mark.parametrize(
    "body",
    [b"", b"no JSON", b"[]", b"{}", b'{"id":1}', b'{"channel":"a"}', b'{"id":0,"channel":"a"}',
     b'{"id":"1","channel":"a"}', b'{"id":1,"channel":""}', b'{"id":1,"channel":"eleven char"}',
     b'{"id":1,"channel":"\xff"}', b"[" * 100_000],
    ids=lambda body: ascii(body[:24]),
)  # fmt: skip
def test_what_is_no_event_is_noted_and_passed_over(body: bytes) -> None:
    scene = Scene()
    scene.intake.take(None, body)
    assert scene.notes == ["bad-record"]
    assert scene.intake.read_id(body) is None
    assert scene.delivered == []


def test_what_is_read_back_is_as_old_as_its_id_says_up_to_the_age_of_history() -> None:
    scene = Scene()
    scene.intake.catching_up = True
    for ago_s in (7200, 60):
        scene.take(NOW_US - ago_s * US_PER_S)
    scene.intake.catching_up = False
    scene.take(NOW_US)
    assert [publication.time for publication in scene.delivered] == [100.0 - 600, 100.0 - 60, 100.0]


def test_an_id_that_a_daemon_gave_before_the_clock_was_set_back_is_trusted_when_it_is_read_back() -> None:
    scene = Scene()
    scene.intake.catching_up = True
    ahead = NOW_US + 3600 * US_PER_S
    scene.take(ahead, message_id="oyez-of-another-daemon-1")
    assert scene.ids == [ahead]
    assert scene.notes == []


def test_what_is_not_above_the_horizon_is_not_delivered() -> None:
    scene = Scene()
    scene.intake.horizon = EventId(NOW_US)
    scene.take(NOW_US)
    scene.take(NOW_US + 1)
    assert scene.ids == [NOW_US + 1]
    assert scene.intake.skip_to_horizon() == NOW_US


def test_after_a_loss_no_id_is_given_that_an_event_before_it_may_have_had() -> None:
    scene = Scene()
    scene.intake.lose()
    assert scene.lost == [NOW_US]
    scene.take(NOW_US - 10)
    assert scene.ids == [NOW_US + 1]


def test_an_own_post_comes_back_as_it_was_given_and_is_settled() -> None:
    async def play() -> None:
        scene = Scene()
        posts = [Post(Channel("mine"), b'{"as": "given"}')]
        (number,) = scene.pending.add(posts, [EventId(NOW_US + 5)], scene.settled.append, 10)
        own = scene.intake.message_id(number)
        scene.take(1, "not looked at", message_id=own)
        scene.pending.confirmed(number)
        assert [(each.id, each.channel, each.message) for each in scene.delivered] == [
            (NOW_US + 5, "mine", b'{"as": "given"}')
        ]
        assert scene.settled == [[NOW_US + 5]]
        scene.take(NOW_US + 9, message_id=own)  # nobody waits for it any more: it is an event like any other
        assert scene.delivered[-1].channel == "a"
        scene.take(NOW_US + 10, message_id=own + "x" * 30)
        assert scene.ids == [NOW_US + 5, NOW_US + 9, NOW_US + 10]

    asyncio.run(play())


def test_an_own_post_is_settled_though_the_hub_fails() -> None:
    def fail(_: Sequence[Publication]) -> None:
        raise RuntimeError("a bug of ours")

    async def play() -> None:
        scene = Scene(fail)
        (number,) = scene.pending.add([Post(Channel("a"), None)], [EventId(NOW_US)], scene.settled.append, 10)
        scene.pending.confirmed(number)
        with pytest.raises(RuntimeError):
            scene.take(1, message_id=scene.intake.message_id(number))
        assert scene.settled == [[NOW_US]]

    asyncio.run(play())


def test_an_error_of_ours_is_logged_and_told_as_a_gap(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    try:
        raise RuntimeError("a bug of ours")
    except RuntimeError:
        scene.intake.lose_by_error()
    assert scene.lost == [NOW_US]
    assert "a bug of ours" in caplog.text
