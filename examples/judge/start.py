"""`make example`: starts daemon, site and bridge, starts the daemon again when it dies, and ends all with Ctrl-C."""

import argparse
import json
import os
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from programs import CannotStartError, Program, Stop, StoppedError, check_ports

HERE = Path(__file__).parent
# A daemon that dies so soon after its start, so often in a row, is not started again.
SOON_S = 5
OFTEN = 3


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1", help="where to listen, and where browsers find it")
    parser.add_argument("--site-port", type=port, default=8000)
    parser.add_argument("--daemon-port", type=port, default=15100)
    parser.add_argument("--busy", type=amount, default=20, help="submissions of simulated people in a minute; 0: none")
    parser.add_argument("--pause", type=amount, default=5, help="seconds before a daemon that died is started again")
    parser.add_argument("--state", type=Path, default=HERE / "var", help="folder for the databases and logs")
    options = parser.parse_args()
    if options.site_port == options.daemon_port:
        parser.error(f"site and daemon cannot share the port {options.site_port}: set SITE_PORT or DAEMON_PORT")
    return options


def port(text):
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"expected a port, 1 to 65535, not {text!r}")
    return int(text)


def amount(text):
    with suppress(ValueError):
        if 0 <= float(text) <= 1_000_000:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number, 0 to 1000000, not {text!r}")


class Example:
    """Three programs and the folder that they keep their things in."""

    def __init__(self, options):
        self.options = options
        self.state = options.state.resolve()
        host = f"[{options.address}]" if ":" in options.address else options.address
        self.site_place = f"{host}:{options.site_port}"
        self.site_url = f"http://{self.site_place}"
        self.daemon_url = f"http://{host}:{options.daemon_port}"
        self.stop = Stop()
        self.starts = self.soon_dead = 0
        self.daemon = None
        self.running = []  # in the order of their start
        # Not what the terminal says of another site or daemon.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OYEZ_", "EVENT_DAEMON_"))}
        self.env = kept | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "EXAMPLE_STATE": str(self.state),
            "EVENT_DAEMON_URL": self.daemon_url,
            "EVENT_DAEMON_KEY": secrets.token_urlsafe(16),
        }

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.stop.ask)
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            self.start_all()
            self.watch()
        except StoppedError:
            return 0
        except CannotStartError as reason:
            return complain(str(reason))
        except OSError as error:
            return complain(f"{self.state} cannot be used: {error.strerror}")
        finally:
            # The bridge, which was started last, finishes what it judges; the daemon ends last, and hears of that.
            for program in sorted(self.running, key=lambda program: (program is self.daemon, -program.started)):
                program.end(self.stop)

    def start_all(self):
        options = self.options
        check_ports(options.address, {"DAEMON_PORT": options.daemon_port, "SITE_PORT": options.site_port})
        database = self.manage("database", "prepare")
        database.await_end(self.stop)
        self.running.remove(database)
        self.start_daemon()
        site = self.manage("site", "runserver", "--noreload", "--insecure", self.site_place)
        self.manage("bridge", "bridge", f"--busy={options.busy:g}")
        site.await_answer(f"{self.site_url}/daemon/", self.stop)
        say(f"Site    {self.site_url}/", f"Daemon  {self.daemon_url}/", f"Logs    {self.state}", "")
        self.tell_how_to_kill()
        say("Stop with Ctrl-C.", "")

    def watch(self):
        """Start the daemon again whenever it dies; ends by `StoppedError` or `CannotStartError`."""
        while True:
            self.stop.wait(0.1)
            for program in self.running:
                if program.exit_code is not None and program is not self.daemon:
                    raise CannotStartError(program.obituary())
            if self.daemon.exit_code is not None:
                self.revive_daemon()

    def revive_daemon(self):
        self.soon_dead = 0 if self.daemon.has_worked(SOON_S) else self.soon_dead + 1
        if self.soon_dead >= OFTEN:
            raise CannotStartError(f"{self.daemon.obituary()}\nIt died {OFTEN} times right after its start.")
        say(f"The daemon died. It is started again in {self.options.pause:g} s; watch the pages.")
        self.stop.wait(self.options.pause)
        try:
            self.start_daemon()
            self.tell_how_to_kill()
        except CannotStartError:
            if self.daemon.exit_code is None:
                raise  # it hangs; one that ended is tried again

    def start_daemon(self):
        options = self.options
        if self.daemon:
            self.running.remove(self.daemon)
        store = f"sqlite://{quote(str(self.state))}/events.sqlite3"
        self.daemon = self.start(
            "daemon",
            "-m", "oyez", "serve", "--dev", f"--host={options.address}", f"--port={options.daemon_port}",
            f"--key={self.env['EVENT_DAEMON_KEY']}", f"--broker={store}",
        )  # fmt: skip
        self.daemon.await_answer(f"{self.daemon_url}/healthz", self.stop)
        self.starts += 1
        known = {"pid": self.daemon.pid, "restarts": self.starts - 1, "pause_s": options.pause}
        (self.state / "daemon.json").write_text(json.dumps(known), "utf-8")

    def tell_how_to_kill(self):
        say(f"The daemon runs. To see the pages come through its death:  kill -9 {self.daemon.pid}")

    def manage(self, name, *arguments):
        return self.start(name, str(HERE / "manage.py"), *arguments)

    def start(self, name, *arguments):
        program = Program(name, arguments, self.env, self.state / f"{name}.log")
        self.running.append(program)
        return program


def say(*lines, to=sys.stdout):
    with suppress(OSError):  # the terminal is gone
        print(*lines, sep="\n", file=to, flush=True)


def complain(text):
    """Say why the example ends; returns its exit code."""
    say(text, to=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(Example(read_arguments()).run())
