"""One daemon that has to take all of it, and two well-behaved clients who must not notice."""

import time
from collections.abc import Iterator

import pytest

from tests.conftest import MANY_CLIENTS
from tests.daemon import Daemon
from tests.integration.bystanders import Bystanders, noted_lines

SETTINGS = {"limits.header_timeout_s": 0.4, "limits.body_timeout_s": 0.4} | MANY_CLIENTS


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon that has to take all of it."""
    with Daemon(tmp_path_factory.mktemp("hostile"), settings=SETTINGS) as daemon:
        began = time.monotonic()
        yield daemon
        minutes = (time.monotonic() - began) / 60 + 1
        assert daemon.process.poll() is None
        for kind, count in noted_lines(daemon).items():
            assert count <= 4 * minutes, f"{count} lines about {kind}"


@pytest.fixture(scope="module")
def bystanders(target: Daemon) -> Iterator[Bystanders]:
    with Bystanders(target) as bystanders:
        yield bystanders


@pytest.fixture(autouse=True)
def check_bystanders(target: Daemon, bystanders: Bystanders) -> Iterator[None]:
    yield
    bystanders.check()
    assert "Traceback" not in target.stderr, target.stderr
    assert "ERROR" not in target.stderr, target.stderr
