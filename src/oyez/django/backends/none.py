"""For a site that does not use events: nothing is posted, and every id is 0.

It must not know what was to be posted.
"""

from collections.abc import Sequence

from oyez.client import Post
from oyez.django.site import SiteSettings


class NoneBackend:
    """A backend whose every post returns 0."""

    knows_last = True

    def __init__(self, settings: SiteSettings) -> None:
        """Take the settings, as every backend does, and use none."""

    def post(self, posts: Sequence[Post], *, key: str, timeout_s: float) -> list[int]:
        """Keep none of them: return 0 for each, which is no event's id."""
        return [0] * len(posts)

    def last(self, *, timeout_s: float) -> int:
        """Return 0: there is no event."""
        return 0

    def probe(self, *, timeout_s: float) -> object:
        """Return at once: nothing can be in the way."""
        return None

    def close(self) -> None:
        """Do nothing: nothing is open."""
