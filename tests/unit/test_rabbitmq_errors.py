"""Does an operator read what to do about each error of RabbitMQ, and never a password?"""

import ssl

import pytest
from aiormq import exceptions
from pamqp.exceptions import PAMQPException

from oyez.brokers.rabbitmq.errors import explain
from oyez.brokers.rabbitmq.url import AmqpUrl, parse_amqp_url
from oyez.errors import BrokerError


def url_of(address: str) -> AmqpUrl:
    return parse_amqp_url(f"amqp://judge:hush@mq.example:5673/{address}")


URL = url_of("site?exchange=events")


def certificate_refused() -> BaseException:
    error = exceptions.AMQPConnectionError("handshake failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    return error


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (exceptions.AuthenticationError("no"), "change_password judge"),
        (exceptions.ProbableAuthenticationError("no"), "the user 'judge' or the password"),
        (exceptions.ConnectionNotAllowed("no"), "add_vhost site; rabbitmqctl set_permissions -p site judge"),
        (exceptions.InvalidFrameError("Connection.OpenOk awaited, Connection.Close came"), "no virtual host 'site'"),
        (exceptions.ChannelNotFoundEntity("NOT_FOUND - no exchange 'events'"), "the exchange 'events' is not there"),
        (exceptions.ChannelAccessRefused("write refused"), "lacks a permission: rabbitmqctl set_permissions"),
        (exceptions.ChannelPreconditionFailed("not a stream"), "cannot be used: not a stream"),
        (exceptions.ChannelLockedResource("exclusive"), "cannot be used: exclusive"),
        (FileNotFoundError(2, "No such file"), "a file that the URL names (cafile"),
        (PermissionError(13, "Permission denied"), "cannot be read: Permission denied"),
        (certificate_refused(), "the certificate of RabbitMQ at mq.example:5673 is not accepted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_where_somebody_has_to_change_something_it_says_what(error: BaseException, cure: str) -> None:
    explained = explain(error, URL, "connect")
    assert cure in str(explained)
    assert "hush" not in str(explained)
    assert not explained.temporary


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "RabbitMQ at mq.example:5673 gives no answer"),
        (ConnectionRefusedError(111, "Connection refused"), "is lost (connect): Connection refused"),
        (exceptions.ChannelNotFoundEntity("NOT_FOUND - no queue 'x'"), "is lost (connect): NOT_FOUND - no queue 'x'"),
        (PAMQPException("bad frame"), "it does not speak AMQP as expected (bad frame)"),
        (exceptions.AMQPConnectionError("a line\nand\tanother"), "a line and another"),
        (ValueError(), "is lost (connect): ValueError"),
        (None, "is lost (connect): closed"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_may_pass_is_temporary(error: BaseException | None, words: str) -> None:
    explained = explain(error, URL, "connect")
    assert words in str(explained)
    assert explained.temporary


def test_the_stream_is_named_with_which_it_was_tried() -> None:
    refused = explain(exceptions.ChannelAccessRefused("configure refused"), URL, "make the stream", "kept-notices")
    assert "the user 'judge' lacks a permission for the stream 'kept-notices': rabbitmqctl" in str(refused)
    other = explain(
        exceptions.ChannelPreconditionFailed("no"), url_of("site?exchange=a&stream=kept"), "", "kept-notices"
    )
    assert str(other) == "the stream 'kept-notices' cannot be used: no"


def test_an_error_of_the_broker_is_passed_on_and_a_long_one_is_cut() -> None:
    ours = BrokerError("ours", temporary=False)
    assert explain(ours, URL, "connect") is ours
    assert len(str(explain(RuntimeError("x" * 10_000), URL, "connect"))) < 300
