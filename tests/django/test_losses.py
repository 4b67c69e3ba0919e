"""Do the lines about lost events say how many were lost, and by what?"""

import pytest

from oyez.client import Unreachable
from oyez.django.losses import Losses
from tests.fakes import Clock

MISTAKE = TypeError("no JSON")
ABSENCE = Unreachable("nobody is there")


def test_the_line_at_the_end_names_what_lost_events_and_not_what_lost_none(caplog: pytest.LogCaptureFixture) -> None:
    losses = Losses()
    losses.add(0, ABSENCE)
    losses.add(2, MISTAKE)
    losses.add(0, ABSENCE)
    losses.log_rest()
    losses.log_rest()
    assert caplog.messages == [
        "the daemon cannot be asked or posted to; no event is lost so far: Unreachable: nobody is there",
        "events are not posted (2 so far): TypeError: no JSON",
    ]


def test_the_line_of_the_next_minute_names_it_too(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    losses = Losses(clock)
    losses.add(1, MISTAKE)
    clock.now += 59
    losses.add(3, MISTAKE)
    clock.now += 1
    losses.add(0, ABSENCE)
    clock.now += 60
    losses.add(0, ABSENCE)
    assert caplog.messages == [
        "events are not posted (1 so far): TypeError: no JSON",
        "events are not posted (3 since the last such line): TypeError: no JSON",
        "the daemon cannot be asked or posted to; no event is lost since then: Unreachable: nobody is there",
    ]
