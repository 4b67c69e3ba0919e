"""Posts to a daemon by its HTTP API.

It must not know when not to.
"""

from collections.abc import Sequence

from oyez.client import MAX_BATCH_EVENTS, Post, Poster
from oyez.django.site import SiteSettings


class HttpBackend:
    """One `Poster`, which threads share."""

    knows_last = False

    def __init__(self, settings: SiteSettings) -> None:
        self._poster = Poster(settings.url, settings.key, timeout_s=settings.timeout_s)

    def post(self, posts: Sequence[Post], *, key: str, timeout_s: float) -> list[int]:
        """Post in one request, if the events are no more than that takes. Raises as `Poster` does."""
        if len(posts) == 1:
            (post,) = posts
            return [self._poster.post(post.channel, post.message, key=post.key or key, timeout_s=timeout_s)]
        return list(
            self._poster.post_many(
                posts, key=key, timeout_s=timeout_s, total_s=timeout_s, batch_events=MAX_BATCH_EVENTS
            )
        )

    def last(self, *, timeout_s: float) -> int:
        """Ask the daemon for its newest id. Raises PosterError."""
        return self._poster.last(timeout_s=timeout_s)

    def probe(self, *, timeout_s: float) -> object:
        """Ask the same: it costs the daemon nothing. Raises PosterError."""
        return self._poster.last(timeout_s=timeout_s)

    def close(self) -> None:
        """Close the connections that no thread uses just now."""
        self._poster.close()
