"""`oyez serve`: start the daemon."""

import os
import sys

import typer

from oyez.cli import options
from oyez.config.load import load_with_sources
from oyez.outlet import Outlet, descriptor_of


def serve(
    context: typer.Context,
    *,
    config: options.Config = None,
    host: options.Host = None,
    port: options.Port = None,
    uds: options.Uds = None,
    key: options.Key = None,
    key_file: options.KeyFile = None,
    broker: options.Broker = None,
    dev: options.Dev = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
) -> None:
    """Start the daemon, until SIGTERM or Ctrl-C.

    A try-out with a page to play on: [bold]oyez serve --dev[/bold]

    At work: [bold]OYEZ_KEY=… oyez serve --config /etc/oyez.toml[/bold]
    """
    from oyez.server import run  # noqa: PLC0415 - the server's libraries must not slow `oyez post` down

    settings, _, warnings = load_with_sources(config, os.environ, options.read_flags(context))

    def on_ready(address: str) -> None:
        if settings.dev:
            from oyez.cli import banner  # noqa: PLC0415 - a daemon at work needs no colours

            encoding = getattr(sys.stdout, "encoding", "utf-8")
            text = banner.render(settings, address).encode(encoding, "backslashreplace")
            Outlet(descriptor_of(sys.stdout), "oyez-banner").put(text)

    run(settings, on_ready, warnings)
