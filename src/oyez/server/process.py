"""The process: event loop, signals, log, memory.

Knows the operating system's side of a daemon. Must not know its parts.
"""

import asyncio
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from oyez import logs
from oyez.config.load import Loaded
from oyez.config.tree import Settings
from oyez.server.daemon import Daemon
from oyez.server.ending import Ending
from oyez.server.signals import Signals
from oyez.server.watchdog import Watchdog

logger = logging.getLogger("oyez.server")

# Allocations until the collector looks at the youngest objects, and how seldom it looks at the older ones. The loop
# stands still meanwhile, most of all if what is young is garbage, such as sessions and requests that have ended: of
# 15,000 objects for 16 to 50 ms.
_GC_THRESHOLDS = (2_000, 750, 20)

# What the stop may take beyond `drain_deadline_s`: closing the store and what is left to the interpreter. With the
# default of that it comes to less than the ten seconds after which Docker kills.
_END_RESERVE_S = 4.0

# What the log may take to be written at the end.
_LAST_LINES_S = 1.0


async def _serve(
    make_daemon: Callable[[], Daemon],
    settings: Settings,
    on_ready: Callable[[str], None],
    signals: Signals,
    ending: Ending,
) -> None:
    """Run a daemon until a signal asks it to stop; one more after a moment ends it at once."""
    daemon = make_daemon()
    asked_to_stop, asked_to_reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def call(function: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is as good as ended
            loop.call_soon_threadsafe(function, *arguments)

    def stop() -> None:
        call(asked_to_stop.set)
        within_s = settings.drain_deadline_s + _END_RESERVE_S
        ending.end_within(within_s, f"the stop has not come to its end within {within_s:g} s. What is left:")

    signals.listen(
        stop=stop,
        end=lambda: os._exit(1),
        reload=lambda: call(asked_to_reload.set),
        pass_over=lambda name, why: call(logger.info, "%s is passed over: %s", name, why),
    )
    address = await daemon.start()
    # What was made until now stays: the collector need not look at it again, nor now. To look for what could go took a
    # twelfth of a start, before the first answer, and found a hundredth of what there is. Nearly all that is made from
    # now on is freed without its help, so it may look seldom.
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.freeze()
    gc.enable()  # whoever started this may have done without it until now
    watchdog = Watchdog(settings.stall_deadline_s, ending) if settings.stall_deadline_s else None
    if watchdog is not None:
        watchdog.start()
    on_ready(address)
    reloads = asyncio.create_task(_reload_when_asked(daemon, asked_to_reload))
    await asked_to_stop.wait()
    reloads.cancel()
    await daemon.stop()
    if watchdog is not None:
        watchdog.stop()


async def _reload_when_asked(daemon: Daemon, asked: asyncio.Event) -> None:
    """Have the settings read again at each wish, for ever; several that come together are one."""
    while True:
        await asked.wait()
        asked.clear()
        try:
            await daemon.reload()
        except Exception:
            logger.exception("the settings could not be read again after an error of ours")


def run(
    settings: Settings,
    on_ready: Callable[[str], None] = lambda _: None,
    warnings: Iterable[str] = (),
    read_again: Callable[[], Loaded] | None = None,
) -> NoReturn:
    """Run the daemon in this process, and end it: with exit code 0 after a signal.

    Args:
        settings: the effective tree.
        on_ready: told the address once it serves; must not wait for anybody.
        warnings: what the operator should find in the log.
        read_again: reads the settings from where these come from; None: they cannot change.

    Raises:
        ConfigError: a setting cannot be had on this machine, such as an address that is taken.
    """
    signals = Signals()
    log = logs.set_up(settings.log_level, settings.log_format)
    for warning in warnings:
        logger.warning("%s", warning)
    ending = Ending(log.finish_with)

    def make_daemon() -> Daemon:
        return Daemon(settings, lambda: log.lines_dropped, read_again)

    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - there is none for Windows

        loop_factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_serve(make_daemon, settings, on_ready, signals, ending))
            log.finish(_LAST_LINES_S)
            # All is closed that has to be. The interpreter would wait for whatever else is under way, such as a look-up
            # of a name server that does not answer.
            os._exit(0)
    finally:  # it could not start, and says why to whoever reads that
        ending.end_silently_within(_END_RESERVE_S)
        log.finish(_LAST_LINES_S)
