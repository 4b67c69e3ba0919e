"""Does a page that listens get each step of a judging, in order and once, though its daemon is killed and restarted?"""

import threading
from itertools import count
from pathlib import Path

import pytest

from oyez.client import Event, listen
from oyez.django import events
from tests.conftest import StartDaemon
from tests.django.conftest import site_of
from tests.inbox import PATIENCE_S, Inbox

CHANNEL = "sub_judged"


@pytest.mark.slow
def test_a_judging_arrives_whole_over_a_kill_an_absence_and_a_restart(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon("--broker", f"sqlite://{tmp_path}/events.db")
    heard, cases = Inbox(), count(1)
    with site_of(daemon), listen(daemon.url, CHANNEL, events.last()) as page:

        def hear() -> None:
            for arrival in page:
                heard.put(type(arrival).__name__, arrival)

        def judge(number: int) -> list[int]:
            return [events.post(CHANNEL, {"type": "test-case", "id": next(cases)}) for _ in range(number)]

        follower = threading.Thread(target=hear, daemon=True)
        follower.start()
        assert min(judge(7)) > 0
        daemon.kill()
        assert judge(7) == [events.QUEUED] * 7
        daemon.start()
        judge(6)
        restart = threading.Thread(target=daemon.restart)
        restart.start()
        while restart.is_alive():
            judge(1)
            restart.join(0.05)
        judge(5)
        assert events.post(CHANNEL, {"type": "grading-end"})
        assert events.flush(PATIENCE_S)
        posted = next(cases) - 1
        arrived: list[Event] = heard.wait("Event", posted + 1, within_s=3 * PATIENCE_S)
        page.close()
        follower.join(PATIENCE_S)
    *steps, end = [event.message for event in arrived]
    assert steps == [{"type": "test-case", "id": number} for number in range(1, posted + 1)]
    assert end == {"type": "grading-end"}
    assert heard.of("Gap") == []
    assert len(heard.of("Event")) == posted + 1
