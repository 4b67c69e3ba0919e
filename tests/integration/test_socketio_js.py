"""socket.io-client of three generations, in Node.js, over each choice of transports."""

import itertools
from collections.abc import Iterator

import pytest

from tests.clients.javascript import TRANSPORTS, VERSIONS, Driver, JavaScriptClient
from tests.daemon import Daemon
from tests.proxy import Proxy
from tests.scenarios import SUCCESS, ClientScenarios, new_channel


@pytest.fixture(params=list(itertools.product(VERSIONS, TRANSPORTS)), ids="-".join)
def client(request: pytest.FixtureRequest, driver: Driver) -> JavaScriptClient:
    return JavaScriptClient(driver, *request.param)


@pytest.fixture(scope="module")
def pinging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon whose clients notice soon that it is silent."""
    settings = {"socketio.ping_interval_s": 0.3, "socketio.ping_timeout_s": 0.3}
    with Daemon(tmp_path_factory.mktemp("pinging"), settings=settings) as daemon:
        yield daemon


class TestJavaScriptClient(ClientScenarios):
    def test_notices_a_silent_link(self, client: JavaScriptClient, pinging: Daemon) -> None:
        channel = new_channel()
        with (
            Proxy(pinging.port) as proxy,
            client.open(proxy.url, channels=[channel], start=pinging.last()) as session,
        ):
            session.inbox.wait("status", 2)
            expected = pinging.post(channel, "heard")
            session.inbox.wait("message")
            proxy.pause()
            expected += pinging.post(channel, *range(50))
            assert session.inbox.wait("disconnect") == ["ping timeout"]
            proxy.resume()
            assert session.inbox.wait("message", 51) == expected
            assert session.inbox.of("status")[-1] == SUCCESS | {"recovered": True}
