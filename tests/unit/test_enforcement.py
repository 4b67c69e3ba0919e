"""Is a limit that only observes counted as those that refuse are, and does it refuse nothing?"""

import pytest

from oyez.access.enforcement import Enforcement
from oyez.access.shares import Rates, Share
from oyez.limits import OBSERVABLE, LimitSettings
from oyez.notes import Notes
from tests.fakes import Clock

SHARE_OF = 0xCB007109  # 203.0.113.9


def test_a_limit_refuses_unless_it_is_told_to_observe() -> None:
    limits = LimitSettings(observe=("connects_per_second_per_address",))
    notes, share = Notes(Clock()), Share(SHARE_OF, Rates(limits), 0.0)
    enforcement = Enforcement(limits, notes, notes.observe)
    assert not enforcement.refuses("address-connects", "a session over the limit", share)
    assert enforcement.refuses("address-connections", "a session over the limit", share)
    assert notes.observed == {"address-connects": 1}
    assert notes.counts == {"address-connections": 1}
    assert share.refusals == {"address-connects": 1, "address-connections": 1}


def test_what_no_setting_can_turn_off_is_counted_for_the_address_and_for_all() -> None:
    notes, share = Notes(Clock()), Share(SHARE_OF, Rates(LimitSettings()), 0.0)
    enforcement = Enforcement(LimitSettings(observe=tuple(OBSERVABLE)), notes, notes.observe)
    enforcement.count_refusal("at-capacity", "a session over the limit", share)
    enforcement.count_refusal("at-capacity", "a session over the limit", None)
    assert (notes.counts, notes.observed, share.refusals) == ({"at-capacity": 2}, {}, {"at-capacity": 1})


@pytest.mark.parametrize("limit", OBSERVABLE)
def test_each_limit_can_be_observed(limit: str) -> None:
    notes = Notes(Clock())
    enforcement = Enforcement(LimitSettings(observe=(limit,)), notes, notes.observe)
    refused = {
        reason for reasons in OBSERVABLE.values() for reason in reasons if enforcement.refuses(reason, "x", None)
    }
    assert refused == {reason for other, reasons in OBSERVABLE.items() if other != limit for reason in reasons}


def test_what_no_share_tells_is_told_by_who_it_was(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes(Clock())
    share = Share(SHARE_OF, Rates(LimitSettings()), 0.0)
    Enforcement(LimitSettings(), notes, notes.observe).refuses("address-connects", "a session", share)
    assert [record.getMessage() for record in caplog.records] == ["address-connects: a session, from 203.0.113.9"]
