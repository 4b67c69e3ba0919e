"""What tests share: a daemon, a proxy in front of it, and the clients' runtimes."""

import itertools
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.certificate import make_certificate
from tests.clients.javascript import Driver
from tests.console import Console, StartConsole
from tests.daemon import Daemon
from tests.order import longest_first
from tests.peer import StartPeer, peers
from tests.proxy import Proxy
from tests.rabbitmq import RabbitMQ
from tests.redis_server import RedisServer
from tests.sandbox import Sandbox
from tests.selection import WRITTEN, find_common_mark, may_have
from tests.websocket_server import WebSocketServer, echo, websocket_server

pytest.register_assert_rewrite("tests.scenarios")

# Shells start what runs in the background with Ctrl-C ignored, and so would all be that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# One address plays every client there is, the forgetful ones too.
MANY_CLIENTS = {"limits.auth_failures_per_minute": 100_000}


def pytest_configure(config: pytest.Config) -> None:
    """Move into a sandbox; workers of a parallel run are in that of the process that started them."""
    if not hasattr(config, "workerinput"):
        config.add_cleanup(Sandbox().close)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over files in which no test has the mark that is asked for."""
    mark = find_common_mark(config.option.markexpr)
    is_file = mark and collection_path.match("test_*.py")
    return True if mark and is_file and not may_have(collection_path, mark) else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """See to it, in runs of all, that nothing is passed over in others."""
    for mark in WRITTEN:
        if item.get_closest_marker(mark) and not may_have(item.path, mark):
            raise pytest.UsageError(
                f"{item.nodeid} is {mark}, but `-m {mark}` would pass its file over: see tests/selection.py"
            )


@pytest.hookimpl(trylast=True)  # of those that are to run
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = longest_first(items, lambda item: item.get_closest_marker("longest") is not None, workers)


numbers = itertools.count(1)


class StartDaemon(Protocol):
    """Starts a daemon of the test's own, to be stopped with the test."""

    def __call__(self, *flags: str, **options: Any) -> Daemon: ...


@pytest.fixture(scope="session")
def shared_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon"), settings=MANY_CLIENTS) as daemon:
        yield daemon


@pytest.fixture
def daemon(shared_daemon: Daemon) -> Iterator[Daemon]:
    """A daemon with many tests before and after this one: for those that neither stop nor tune it."""
    yield shared_daemon
    assert shared_daemon.process.poll() is None, shared_daemon.stderr
    shared_daemon.check_log()


@pytest.fixture(scope="module")
def module_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with no other tests than those of the module, one of which may restart it."""
    with Daemon(tmp_path_factory.mktemp("daemon")) as daemon:
        yield daemon


@pytest.fixture
def start_daemon(tmp_path: Path) -> Iterator[StartDaemon]:
    with ExitStack() as stack:
        yield lambda *flags, **options: stack.enter_context(Daemon(tmp_path, *flags, **options))


@pytest.fixture
def own_daemon(start_daemon: StartDaemon) -> Daemon:
    return start_daemon()


@pytest.fixture
def proxy(daemon: Daemon) -> Iterator[Proxy]:
    with Proxy(daemon.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    with Driver() as driver:
        yield driver


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def start_console() -> Iterator[StartConsole]:
    """Starts `oyez connect` in pipes, to be ended with the test; one at a time."""
    with ExitStack() as started:
        yield lambda *arguments: started.enter_context(closing(Console(*arguments)))


@pytest.fixture
def start_peer() -> Iterator[StartPeer]:
    """Starts servers that behave as they are told, to be ended with the test."""
    with peers() as start:
        yield start


@pytest.fixture
def echoing() -> Iterator[WebSocketServer]:
    with websocket_server(echo) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[RabbitMQ]:
    """A RabbitMQ node with many tests before and after this one; a test that stops it starts it again."""
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), certificate) as rabbitmq:
        yield rabbitmq


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis with many tests before and after this one; a test that stops it starts it again."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


@pytest.fixture
def exchange(rabbitmq: RabbitMQ) -> str:
    """An exchange of the test's own."""
    name = f"events-{next(numbers)}"
    rabbitmq.declare(name)
    return name


@pytest.fixture
def server(rabbitmq: RabbitMQ) -> Iterator[Proxy]:
    """The way to RabbitMQ, which can be cut."""
    with Proxy(rabbitmq.port) as proxy:
        yield proxy
