"""Where a page begins to listen: the newest id at the moment before its data was read, or one that is safe instead.

It must not know how the page says so to the browser.
"""

from typing import Any

from oyez.django import events

_KEPT = "_oyez_position"


def take_position(request: Any) -> int:
    """Ask for the newest id and keep it with the request; later calls, and the template tag, get the same.

    Call it in a view before the page's data is read: what is posted between reading and rendering is sent to the page
    then. Without, the tag asks when it is rendered.
    """
    kept: int | None = getattr(request, _KEPT, None)
    if kept is None:
        kept = events.last(raise_errors=False)
        setattr(request, _KEPT, kept)
    return kept


async def atake_position(request: Any) -> int:
    """Do the same for asynchronous views."""
    kept: int | None = getattr(request, _KEPT, None)
    if kept is None:
        kept = await events.alast(raise_errors=False)
        setattr(request, _KEPT, kept)
    return kept
