"""Does a daemon load only what it needs, so that it starts soon?"""

import subprocess
import sys

import pytest

from tests.sandbox import environment

# What other commands, other settings or rare requests need, and what our libraries offer besides.
FOR_OTHERS = {
    *("typer", "rich", "click", "prompt_toolkit", "urllib3", "prometheus_client", "aiormq", "uvicorn.main"),
    *("importlib.metadata", "importlib.resources"),
    *("oyez.access.listen_policy", "oyez.endpoints.gate", "oyez.grants"),
    *("oyez.cli.app", "oyez.client", "oyez.metrics_text", "oyez.brokers.sqlite.broker", "oyez.brokers.rabbitmq.intake"),
}

UVICORN = """
import sys
import oyez.net.http.uvicorn_parts
assert "uvicorn.main" not in sys.modules
import uvicorn
assert uvicorn.Server is oyez.net.http.uvicorn_parts.Server
assert uvicorn.run.__module__ == "uvicorn.main"
assert uvicorn.main.name == "main"
assert not hasattr(uvicorn, "no such name")
"""

WEBSOCKETS = """
import sys
import oyez.net.websocket.websockets_parts
assert "importlib.metadata" not in sys.modules
import importlib.metadata
import websockets
assert importlib.metadata.version("websockets") == websockets.__version__
"""


def modules_of_a_start(*options: str) -> set[str]:
    """Start a daemon, and end it as soon as it listens; return the modules that it loaded."""
    command = [sys.executable, "-X", "importtime", "-m", "oyez", "serve", "--port", "0", *options]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        said: list[str] = []
        for line in daemon.stderr:
            said.append(line)
            if "listening on" in line:
                daemon.terminate()
    assert any("listening on" in line for line in said), "".join(said)
    return {line.rpartition("|")[2].strip() for line in said if line.startswith("import time:")}


def test_a_plain_start_loads_nothing_that_others_need() -> None:
    loaded = modules_of_a_start("--broker", "memory://")
    assert {"oyez.server.process", "uvicorn.server"} <= loaded
    assert loaded & FOR_OTHERS == set()


def test_a_store_is_loaded_where_it_is_used() -> None:
    loaded = modules_of_a_start("--broker", "sqlite://")
    assert loaded & FOR_OTHERS == {"oyez.brokers.sqlite.broker"}


@pytest.mark.parametrize("process", [UVICORN, WEBSOCKETS])
def test_what_was_left_out_is_there_for_whoever_asks(process: str) -> None:
    subprocess.run([sys.executable, "-c", process], check=True)
