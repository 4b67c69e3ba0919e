"""Does a follower say what the daemon said, though the link ends while it speaks?"""

import pytest

from oyez.cli.exits import ListenError
from oyez.cli.follower import Follower
from oyez.probe.failures import Closed

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
