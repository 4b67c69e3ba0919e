"""What the daemon says of itself: health and metrics.

It must not know any door.
"""

import re

from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import ask
from oyez.cli.selftest.expectations import NotOffered, parse_object, require, require_equal
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.visit import Visit

STATUS: Table["StatusGuest"] = Table()

_SAMPLE = re.compile(r"^oyez_\w+(\{[^}]*\})? [0-9.e+-]+$", re.MULTILINE)


class StatusGuest:
    """Whoever asks."""

    silenced = ""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def get(self, path: str) -> Answer:
        """Ask. Raises NotOffered: a proxy had better not pass these paths on."""
        answer = ask(self._visit.main, self._visit.main.path.rstrip("/") + path)
        if answer.status == 404 or answer.is_page:
            raise NotOffered(f"{path} (HTTP status {answer.status})")
        return answer


@STATUS.check("healthz", "/healthz says that the daemon serves.")
def _check_health(guest: StatusGuest) -> None:
    answer = guest.get("/healthz")
    require_equal([answer.status, parse_object(answer.body)], [200, {"status": "ok"}])


@STATUS.check("metrics", "/metrics gives numbers that Prometheus can read.")
def _check_metrics(guest: StatusGuest) -> None:
    answer = guest.get("/metrics")
    require(answer.status == 200, "status 200", f"status {answer.status}")
    require(_SAMPLE.search(answer.body) is not None, "samples named oyez_…", answer.body[:200])
