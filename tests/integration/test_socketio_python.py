"""python-socketio's client, async client and simple client, over each choice of transports."""

import itertools
import time

import pytest

from tests.clients.python import TRANSPORTS, AsyncSession, PythonClient, SessionType, SimpleSession, ThreadedSession
from tests.daemon import Daemon
from tests.scenarios import ClientScenarios, new_channel

SESSIONS: dict[str, SessionType] = {"client": ThreadedSession, "async": AsyncSession, "simple": SimpleSession}


@pytest.fixture(params=list(itertools.product(SESSIONS, TRANSPORTS)), ids="-".join)
def client(request: pytest.FixtureRequest) -> PythonClient:
    session, transports = request.param
    return PythonClient(SESSIONS[session], transports)


class TestPythonClient(ClientScenarios):
    def test_disconnects_at_once(self, client: PythonClient, daemon: Daemon) -> None:
        # Over polling it joins a thread that waits for its poll: a daemon that kept the poll would hold it for 25 s.
        with client.open(daemon.url, channels=[new_channel()]) as session:
            session.inbox.wait("status", 2)
            began = time.monotonic()
        assert time.monotonic() - began < 10
