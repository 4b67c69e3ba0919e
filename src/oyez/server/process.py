"""The process: event loop, signals, memory.

Knows the operating system's side of a daemon. Must not know its parts.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

from oyez import logs
from oyez.server.daemon import Daemon
from oyez.server.watchdog import Watchdog
from oyez.settings import Settings

logger = logging.getLogger("oyez.server")

# Allocations until the collector looks at the youngest objects, and how seldom it looks at the older ones.
_GC_THRESHOLDS = (200_000, 20, 20)

# A signal to a whole group of processes comes twice, once of them by way of make or a shell.
_SAME_REQUEST_S = 1.0


async def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Run a daemon until SIGTERM or SIGINT; one more signal after a moment ends it at once."""
    daemon = Daemon(settings)
    asked_to_stop = asyncio.Event()
    asked_at = 0.0
    loop = asyncio.get_running_loop()

    def stop() -> None:
        nonlocal asked_at
        now = time.monotonic()
        if asked_to_stop.is_set() and now - asked_at > _SAME_REQUEST_S:
            os._exit(1)
        asked_at = asked_at or now
        asked_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    address = await daemon.start()
    # What was made until now stays: the collector need not look at it again. Nearly all that is made from now on is
    # freed without its help, so it may look seldom.
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.collect()
    gc.freeze()
    watchdog = Watchdog(settings.stall_deadline_s) if settings.stall_deadline_s else None
    if watchdog is not None:
        watchdog.start()
    on_ready(address)
    await asked_to_stop.wait()
    await daemon.stop()
    if watchdog is not None:
        watchdog.stop()


def run(settings: Settings, on_ready: Callable[[str], None] = lambda _: None, warnings: Iterable[str] = ()) -> int:
    """Run the daemon in this process.

    Args:
        settings: the effective tree.
        on_ready: told the address once it serves.
        warnings: what the operator should find in the log.

    Returns:
        The exit code: 0 after a signal.

    Raises:
        ConfigError: a setting cannot be had on this machine, such as an address that is taken.
    """
    logs.set_up(settings.log_level, settings.log_format)
    for warning in warnings:
        logger.warning("%s", warning)
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - there is none for Windows

        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(serve(settings, on_ready))
    return 0
