"""An HTTP answer, whoever gave it.

Must not know how it was fetched.
"""

from collections.abc import Mapping
from typing import NamedTuple

from oyez.client.failures import read_object


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
        return self.members.get("code")

    @property
    def members(self) -> dict[str, object]:
        """The JSON object in the body; an empty one if there is none."""
        return read_object(self.body)
