"""socket.io-client of three generations, in Node.js, over each choice of transports."""

import itertools

import pytest

from tests.clients.javascript import TRANSPORTS, VERSIONS, Driver, JavaScriptClient
from tests.conftest import StartDaemon
from tests.proxy import Proxy
from tests.scenarios import SUCCESS, ClientScenarios, new_channel


@pytest.fixture(params=list(itertools.product(VERSIONS, TRANSPORTS)), ids="-".join)
def client(request: pytest.FixtureRequest, driver: Driver) -> JavaScriptClient:
    return JavaScriptClient(driver, *request.param)


class TestJavaScriptClient(ClientScenarios):
    def test_notices_a_silent_link(self, client: JavaScriptClient, start_daemon: StartDaemon) -> None:
        daemon = start_daemon(settings={"socketio.ping_interval_s": 0.3, "socketio.ping_timeout_s": 0.3})
        channel = new_channel()
        with (
            Proxy(daemon.port) as proxy,
            client.open(proxy.url, channels=[channel], start=daemon.last()) as session,
        ):
            session.inbox.wait("status", 2)
            expected = daemon.post(channel, "heard")
            session.inbox.wait("message")
            proxy.pause()
            expected += daemon.post(channel, *range(50))
            assert session.inbox.wait("disconnect") == ["ping timeout"]
            proxy.resume()
            assert session.inbox.wait("message", 51) == expected
            assert session.inbox.of("status")[-1] == SUCCESS | {"recovered": True}
