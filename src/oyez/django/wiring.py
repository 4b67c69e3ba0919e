"""The sender and the queue that this process uses, made from the settings at the first call.

It must not know what is posted. They are made anew after a fork, and when a test changes the settings.
"""

import logging
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from oyez.client import Post
from oyez.django.backends import Backend
from oyez.django.endings import call_at_end, call_at_end_of_children
from oyez.django.losses import Losses
from oyez.django.queue import DRAIN_S, Queue
from oyez.django.sender import Sender, clock_position
from oyez.django.site import BACKENDS, SiteSettings, read_settings
from oyez.errors import ConfigError, OyezError
from oyez.site_settings import BACKEND, PREFIX

logger = logging.getLogger("oyez.django")


@dataclass(frozen=True, slots=True)
class Wiring:
    """What belongs together; `queue` is None where events do not wait."""

    settings: SiteSettings
    sender: Sender
    losses: Losses
    queue: Queue | None = None

    def post(self, posts: Sequence[Post], *, timeout_s: float | None) -> list[int]:
        """Post events, or let them wait. Raises what the backend raises, and QueueFull."""
        poster = self.sender if self.queue is None else self.queue
        return poster.post(posts, timeout_s=timeout_s)

    def close(self) -> None:
        """Post what waits, and close connections."""
        if self.queue is not None:
            self.queue.close()
        self.sender.close()


@dataclass
class _Process:
    """The wiring of this process, what tests put in its place, the process that made it, and how long its end takes."""

    drain_s: float = DRAIN_S
    id: int = field(default_factory=os.getpid)
    lock: threading.RLock = field(default_factory=threading.RLock)
    wiring: Wiring | None = None
    replacements: list[Wiring] = field(default_factory=list)
    losses: Losses = field(default_factory=Losses)  # they outlive changes of the settings
    is_end_noted: bool = False


_process = _Process()


def current() -> Wiring:
    """Return what calls go through now. Raises ConfigError for settings that cannot be used."""
    if _process.id != os.getpid():  # forked by a server that does not tell Python, as uWSGI may
        _forget_parent()
    if _process.replacements:
        return _process.replacements[-1]
    wiring = _process.wiring
    if wiring is None:
        with _process.lock:
            wiring = _process.wiring = _process.wiring or _build(read_settings())
    return wiring


def current_settings() -> SiteSettings:
    """Return the settings of what calls go through now, whether or not they can be used."""
    return _process.replacements[-1].settings if _process.replacements else read_settings()


def drain_for(seconds: float) -> None:
    """Set how long what waits may take when the process ends, for queues that are made from now on."""
    _process.drain_s = seconds


def losses() -> Losses:
    """Return where lost events are counted."""
    return _process.losses


def raises_errors() -> bool:
    """Return whether calls that do not say otherwise raise what went wrong."""
    try:
        return current().settings.raise_errors
    except OyezError:
        return read_settings().raise_errors


def position() -> int:
    """Return where a page that is rendered now may begin to listen, if nobody can be asked."""
    try:
        return current().sender.position()
    except OyezError:
        return clock_position()


def time_limit() -> float:
    """Return how long a call may take, in seconds."""
    try:
        return current().sender.timeout_s
    except OyezError:
        return read_settings().timeout_s


@contextmanager
def replaced(backend: Backend) -> Iterator[None]:
    """Let all calls go to a backend at once, whatever the settings say; what goes wrong is raised."""
    settings = SiteSettings(backend="", raise_errors=True)
    sender = Sender(backend, timeout_s=settings.timeout_s, has_threads=has_threads())
    wiring = Wiring(settings, sender, _process.losses)
    _process.replacements.append(wiring)
    try:
        yield
    finally:
        _process.replacements.remove(wiring)


def has_threads() -> bool:
    """Return whether threads run by themselves: in uWSGI only if its options say so."""
    options = getattr(sys.modules.get("uwsgi"), "opt", None)
    if not isinstance(options, dict):
        return True
    named = {name if isinstance(name, bytes) else str(name).encode() for name in options}
    return bool(named & {b"enable-threads", b"threads", b"gevent", b"asyncio"})


def build_backend(settings: SiteSettings) -> Backend:
    """Make what the settings name. Raises ConfigError."""
    try:
        backend: Backend = import_string(settings.backend)(settings)
    except OyezError:
        raise
    except Exception as error:
        wanted = f"http, amqp, memory, none or a class that can be made ({type(error).__name__}: {error})"
        raise ConfigError(BACKEND, settings.backend, wanted) from error
    return backend


def _build(settings: SiteSettings) -> Wiring:
    threads = has_threads()
    sender = Sender(build_backend(settings), timeout_s=settings.timeout_s, has_threads=threads)
    queue = Queue(sender, _process.losses, settings.queue, _process.drain_s) if settings.queue and threads else None
    if settings.queue and not threads and settings.backend != BACKENDS["none"]:
        logger.warning("no event waits while the daemon is away: uWSGI runs no threads without enable-threads")
    if not _process.is_end_noted:
        _process.is_end_noted = True
        call_at_end_of_children(_end)
    return Wiring(settings, sender, _process.losses, queue)


def _forget_parent() -> None:
    """Begin anew in a forked process: threads, locks and sockets are the parent's."""
    global _process  # noqa: PLW0603 - one object for each process
    _process = _Process(_process.drain_s)


def _follow_settings(*, setting: str, **_: object) -> None:
    if setting.startswith(PREFIX):
        with _process.lock:
            wiring, _process.wiring = _process.wiring, None
        if wiring is not None:
            wiring.close()


def _end() -> None:
    """Post what waits, and log what was lost since the last line about it."""
    if _process.id != os.getpid():
        return
    wiring = _process.wiring
    if wiring is not None and wiring.queue is not None:
        wiring.queue.close()
    _process.losses.log_rest()


call_at_end(_end)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_parent)
setting_changed.connect(_follow_settings, dispatch_uid="oyez")
