"""The daemon as `oyez serve` runs it, however its options were read.

Knows settings and the banner. Must not know the command line.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from oyez.config.load import load_with_sources, read_again
from oyez.outlet import Outlet, descriptor_of


def run_daemon(config: Path | None, flags: Mapping[str, object]) -> NoReturn:
    """Run the daemon in this process, and end that.

    Args:
        config: the settings file.
        flags: settings by name; None: not given.

    Raises:
        ConfigError: a setting is wrong, or cannot be had on this machine.
    """
    from oyez.server import run  # noqa: PLC0415 - a wrong setting is told before the server's libraries are loaded

    first = load_with_sources(config, os.environ, flags)
    settings = first.settings

    def on_ready(address: str) -> None:
        if settings.dev:
            from oyez.cli import banner  # noqa: PLC0415 - a daemon at work needs no colours

            encoding = getattr(sys.stdout, "encoding", "utf-8")
            text = banner.render(settings, address).encode(encoding, "backslashreplace")
            Outlet(descriptor_of(sys.stdout), "oyez-banner").put(text)

    run(settings, on_ready, first.warnings, lambda: read_again(first, config, os.environ, flags))
