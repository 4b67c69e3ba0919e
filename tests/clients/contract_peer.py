"""The Node peer: a socket.io server that keeps the contract, or breaks one promise of it.

It must not know what is asked of it.
"""

import subprocess
from types import TracebackType
from typing import Self

from tests.clients.javascript import NODE
from tests.daemon import KEY
from tests.inbox import PATIENCE_S
from tests.raw import request


class ContractPeer:
    """``with ContractPeer() as peer`` starts it."""

    def __init__(self) -> None:
        self.port = 0

    def __enter__(self) -> Self:
        command = ["node", str(NODE / "contract_peer.js"), KEY]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self._process.poll()
        self._process.kill()
        self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        assert code is None, f"the peer ended by itself, with {code}"

    def break_promise(self, fault: str) -> None:
        """Have it break the promise that its source names so, and no other; none if this is empty."""
        assert request(self.port, "PUT", f"/fault/{fault}").status == 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"
