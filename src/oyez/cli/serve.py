"""`oyez serve`: start the daemon."""

import os
import sys

from oyez.cli import options
from oyez.config.load import load_with_sources
from oyez.outlet import Outlet, descriptor_of


@options.take_settings
def serve(config: options.Config = None, **flags: object) -> None:
    """Start the daemon, until SIGTERM or Ctrl-C.

    A try-out with a page to play on: [bold]oyez serve --dev[/bold]

    At work: [bold]OYEZ_KEY=… oyez serve --config /etc/oyez.toml[/bold]
    """
    from oyez.server import run  # noqa: PLC0415 - the server's libraries must not slow `oyez post` down

    settings, _, warnings = load_with_sources(config, os.environ, flags)

    def on_ready(address: str) -> None:
        if settings.dev:
            from oyez.cli import banner  # noqa: PLC0415 - a daemon at work needs no colours

            encoding = getattr(sys.stdout, "encoding", "utf-8")
            text = banner.render(settings, address).encode(encoding, "backslashreplace")
            Outlet(descriptor_of(sys.stdout), "oyez-banner").put(text)

    run(settings, on_ready, warnings)
