"""`oyez serve`: start the daemon."""

from oyez.cli import options
from oyez.cli.daemon import run_daemon


@options.take_settings
def serve(config: options.Config = None, **flags: object) -> None:
    """Start the daemon, until SIGTERM or Ctrl-C.

    A try-out with a page to play on: [bold]oyez serve --dev[/bold]

    At work: [bold]OYEZ_KEY=… oyez serve --config /etc/oyez.toml[/bold]
    """
    run_daemon(config, flags)
