"""The programs of the example: how each is started, waited for and ended, and what it said last.

Knows processes, logs and ports. Must not know what the programs do.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

PATIENCE_S = 20
NEIGHBOURS = 50  # ports beside one that is taken, to find one to recommend

# What is on this computer is asked directly, whatever proxy the environment names.
_ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class CannotStartError(Exception):
    """A program ended before it did anything, or a port cannot be had; its text says why, and what helps."""


class StoppedError(Exception):
    """Somebody asked the example to end."""


class Stop:
    """How often somebody has asked the example to end. A signal's handler may call it: it takes no lock."""

    def __init__(self):
        self.asked = 0

    def ask(self, *_):
        self.asked += 1

    def wait(self, seconds):
        """Wait for so long; raises `StoppedError` as soon as somebody asks."""
        deadline = time.monotonic() + seconds
        while not self.asked and (left_s := deadline - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.1))
        if self.asked:
            raise StoppedError


class Program:
    """A process with a log of its own. Its session is its own too: a Ctrl-C is for whoever started it."""

    def __init__(self, name, arguments, env, log):
        self.name = name
        self.log = log
        self.started = time.monotonic()
        self._answered = None
        with open(log, "ab") as output:
            self._log_begins = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, *arguments], env=env, stdout=output, stderr=output, start_new_session=True
            )
        self.pid = self._process.pid

    @property
    def exit_code(self):
        """The code that it ended with; None while it runs."""
        return self._process.poll()

    def has_worked(self, seconds):
        """Return whether it answered so long ago."""
        return self._answered is not None and time.monotonic() - self._answered >= seconds

    def await_answer(self, url, stop):
        """Wait until it answers; raises `CannotStartError` if it ends instead."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self.exit_code is not None:
                raise CannotStartError(self.obituary())
            with suppress(OSError), _ask(url, timeout=5):
                if self.exit_code is None:
                    self._answered = time.monotonic()
                    return
            stop.wait(0.1)
        raise CannotStartError(f"The {self.name} runs, but does not answer at {url}. Its log: {self.log}")

    def await_end(self, stop):
        """Wait until it has done its work; raises `CannotStartError` if it failed."""
        while self.exit_code is None:
            stop.wait(0.05)
        if self.exit_code:
            raise CannotStartError(self.obituary())

    def obituary(self):
        """Return why it ended: its last line, and what helps."""
        last = self.last_line()
        code = self.exit_code
        ended = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        lines = [f"The {self.name} ended {ended}: {last or 'it said nothing.'}"]
        if "No module named" in last:
            lines.append(f"{sys.executable} lacks a package. `make example` installs all that is needed.")
        return "\n".join([*lines, f"Its log: {self.log}"])

    def last_line(self):
        """Return the last line that it wrote, without what a terminal would obey."""
        with open(self.log, encoding="utf-8", errors="replace") as lines:
            lines.seek(self._log_begins)
            written = [line.strip() for line in lines if line.strip()]
        return "".join(each if each.isprintable() else "?" for each in written[-1]) if written else ""

    def end(self, stop):
        """Ask it to end, and wait for that; kill it when it takes too long, or when somebody asks once more."""
        self._process.terminate()
        deadline = time.monotonic() + PATIENCE_S
        while self.exit_code is None and stop.asked < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        self._process.kill()
        self._process.wait()


def check_ports(address, ports):
    """Require that all ports can be had: `ports` are numbers by the variables of make that set them."""
    held = []
    try:
        for variable, port in ports.items():
            held.append(_listen(address, port, variable, set(ports.values())))
    finally:
        for listener in held:
            listener.close()


def _listen(address, port, variable, wanted):
    try:
        return _open(address, port)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
            raise CannotStartError(
                f"{address} is no address of this computer: {os.strerror(errno.EADDRNOTAVAIL)}."
            ) from error
        if error.errno != errno.EADDRINUSE:
            raise CannotStartError(f"Port {port} of {address} cannot be had: {error.strerror}.") from error
        return _recommend_another(address, port, variable, wanted)


def _recommend_another(address, port, variable, wanted):
    by = ", perhaps by `make run`" if variable == "DAEMON_PORT" else ""
    cure = f"Stop what listens there, or take another port: make example {variable}=…"
    for other in sorted(set(range(port + 1, min(port + NEIGHBOURS, 65535) + 1)) - wanted):
        with suppress(OSError), _open(address, other):
            cure = cure.replace("…", str(other))
            break
    raise CannotStartError(f"Port {port} of {address} is taken{by}.\n{cure}")


def _open(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)
