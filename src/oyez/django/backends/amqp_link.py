"""One connection to RabbitMQ and the thread that it belongs to: connect, publish, answer heartbeats, end.

It must not know what is published, nor for how long anybody waits for it.
"""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from oyez.client import PosterError, Unreachable
from oyez.django.site import SiteSettings
from oyez.errors import ConfigError
from oyez.site_settings import AMQP

try:
    import pika
    from pika.exceptions import AMQPError, ChannelClosedByBroker
except ImportError:  # this file is loaded by sites that post by AMQP only
    pika = None

_HEARTBEAT_S = 10
_IDLE_S = 5.0  # a wait that only ends earlier when there is something to do
_ROUTING_KEY = "#"  # reaches a queue bound with "#" through fanout, topic and direct exchanges alike


class Dropped(Unreachable):
    """A job was not begun, because the link had ended."""


class Job:
    """Messages to publish, all on one link; `is_over` is set once `error` says why they failed, or is None."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self.bodies = bodies
        self.is_over = threading.Event()
        self.error: PosterError | None = None
        self._lock = threading.Lock()
        self._is_taken = False

    def begin(self) -> bool:
        """Claim the job for a link; False if its caller has given up."""
        return self._take()

    def give_up(self) -> bool:
        """Claim the job for its caller, who waits no longer; False if a link has begun it."""
        return self._take()

    def end(self, error: PosterError | None) -> None:
        """Note what became of the job, and wake its caller."""
        self.error = error
        self.is_over.set()

    def _take(self) -> bool:
        with self._lock:
            was_taken, self._is_taken = self._is_taken, True
            return not was_taken


class AmqpLink(threading.Thread):
    """Serves jobs in turn until the connection ends, or until it is retired and has none left."""

    def __init__(self, settings: SiteSettings) -> None:
        super().__init__(name="oyez-amqp", daemon=True)
        self.has_ended = False
        self._parameters = read_parameters(settings.amqp, settings.timeout_s)
        self._exchange = settings.exchange
        self._jobs: deque[Job] = deque()
        self._is_retired = False
        self._connection: pika.BlockingConnection | None = None
        self._lock = threading.Lock()  # so that no job is put where nobody looks any more

    def __str__(self) -> str:
        return f"RabbitMQ at {self._parameters.host}:{self._parameters.port}"

    def put(self, job: Job) -> None:
        """Take a job; it may be over at once."""
        with self._lock:
            if not self.has_ended:
                self._jobs.append(job)
                self._wake()
                return
        job.end(Dropped(f"the connection to {self} has ended"))

    def retire(self) -> None:
        """End when the jobs are done."""
        with self._lock:
            self._is_retired = True
            self._wake()

    def run(self) -> None:
        """Connect, publish job after job, and end those that are left with why the connection ended."""
        error: PosterError = Dropped(f"the connection to {self} has ended")
        try:
            channel = self._connect()
            while not self._is_retired or self._jobs:
                self._turn(channel)
        except AMQPError as failure:
            error = Dropped(f"{self}: {explain(failure)}") if self._connection else _unreachable(self, failure)
        except Exception as failure:  # noqa: BLE001 - whatever the library raises, callers have to hear of it
            error = Unreachable(f"{self}: {explain(failure)}")
        with self._lock:
            self.has_ended = True
        while self._jobs:
            self._jobs.popleft().end(error)
        with suppress(Exception):
            if self._connection is not None:
                self._connection.close()

    def _connect(self) -> "pika.adapters.blocking_connection.BlockingChannel":
        connection = pika.BlockingConnection(self._parameters)
        channel = connection.channel()
        channel.confirm_delivery()
        self._connection = connection
        return channel

    def _turn(self, channel: "pika.adapters.blocking_connection.BlockingChannel") -> None:
        """Do one job, or wait for one while heartbeats are answered."""
        assert self._connection is not None
        # Also before a job: a connection that has ended shows it now, while the job may still go to the next one.
        self._connection.process_data_events(time_limit=0 if self._jobs else _IDLE_S)
        if not self._jobs:
            return
        job = self._jobs.popleft()
        if not job.begin():
            return
        try:
            for body in job.bodies:
                channel.basic_publish(self._exchange, _ROUTING_KEY, body)
        except Exception as failure:
            is_refusal = isinstance(failure, ChannelClosedByBroker)
            kind = PosterError if is_refusal else Unreachable
            job.end(kind(f"{self}: {explain(failure)}", uncertain=not is_refusal))
            raise
        job.end(None)

    def _wake(self) -> None:
        if self._connection is not None:
            with suppress(Exception):  # it has ended, which its thread is about to see
                self._connection.add_callback_threadsafe(lambda: None)


def read_parameters(url: str, timeout_s: float) -> "pika.URLParameters":
    """Read RabbitMQ's URL; no step of a connect may take longer than `timeout_s`. Raises ConfigError."""
    if pika is None:
        raise ConfigError(AMQP, "***", "the package pika: pip install pika")
    try:
        parameters = pika.URLParameters(url)
    except Exception as error:  # whatever the library stumbles over
        raise ConfigError(AMQP, "***", f"a URL such as amqp://user:password@host:5672/vhost ({error})") from error
    parameters.heartbeat = _HEARTBEAT_S
    parameters.connection_attempts = 1
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = timeout_s
    return parameters


def explain(failure: BaseException) -> str:
    """Name what the library says of it."""
    return f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__


def _unreachable(link: AmqpLink, failure: BaseException) -> Unreachable:
    return Unreachable(f"cannot connect to {link}: {explain(failure)}")
