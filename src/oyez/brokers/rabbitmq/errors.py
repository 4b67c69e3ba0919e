"""What went wrong with RabbitMQ, and what to do about it, in words for an operator.

Knows the library's errors. Must not know passwords: what it says is logged and shown.
"""

import ssl

from aiormq import exceptions
from pamqp.exceptions import PAMQPException

from oyez.brokers.rabbitmq.url import AmqpUrl
from oyez.errors import BrokerError

_LONGEST_QUOTE = 200


def explain(error: BaseException | None, url: AmqpUrl, doing: str, queue: str = "") -> BrokerError:
    """Return the error of the broker for one of the library's; temporary unless somebody has to change something.

    Args:
        error: what was raised.
        url: where.
        doing: what was tried, such as ``connect``.
        queue: the stream that it was tried with, if any.
    """
    if isinstance(error, BrokerError):
        return error
    cure = _find_cure(error, url, queue)
    if cure:
        return BrokerError(cure, temporary=False)
    if isinstance(error, TimeoutError):
        return BrokerError(f"RabbitMQ at {url.server} gives no answer", temporary=True)
    return BrokerError(f"RabbitMQ at {url.server} is lost ({doing}): {_quote(error)}", temporary=True)


def _find_cure(error: BaseException | None, url: AmqpUrl, queue: str) -> str:
    """Return what is wrong and what to do, where trying again is of no use; else nothing."""
    user, vhost, quoted = url.user, url.vhost, _quote(error)
    if isinstance(error, exceptions.AuthenticationError | exceptions.ProbableAuthenticationError):
        return (
            f"RabbitMQ at {url.server} refuses the user {user!r} or the password"
            f" (rabbitmqctl change_password {user} …; the user guest may come from the server's own machine only)"
        )
    if isinstance(error, exceptions.ConnectionNotAllowed) or _refuses_vhost(error):
        return (
            f"RabbitMQ at {url.server} has no virtual host {vhost!r}, or does not let the user {user!r} in: rabbitmqctl"
            f" add_vhost {vhost}; rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'"
        )
    if isinstance(error, exceptions.ChannelNotFoundEntity) and "no exchange" in quoted:
        return (
            f"the exchange {url.exchange!r} is not there: create it in the virtual host {vhost!r}, of type fanout or"
            f" topic, as its posters expect it (RabbitMQ said: {quoted})"
        )
    if isinstance(error, exceptions.ChannelAccessRefused):
        for_queue = f" for the stream {queue!r}" if queue else ""
        return (
            f"the user {user!r} lacks a permission{for_queue}: rabbitmqctl set_permissions -p {vhost} {user}"
            f" '.*' '.*' '.*' (RabbitMQ said: {quoted})"
        )
    if isinstance(error, exceptions.ChannelPreconditionFailed | exceptions.ChannelLockedResource):
        return f"the stream {queue or url.stream!r} cannot be used: {quoted}"
    if isinstance(error, FileNotFoundError | PermissionError):
        return f"a file that the URL names (cafile, capath, certfile or keyfile) cannot be read: {quoted}"
    if isinstance(error, exceptions.AMQPConnectionError) and isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return (
            f"the certificate of RabbitMQ at {url.server} is not accepted: {quoted}"
            " (cafile=… in the URL names a file with its issuer)"
        )
    return ""


def _refuses_vhost(error: BaseException | None) -> bool:
    """Return whether it is a refusal after the password was right; the library keeps the server's words to itself."""
    return (
        isinstance(error, exceptions.InvalidFrameError) and "Connection.OpenOk" in str(error) and "Close" in str(error)
    )


def _quote(error: BaseException | None) -> str:
    """Return an error's own words, in one line."""
    if isinstance(error, OSError) and error.strerror and not isinstance(error, exceptions.AMQPError):
        words = error.strerror
    elif isinstance(error, PAMQPException | exceptions.ProtocolSyntaxError):
        words = f"it does not speak AMQP as expected ({error})"
    else:
        words = str(error or "") or ("closed" if error is None else type(error).__name__)
    return " ".join(words.split())[:_LONGEST_QUOTE]
