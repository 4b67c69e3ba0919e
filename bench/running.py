"""Run one server on a core of its own, and the load generator on the other.

Knows processes. Must not know which servers there are, or what is wanted of them.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.servers import KEY, Options, Server

SERVER_CORE, LOAD_CORE = (sorted(os.sched_getaffinity(0)) * 2)[:2]
STARTING_S = 30.0
LOADING_S = 300.0


class RunFailedError(Exception):
    """A server did not start, or not everything was delivered."""


@dataclass(frozen=True)
class Running:
    """A server that accepts connections."""

    port: int
    post_port: int
    pid: int
    start_s: float


@contextmanager
def running(server: Server, folder: Path) -> Iterator[Running]:
    """Run a server out of the folder that has what was built for it."""
    for last in (False, False, True):  # another program may take a port before the server does
        port, post_port = _free_port(), _free_port()
        began = time.monotonic()
        process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *server.command(folder, port, post_port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            if _wait_for(port, process):
                yield Running(port, post_port, process.pid, time.monotonic() - began)
                return
            if last:
                raise RunFailedError("it did not start")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> bool:
    """Wait until it accepts connections; returns False if it ends before that, or takes too long."""
    deadline = time.monotonic() + STARTING_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.002)
        else:
            return True
    return False


def put_load_on(server: Server, target: Running, options: Options, load: Path, lighter: int = 1) -> dict[str, float]:
    """Run the generator against a server, with posts divided by `lighter`; returns what it prints (load.c)."""
    command = ["taskset", "-c", str(LOAD_CORE), str(load), "--port", str(target.port), "--pid", str(target.pid)]
    command += ["--key", KEY, *_made_for(server, target, options, lighter)]
    try:
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LOADING_S)
    except subprocess.TimeoutExpired as error:
        raise RunFailedError(f"it was not done within {LOADING_S:g} s") from error
    if ended.returncode:
        said = ended.stderr.strip().splitlines()
        raise RunFailedError(said[0] if said else f"not all was delivered: {ended.stdout.strip()}")
    result: dict[str, float] = json.loads(ended.stdout)
    return result


def _made_for(server: Server, target: Running, options: Options, lighter: int) -> Options:
    """Return the options as this server needs them: its dialects, fewer posts, posters enough."""
    named = dict(zip(options[::2], options[1::2], strict=True))
    if "--posts" in named:
        named["--posts"] = str(max(int(named["--posts"]) // (server.lighter * lighter), 1))
    if server.posts_by_http:
        named.setdefault("--posters", named.get("--in-flight", "8"))
    if server.posters_apart:
        named["--post-port"] = str(target.post_port)
    return (*(word for pair in named.items() for word in pair), *server.options)
