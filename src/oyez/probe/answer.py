"""An HTTP answer, whoever gave it.

Must not know how it was fetched.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple


class Answer(NamedTuple):
    """An answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    def __str__(self) -> str:
        return f"HTTP status {self.status}"

    @property
    def is_page(self) -> bool:
        """Whether it was written for people: by a proxy or a site, and not by the daemon."""
        return "html" in self.headers.get("content-type", "")

    @property
    def code(self) -> object:
        """The word for a reason that the daemon's errors carry."""
        return self.parsed.get("code") if isinstance(self.parsed, dict) else None

    @property
    def parsed(self) -> object:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None
