"""The ways from brokers under test to their server, which can be cut: the outage of a contract.

Knows proxies. Must not know which server it is, nor what a contract asks.
"""

from collections.abc import Iterator

import pytest

from tests.proxy import Proxy


class BehindProxies:
    """For a contract's tests to derive from: the newest broker's way breaks."""

    proxies: list[Proxy]

    @pytest.fixture(autouse=True)
    def _proxies(self) -> Iterator[None]:
        self.proxies = []
        yield
        for proxy in self.proxies:
            proxy.__exit__(None, None, None)

    def open_way(self, port: int) -> int:
        """Return the port of a new way to a server."""
        self.proxies.append(Proxy(port).__enter__())
        return self.proxies[-1].port

    def break_store(self) -> None:
        self.proxies[-1].cut()

    def mend_store(self) -> None:
        self.proxies[-1].mend()
