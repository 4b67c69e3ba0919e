"""`make example`: starts daemon, site and bridge, starts the daemon again when it dies, and ends all with Ctrl-C."""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from threading import Event

HERE = Path(__file__).parent
PATIENCE_S = 20


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1", help="where to listen, and where browsers find it")
    parser.add_argument("--site-port", type=int, default=8000)
    parser.add_argument("--daemon-port", type=int, default=15100)
    parser.add_argument("--busy", type=float, default=20, help="submissions of simulated people in a minute; 0: none")
    parser.add_argument("--pause", type=float, default=5, help="seconds before a daemon that died is started again")
    parser.add_argument("--state", type=Path, default=HERE / "var", help="folder for the databases and logs")
    return parser.parse_args()


class Example:
    """Three processes and the folder that they keep their things in."""

    def __init__(self, options):
        self.options = options
        self.daemon_url = f"http://{options.address}:{options.daemon_port}"
        self.site_url = f"http://{options.address}:{options.site_port}"
        self.stopping = Event()
        self.starts = 0
        self.daemon = self.site = self.bridge = None
        options.state.mkdir(parents=True, exist_ok=True)
        self.env = os.environ | {
            "EXAMPLE_STATE": str(options.state),
            "EVENT_DAEMON_URL": self.daemon_url,
            "EVENT_DAEMON_KEY": secrets.token_urlsafe(16),
        }

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stopping.set())
        try:
            self.start_all()
            return self.watch()
        finally:
            # The bridge finishes what it judges; the daemon goes last, so that it hears of that.
            self.end(self.bridge, signal.SIGTERM)
            self.end(self.site, signal.SIGINT)
            self.end(self.daemon, signal.SIGTERM)

    def start_all(self):
        if self.manage("prepare").wait():
            raise SystemExit("The database could not be made.")
        self.start_daemon()
        address = f"{self.options.address}:{self.options.site_port}"
        self.site = self.manage("runserver", "--noreload", "--insecure", address, log="site.log")
        self.bridge = self.manage("bridge", f"--busy={self.options.busy:g}", log="bridge.log")
        self.await_answer(self.site, f"{self.site_url}/daemon/")
        say(f"Site    {self.site_url}/", f"Daemon  {self.daemon_url}/", f"Logs    {self.options.state}", "")
        self.tell_how_to_kill()
        say("Stop with Ctrl-C.", "")

    def watch(self):
        """Start the daemon again whenever it dies, until it is time to stop."""
        while not self.stopping.wait(0.1):
            for name, process in (("site", self.site), ("bridge", self.bridge)):
                if process.poll() is not None:
                    say(f"The {name} ended: see {self.options.state / name}.log")
                    return 1
            if self.daemon.poll() is not None:
                say(f"The daemon died. It is started again in {self.options.pause:g} s; watch the pages.")
                if not self.stopping.wait(self.options.pause):
                    self.start_daemon()
                    self.tell_how_to_kill()
        return 0

    def start_daemon(self):
        options = self.options
        self.daemon = self.start(
            "-m", "oyez", "serve", "--dev", f"--host={options.address}", f"--port={options.daemon_port}",
            f"--key={self.env['EVENT_DAEMON_KEY']}", f"--broker=sqlite://{options.state.resolve()}/events.sqlite3",
            log="daemon.log",
        )  # fmt: skip
        self.await_answer(self.daemon, f"{self.daemon_url}/healthz")
        self.starts += 1
        known = {"pid": self.daemon.pid, "starts": self.starts, "pause_s": options.pause}
        (options.state / "daemon.json").write_text(json.dumps(known), "utf-8")

    def tell_how_to_kill(self):
        say(f"The daemon runs. To see the pages come through its death:  kill -9 {self.daemon.pid}")

    def await_answer(self, process, url):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(url, timeout=5):
                if process.poll() is None:
                    return
            time.sleep(0.1)
        raise SystemExit(f"No answer at {url}: see the logs in {self.options.state}")

    def manage(self, *arguments, log=None):
        return self.start(str(HERE / "manage.py"), *arguments, log=log)

    def start(self, *arguments, log=None):
        """Start Python, in a session of its own: a Ctrl-C is for this process only, which ends the others in order."""
        with open(self.options.state / log if log else os.devnull, "a", encoding="utf-8") as output:
            return subprocess.Popen(
                [sys.executable, *arguments],
                env=self.env, stdout=output, stderr=output if log else None, start_new_session=True,
            )  # fmt: skip

    def end(self, process, number):
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()


def say(*lines):
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(Example(read_arguments()).run())
