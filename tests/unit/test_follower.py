"""Does a follower say what the daemon said, though the link ends while it speaks?"""

from contextlib import nullcontext

import pytest

from oyez.cli.exits import LinkError, ListenError
from oyez.cli.follower import Follower
from oyez.errors import OyezError
from oyez.probe.failures import Closed, NotConnected, Trouble

OPEN = '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}'
REFUSAL = '42["error",{"code":"invalid-channel","message":"no such channel"}]'


class EndedLink:
    """A link over which the daemon has said all of this and closed, before more than so many packets were sent."""

    def __init__(self, *came: str, takes: int) -> None:
        self._came = list(came)
        self._takes = takes

    def allow(self, seconds: float) -> None:
        """There is nothing to wait for."""

    def send(self, text: str) -> None:
        self._takes -= 1
        if self._takes < 0:
            raise Closed("received 1000 (OK)", 1000)

    def receive(self) -> str:
        if not self._came:
            raise Closed("received 1000 (OK)", 1000)
        return self._came.pop(0)


@pytest.mark.parametrize("takes", [1, 2, 3])
def test_an_error_that_came_before_the_end_is_shown_though_our_next_packet_was_too_late(takes: int) -> None:
    follower = Follower("http://127.0.0.1", ["a"], None, print)
    link = EndedLink(OPEN, '40{"sid":"t"}', REFUSAL, takes=takes)
    with pytest.raises(ListenError, match="no such channel"):
        list(follower._hear_on(link))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("came", "kind", "words"),
    [
        ('44{"message":"not you"}', NotConnected, "not you"),
        ("41", NotConnected, "ended the session"),
        ("1", NotConnected, "ended the session"),
        ("42[", Trouble, "none of Socket.IO"),
    ],
)
def test_a_link_ends_with_the_reason_that_the_daemon_gave(came: str, kind: type[OyezError], words: str) -> None:
    follower = Follower("http://127.0.0.1", ["a"], None, print)
    with pytest.raises(kind, match=words):
        list(follower._hear_on(EndedLink(OPEN, came, takes=9)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("came", "kind"), [('44{"message":"not you"}', ListenError), ("41", LinkError)])
def test_who_was_refused_does_not_try_again(came: str, kind: type[OyezError], monkeypatch: pytest.MonkeyPatch) -> None:
    link = EndedLink(OPEN, came, takes=9)
    monkeypatch.setattr("oyez.cli.follower.opened", lambda *_, **__: nullcontext(link))
    with pytest.raises(kind):
        list(Follower("http://127.0.0.1", ["a"], None, print).arrivals())
