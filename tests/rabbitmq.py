"""A real RabbitMQ node of the tests' own.

Needs no rights and no place of its own on the machine: ports, data, log, cookie and name server (epmd) are its own.
What is published there it does not know.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

import pika

from tests.inbox import Inbox
from tests.ports import free_ports

PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # Debian's /usr/sbin/rabbitmq-server starts as its own user only
CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"
STARTED = "Server startup complete"

# A node's start is a few seconds of CPU, on machines that are busy with other tests.
START_PATIENCE_S = 90.0
STOP_PATIENCE_S = 20.0

# Tables for far fewer processes than the default, which takes twice as long to start; and no spinning when idle.
SMALL = "+P 65536 +Q 65536 +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"


ALL = {"configure": ".*", "write": ".*", "read": ".*"}

# The usual user, one who may have queues of its own and nothing else, and one who may read but not post.
DEFINITIONS = {
    "vhosts": [{"name": "/"}],
    "users": [
        {"name": "guest", "password": "guest", "tags": "administrator"},
        {"name": "stranger", "password": "guest", "tags": ""},
        {"name": "reader", "password": "guest", "tags": ""},
    ],
    "permissions": [
        {"vhost": "/", "user": "guest", **ALL},
        {"vhost": "/", "user": "stranger", "configure": "^amq\\.gen", "write": "", "read": ".*"},
        {"vhost": "/", "user": "reader", "configure": "^amq\\.gen", "write": "^amq\\.gen", "read": ".*"},
    ],
}


class RabbitMQ:
    """``with RabbitMQ(directory) as rabbitmq`` starts a node and ends it. It keeps its port over restarts.

    `certificate` is that of its TLS port, with the key in the same file; without one there is no such port.
    """

    user, password = "guest", "guest"

    def __init__(self, directory: Path, certificate: Path | None = None) -> None:
        self.log = Inbox()
        self.certificate = certificate
        self._directory = directory
        self.port, self.tls_port, self._distribution_port, self._epmd_port = free_ports(4)
        self._node: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        definitions = self._directory / "definitions.json"
        definitions.write_text(json.dumps(DEFINITIONS))
        settings = f"listeners.tcp.1 = 127.0.0.1:{self.port}\nload_definitions = {definitions}\n"
        if self.certificate is not None:
            settings += f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}\nssl_options.verify = verify_none\n"
            for file in ("cacertfile", "certfile", "keyfile"):
                settings += f"ssl_options.{file} = {self.certificate}\n"
        (self._directory / "rabbitmq.conf").write_text(settings)
        (self._directory / "plugins").write_text("[].\n")
        epmd = shutil.which("epmd")
        assert epmd, "RabbitMQ is not installed: make test does it, or names the package"
        self._epmd = subprocess.Popen([epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1"])
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self.kill()
        self._epmd.kill()
        self._epmd.wait()

    def url(self, exchange: str, more: str = "", *, port: int | None = None, vhost: str = "%2F") -> str:
        """The broker's URL for a daemon."""
        where = f"127.0.0.1:{port or self.port}"
        return f"amqp://{self.user}:{self.password}@{where}/{vhost}?exchange={exchange}{more}"

    def start(self) -> None:
        """Start the node, with the data that it had, and wait until clients may come."""
        started = len(self.log.of("started"))
        self._node = subprocess.Popen(
            [PROGRAM],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # it is several processes, which end together
        )
        self._reader = Thread(target=self._read_log, args=(self._node,), daemon=True)
        self._reader.start()
        self.log.wait("started", started + 1, within_s=START_PATIENCE_S)

    def stop(self) -> None:
        """Let the node shut down (SIGTERM): it says good-bye to its clients."""
        self._signal(signal.SIGTERM)
        assert self._node is not None
        try:
            self._node.wait(STOP_PATIENCE_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it without a chance to tidy up (SIGKILL)."""
        if self._node is not None:
            self._signal(signal.SIGKILL)
            self._node.wait(STOP_PATIENCE_S)
            self._reader.join(STOP_PATIENCE_S)
            self._node = None

    def suspend(self) -> None:
        """Hang the node: its sockets stay open and nothing answers (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def connect(self) -> pika.BlockingConnection:
        credentials = pika.PlainCredentials(self.user, self.password)
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port, credentials=credentials))

    def declare(self, exchange: str, kind: str = "fanout") -> None:
        """Make an exchange that outlives the node."""
        with self.connect() as connection:
            connection.channel().exchange_declare(exchange, kind, durable=True)

    def delete(self, *, exchange: str = "", queue: str = "") -> None:
        with self.connect() as connection:
            if exchange:
                connection.channel().exchange_delete(exchange)
            if queue:
                connection.channel().queue_delete(queue)

    def make_anew(self, exchange: str) -> None:
        """Delete an exchange and make another of its name: nothing is bound to that."""
        self.delete(exchange=exchange)
        self.declare(exchange)

    def fill(self) -> None:
        """Raise the node's memory alarm: it takes no posts."""
        self._control("set_vm_memory_high_watermark", "0.00001")

    def make_room(self) -> None:
        self._control("set_vm_memory_high_watermark", "0.4")

    def _control(self, *command: str) -> None:
        subprocess.run([CONTROL, *command], env=self._environment(), check=True, capture_output=True, timeout=60)

    def _signal(self, number: signal.Signals) -> None:
        assert self._node is not None
        try:
            os.killpg(self._node.pid, number)
        except ProcessLookupError:
            assert self._node.poll() is not None

    def _environment(self) -> dict[str, str]:
        at = str(self._directory)
        return {
            "PATH": os.environ["PATH"],
            "HOME": at,  # the cookie is there
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"oyez{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": f"{at}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{at}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{at}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{at}/data",
            "RABBITMQ_LOG_BASE": f"{at}/log",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_MAX_PORTS": "4096",
            "ERL_CRASH_DUMP_BYTES": "0",  # what ended it is in its log
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": SMALL,
        }

    def _read_log(self, node: "subprocess.Popen[str]") -> None:
        assert node.stdout is not None
        with node.stdout as lines:
            for line in lines:
                self.log.put("line", line)
                if STARTED in line:
                    self.log.put("started", time.monotonic())
