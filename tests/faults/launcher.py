"""Starts ``oyez`` with a wall clock and a boot that the harness sets: ``launcher.py CLOCK BOOT serve …``.

Knows two places where the daemon asks its system. Everything else is the daemon as it is.
"""

import mmap
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

CLOCK_BYTES = 8


def shift_clock(path: Path) -> None:
    """Add what a file says to the time of day; it may change at any moment, as clocks that are set do."""
    with path.open("rb") as file:
        offset = mmap.mmap(file.fileno(), CLOCK_BYTES, access=mmap.ACCESS_READ)
    true_time: Callable[[], float] = time.time
    time.time = lambda: true_time() + struct.unpack("d", offset[:CLOCK_BYTES])[0]


def pretend_boot(boot: str) -> None:
    """Let the SQLite broker believe that the machine was started anew whenever this text changes."""
    import oyez.brokers.sqlite.place as place  # noqa: PLC0415 - after the clock was set

    place.boot_id = lambda: boot


if __name__ == "__main__":
    shift_clock(Path(sys.argv[1]))
    pretend_boot(sys.argv[2])
    from oyez.cli import main

    sys.argv = ["oyez", *sys.argv[3:]]
    main()
