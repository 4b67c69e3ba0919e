"""A well-behaved poster and listener that must not notice what others do to the daemon."""

import socket
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.integration.links import SUCCESS, Sender, cpu_s, eventually, listen, metrics
from tests.raw import Closed
from tests.scenarios import new_channel

# A site's poster gives each step of its connect 0.5 s, and 5 s to the answer. It is the daemon's processor time that is
# counted from a post to its answer: on a busy machine the bystanders themselves wait for a core.
ACK_WITHIN_CPU_S = 0.5
PAUSE_S = 0.01


class Bystanders:
    """Posts and listens in the background; `check` requires that every post was acknowledged in time and arrived."""

    def __init__(self, daemon: Daemon) -> None:
        self._pid = daemon.pid
        self._channel = new_channel()
        self._sender = Sender(daemon.port, daemon.key)
        self._listener = listen(daemon.port, self._channel)
        assert self._listener.receive() == SUCCESS
        self._stop = Event()
        self._posted: list[dict[str, Any]] = []
        self._heard: list[dict[str, Any]] = []
        self._slowest_s = 0.0
        self._checked = 0
        self._threads = [Thread(target=self._post, daemon=True), Thread(target=self._listen, daemon=True)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        eventually(lambda: len(self._heard) > 2, "first events")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.check()
        self._stop.set()
        # A socket that a thread reads from is not gone when it is closed, but when the read ends.
        self._listener.link.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._listener.drop()
        self._sender.drop()

    def check(self) -> None:
        """Look at all since the last look, and at a few posts from now: what was done may have its effect."""
        begin, enough = self._checked, len(self._posted) + 4
        eventually(lambda: len(self._posted) >= enough, "more posts")
        eventually(lambda: len(self._heard) >= enough, "event of the bystanders")
        assert self._heard[begin:enough] == self._posted[begin:enough]
        slowest_s, self._slowest_s, self._checked = self._slowest_s, 0.0, enough
        assert slowest_s < ACK_WITHIN_CPU_S, f"a post was answered after {slowest_s:.2f} s of the daemon's work"

    def _post(self) -> None:
        while not self._stop.is_set():
            began = cpu_s(self._pid)
            events = self._sender.post(self._channel, len(self._posted))
            self._slowest_s = max(self._slowest_s, cpu_s(self._pid) - began)
            self._posted += events
            self._stop.wait(PAUSE_S)

    def _listen(self) -> None:
        try:
            while True:
                self._heard += self._listener.messages(1)
        except (OSError, Closed):
            pass  # closed by the end of the test, which counts what came


def noted_lines(daemon: Daemon) -> dict[str, int]:
    """Count the log's lines about peers by their kind."""
    logger = "oyez.notes: "
    kinds = [line.split(logger)[1].split(":")[0] for line in daemon.log.of("line") if logger in line]
    return {kind: kinds.count(kind) for kind in kinds}


def refusals(daemon: Daemon, reason: str) -> float:
    return metrics(daemon.port).get(f'oyez_refusals_total{{reason="{reason}"}}', 0)
