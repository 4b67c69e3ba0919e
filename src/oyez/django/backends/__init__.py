"""Where a site's events go: to a daemon by HTTP, to RabbitMQ, into memory, or nowhere. One class a file.

This file knows what is asked of such a class. It must not know who calls it.
"""

from collections.abc import Sequence
from typing import Protocol

from oyez.client import Post


class Backend(Protocol):
    """Takes posts; made with the site's settings (`oyez.django.site.SiteSettings`) as its only argument.

    Threads share one. A process that was forked makes its own.

    Attributes:
        knows_last: `last` asks nobody, and works while `post` does not.
    """

    knows_last: bool

    def post(self, posts: Sequence[Post], *, key: str, timeout_s: float) -> list[int]:
        """Post events, and return their ids in the same order; end within `timeout_s`.

        With a key, the same call made again should post nothing twice, where the backend can see to it. Raises
        PosterError, `uncertain` when the events may have been taken even so; TypeError or ValueError for what is not
        JSON.
        """
        ...

    def last(self, *, timeout_s: float) -> int:
        """Return the newest id that was assigned. Raises PosterError."""
        ...

    def probe(self, *, timeout_s: float) -> object:
        """Find out whether events would be taken, and post none. Raises PosterError."""
        ...

    def close(self) -> None:
        """Close what is open. A later call may open it again."""
        ...
