"""One attack in a process of its own: ``python -m tests.siege.attacker NAME …`` says ready, and begins when told to.

Knows how a process is told and what it prints. Its processor time is not the bystanders': it gives way to all others.
"""

import json
import os
import resource
import subprocess
import sys
import time
from random import Random
from typing import Any, NamedTuple

from tests.daemon import KEY
from tests.siege.attacks import ATTACKS
from tests.siege.foe import Foe

_READY = b"ready\n"


class Command(NamedTuple):
    """What a process is told."""

    attack: str
    port: int
    source: str
    forwarded: str
    seconds: float
    niceness: int
    seed: int


class Attacker:
    """An attack's process, seen from the run."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.siege.attacker", *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # Ctrl-C is for the run; a session of its own would have its own right to the cores
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != _READY:
            raise RuntimeError(f"the attacker {command.attack} does not start")

    @property
    def address(self) -> str:
        """The address that the daemon should know it by."""
        return self.command.forwarded or self.command.source

    def begin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """Wait until it is over, and all its sockets are closed; returns what it counted."""
        assert self._process.stdout is not None
        try:
            counted = self._process.stdout.read()
            self._process.wait(30)
        finally:
            self.kill()
        return dict(json.loads(counted or "{}"))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


def main() -> None:
    attack, port, source, forwarded, seconds, niceness, seed = sys.argv[1:]
    os.nice(int(niceness))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.stdout.buffer.write(_READY)
    sys.stdout.flush()
    sys.stdin.readline()
    until = time.monotonic() + float(seconds)
    foe = Foe(int(port), source, forwarded, KEY, until, Random(int(seed)))
    try:
        ATTACKS[attack].work(foe)
    except (OSError, AssertionError, ValueError) as error:
        foe.counts[f"broke off: {error!r}"[:200]] += 1
        time.sleep(max(until - time.monotonic(), 0))
    print(json.dumps({"most open": foe.most_open, **foe.counts}), flush=True)
    os._exit(0)  # its threads and sockets end here, whatever they do


if __name__ == "__main__":
    main()
