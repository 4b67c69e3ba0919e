"""Post events from a site: `events.post(channel, message)` and its kin.

They return ids, QUEUED for what waits because the daemon is away, or 0 on failure; they raise nothing, and none takes
longer than about a second; but for `revoke`, which raises and may take longer. This file must not know where events go.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from django.db import transaction

from oyez.client import Post, Postable, PosterError
from oyez.client import grant as make_grant
from oyez.client.events import check_channel, new_key
from oyez.django import wiring
from oyez.django.queue import QUEUED
from oyez.django.revoking import revoke_grants
from oyez.django.secret_names import make_secret_name
from oyez.django.site import is_used, read_settings
from oyez.errors import ConfigError

__all__ = [
    "QUEUED", "alast", "apost", "apost_many", "apublish", "arevoke", "flush", "grant", "last",
    "post", "post_many", "post_on_commit", "publish", "revoke", "secret_channel",
]  # fmt: skip

_THREADS = 8

_threads: tuple[int, ThreadPoolExecutor] | None = None  # with the process they belong to

Result = TypeVar("Result")


def __getattr__(name: str) -> bool:
    """Return `real`: True if the site uses events (EVENT_DAEMON_USE)."""
    if name == "real":
        return is_used()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def post(channel: str, message: object, *, key: str = "", raise_errors: bool | None = None) -> int:
    """Post any JSON value to a channel; return the id of the event, QUEUED if it waits, or 0 on failure.

    With a key (a text of its own for each event) to call again within five minutes posts nothing twice.
    """
    (event_id,) = _post([Post(channel, message, key)], raise_errors=raise_errors)
    return event_id


def post_many(events: Iterable[Postable], *, raise_errors: bool | None = None) -> list[int]:
    """Post many events in few requests: `(channel, message)` or `(channel, message, key)` each.

    Return what `post` returns, for each in their order. Up to 10,000 events are all posted, or none.
    """
    return _post(list(events), raise_errors=raise_errors)


def publish(channels: Iterable[str], message: object, *, raise_errors: bool | None = None) -> list[int]:
    """Post the same message to several channels; return what `post` returns, for each in their order."""
    if isinstance(channels, str):
        channels = [channels]
    return _post([Post(channel, message) for channel in channels], raise_errors=raise_errors)


def post_on_commit(channel: str, message: object, *, using: str | None = None) -> None:
    """Post when the database's transaction is committed, at once if there is none, and never if it is rolled back."""
    transaction.on_commit(partial(post, channel, message, raise_errors=False), using=using, robust=True)


def last(*, raise_errors: bool | None = None) -> int:
    """Return where a page that is rendered now begins to listen: the newest id that was given.

    When the daemon cannot be asked, it is an older one, behind which such a page misses nothing as well. It is 0 only
    if the site uses no events.
    """
    return _last(None, raise_errors=raise_errors)


def flush(timeout_s: float = 2.0) -> bool:
    """Wait until the queue is empty; False if that takes longer. Without a queue there is nothing to wait for."""
    try:
        queue = wiring.current().queue
    except ConfigError:  # which the calls that would have filled it have told
        return True
    return queue is None or queue.flush(timeout_s)


def grant(channel: str, subject: object = "", *, raise_errors: bool | None = None) -> str:
    """Return the name by which a page may follow a channel that needs a grant; nobody is asked, the key is enough.

    On failure it is the channel as it is, by which the daemon lets nobody in where a grant is needed.
    """
    if not is_used():
        return channel
    try:
        return make_grant(channel, subject, key=read_settings().key)
    except Exception as error:  # noqa: BLE001 - no page may fail because an event does
        _complain(error, 0, raise_errors=raise_errors)
        return channel


def revoke(subject: object = "", channel: str = "") -> int:
    """End the grants that were made until now for a subject, for a channel, or for both, before their time.

    It takes up to a second, and 5 s at most (or EVENT_DAEMON_TIMEOUT, if that is longer). A grant that is made after it
    is good. Returns how many channels pages lose by it. Unlike a post it raises what goes wrong: a caller who was not
    told would take grants for ended that are good for hours.

    Raises ConfigError if no setting says where the daemon is, PosterError, and ValueError or TypeError if neither is
    named, or a subject that is None.
    """
    return revoke_grants(wiring.current_settings(), subject, channel)


def secret_channel(*parts: object) -> str:
    """Return a channel's name that nobody can guess, the same for the same parts: `user_42_Zk3vQ…`."""
    return make_secret_name(parts)


async def apost(channel: str, message: object, *, key: str = "", raise_errors: bool | None = None) -> int:
    """Post from asynchronous code, as `post` does."""
    (event_id,) = await _apost([Post(channel, message, key)], raise_errors=raise_errors)
    return event_id


async def apost_many(events: Iterable[Postable], *, raise_errors: bool | None = None) -> list[int]:
    """Post many events from asynchronous code, as `post_many` does."""
    return await _apost(list(events), raise_errors=raise_errors)


async def apublish(channels: Iterable[str], message: object, *, raise_errors: bool | None = None) -> list[int]:
    """Post to several channels from asynchronous code, as `publish` does."""
    names = [channels] if isinstance(channels, str) else channels
    return await _apost([Post(channel, message) for channel in names], raise_errors=raise_errors)


async def alast(*, raise_errors: bool | None = None) -> int:
    """Return the newest id to asynchronous code, as `last` does."""
    return await _in_thread(lambda left_s: _last(left_s, raise_errors=raise_errors))


async def arevoke(subject: object = "", channel: str = "") -> int:
    """End grants from asynchronous code, as `revoke` does, in a thread of the loop's own."""
    return await asyncio.to_thread(revoke, subject, channel)


def _post(posts: Sequence[Postable], *, raise_errors: bool | None, timeout_s: float | None = None) -> list[int]:
    try:
        return wiring.current().post([_check_post(post) for post in posts], timeout_s=timeout_s)
    except Exception as error:  # noqa: BLE001 - no page may fail because an event does
        ids = error.ids if isinstance(error, PosterError) else ()
        _complain(error, len(posts) - len(ids), raise_errors=raise_errors)
        return [*ids, *[0] * (len(posts) - len(ids))]


def _last(timeout_s: float | None, *, raise_errors: bool | None) -> int:
    try:
        return wiring.current().sender.last(timeout_s=timeout_s)
    except Exception as error:  # noqa: BLE001 - as above
        _complain(error, 0, raise_errors=raise_errors)
        return wiring.position()


def _check_post(item: Postable) -> Post:
    post = Post(*item)
    check_channel(post.channel)
    if not isinstance(post.key, str):
        raise TypeError("the key must be a string")
    return post if post.key else post._replace(key=new_key())  # it may be tried more than once, and is to come once


def _complain(error: Exception, lost: int, *, raise_errors: bool | None) -> None:
    """Raise the error that is being handled, if its caller wants to have it; else let the log have it."""
    if isinstance(error, RecursionError):  # by whichever backend wrote it as JSON
        error = ValueError("the message is nested too deeply")
    if raise_errors or (raise_errors is None and wiring.raises_errors()):
        raise error
    wiring.losses().add(lost, error)


async def _apost(posts: Sequence[Postable], *, raise_errors: bool | None) -> list[int]:
    return await _in_thread(lambda left_s: _post(posts, raise_errors=raise_errors, timeout_s=left_s))


async def _in_thread(call: Callable[[float], Result]) -> Result:
    """Make a call in a thread, with what is left of its time when one is free."""
    deadline = time.monotonic() + wiring.time_limit()

    return await asyncio.get_running_loop().run_in_executor(_executor(), lambda: call(deadline - time.monotonic()))


def _executor() -> ThreadPoolExecutor:
    """Return this process's threads: a forked child has none of its parent's."""
    global _threads  # noqa: PLW0603 - made when they are first needed
    process = os.getpid()
    if _threads is None or _threads[0] != process:
        _threads = process, ThreadPoolExecutor(_THREADS, thread_name_prefix="oyez-django")
    return _threads[1]
