"""The `oyez` command: one file per subcommand, and here what becomes of their errors."""

import gc
import signal
import sys

from oyez.cli import output
from oyez.cli.exits import ExitCode, exit_code_of, explain
from oyez.errors import OyezError


def main() -> None:
    """Run the command line; ends the process with one of the documented exit codes."""
    output.set_up()
    try:
        if sys.argv[1:2] == ["serve"]:
            hold_back_signals()
            gc.disable()  # until it serves: what is loaded stays, and to look through it took a tenth of a start
            from oyez.cli import plain_serve  # noqa: PLC0415 - only a daemon needs its settings

            plain_serve.serve_if_plain(sys.argv[2:])
        from oyez.cli.app import run_app  # noqa: PLC0415 - it and its library took a fifth of a daemon's start

        run_app(sys.argv[1:])
    except KeyboardInterrupt:  # while it was put together; later the library sees to it
        sys.exit(ExitCode.INTERRUPTED)
    except OyezError as error:
        output.complain(explain(error))
        sys.exit(exit_code_of(error))


def hold_back_signals() -> None:
    """Let signals wait that mean something to a daemon, and would end one that is only starting.

    `server.signals` hears them, as soon as it is loaded. Those that are ignored stay so (`nohup`).
    """
    if sys.platform != "win32":
        asked_for = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
        signal.pthread_sigmask(
            signal.SIG_BLOCK, {number for number in asked_for if signal.getsignal(number) is not signal.SIG_IGN}
        )
