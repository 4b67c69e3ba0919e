"""socket.io-client in Node.js, as a `Client` of the scenarios.

Talks to ``node/driver.js`` in JSON lines; the Socket.IO protocol is spoken there, by the real library.
"""

import itertools
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any, Self

from tests.inbox import PATIENCE_S, Inbox

NODE = Path(__file__).parent / "node"
VERSIONS = ("4.0", "4.7", "4.8")
TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}
# Comes back sooner than a page would, so that the tests need not wait.
IMPATIENCE = {"reconnectionDelay": 50, "reconnectionDelayMax": 100, "randomizationFactor": 0, "timeout": 1000}


class Driver:
    """One Node.js process for all clients of a test run."""

    def __init__(self) -> None:
        self._inboxes: dict[int, Inbox] = {}
        self._ids = itertools.count(1)

    def __enter__(self) -> Self:
        command = ["node", str(NODE / "driver.js")]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is for whoever runs this; Node ends with its stdin
        )
        self._reader = Thread(target=self._sort_reports, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._reader.join(PATIENCE_S)

    def new_inbox(self) -> tuple[int, Inbox]:
        number, inbox = next(self._ids), Inbox()
        self._inboxes[number] = inbox
        return number, inbox

    def tell(self, client: int, do: str, **rest: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"client": client, "do": do, **rest}) + "\n")

    def _sort_reports(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                report = json.loads(line)
                self._inboxes[report["client"]].put(report["name"], report["data"])


class JavaScriptClient:
    """One version of socket.io-client with one choice of transports."""

    keeps_order = True

    def __init__(self, driver: Driver, version: str, transports: str) -> None:
        self.driver = driver
        self.version = version
        self.transport = TRANSPORTS[transports][-1]
        self._options = IMPATIENCE | {"transports": TRANSPORTS[transports]}

    def open(
        self, url: str, *, role: str = "client", token: str = "", channels: Sequence[str] = (), start: int = 0
    ) -> "JavaScriptSession":
        session = JavaScriptSession(self.driver)
        options = self._options | {"auth": {"role": role, "token": token}}
        session.tell("open", version=self.version, url=url, options=options, channels=channels, start=start)
        return session


class JavaScriptSession:
    """One socket in the driver's process."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._number, self.inbox = driver.new_inbox()
        self._acks = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.tell("close")

    def tell(self, do: str, **rest: object) -> None:
        self._driver.tell(self._number, do, **rest)

    def emit(self, event: str, *args: object) -> None:
        self.tell("emit", event=event, args=args, ack=None)

    def call(self, event: str, *args: object) -> Any:
        ack = next(self._acks)
        self.tell("emit", event=event, args=args, ack=ack)
        return dict(self.inbox.wait("ack", ack))[ack]
