"""Is the one short text that a receiver has asked for taken at once, and nothing that only looks like it?"""

import pytest

from tests.fake_sockets import Callbacks
from tests.fakes import Clock
from tests.unit.test_websocket_connection import Peer, Site, Slow, frame


def test_what_is_awaited_has_no_turn_and_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch)
    clock = site.callbacks.ticker.clock
    assert isinstance(clock, Clock)
    one, other = site.connect(), site.connect()
    one.connection.hand_over(Slow(clock, 0.002))
    one.send(frame(b"x"))
    other.connection.awaited = b"3"
    other.send(frame(b"2"))
    other.send(frame(b"3"))
    assert other.messages.got == []
    site.loop.run()
    assert other.messages.got == ["2", "3"]
    one.send(frame(b"x"))
    other.send(frame(b"3"))
    other.send(frame(b"3"))
    assert other.messages.got == ["2", "3", "3"]
    site.loop.run()
    assert other.messages.got == ["2", "3", "3", "3"]


def test_the_rest_of_a_message_is_not_what_is_awaited() -> None:
    peer, rest = Peer(Callbacks(max_message_bytes=1000)), b"\x81\x81abcdR"  # by itself a frame that brings "3"
    peer.connection.awaited = b"3"
    peer.send(b"\x81\x88\0\0\0\0\xe1")
    peer.send(rest)
    assert peer.messages.got == [(b"\xe1" + rest).decode()]
    peer.send(rest)
    assert peer.messages.got[1:] == ["3"]


def test_a_receiver_that_fails_at_what_it_awaits_costs_its_own_connection_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    peer = Peer(Callbacks(max_message_bytes=1000))
    monkeypatch.setattr(peer.messages, "receive_text", lambda data: 1 / 0)
    peer.connection.awaited = b"3"
    peer.send(frame(b"3"))
    assert peer.connection.closing
    assert "an error of ours" in caplog.text
