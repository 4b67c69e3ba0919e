"""What a check comes to.

Knows words. Must not know what is checked, nor how it is shown.
"""

from enum import StrEnum


class Status(StrEnum):
    """What a check came to; the value stands in JSON reports."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_OFFERED = "not-offered"
