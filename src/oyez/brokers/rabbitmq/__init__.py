"""``amqp://``: events come from an exchange of RabbitMQ, whoever published them there.

Knows whether the library for it is installed. Must not know what it is used for.
"""

from typing import TYPE_CHECKING

from oyez.brokers.extra import missing_library
from oyez.brokers.rabbitmq.url import AmqpUrl

if TYPE_CHECKING:  # whoever reads a URL need not wait for the hub
    from oyez.brokers.rabbitmq.intake import IntakeContext
    from oyez.hub.broker import Broker


def open_amqp(url: AmqpUrl, context: "IntakeContext") -> "Broker":
    """Make the broker of a URL; it connects when it starts.

    Args:
        url: where, and what.
        context: what the daemon says about the events.

    Raises:
        UnusableError: the library is not installed.
    """
    try:
        # Here, since it is an extra: whoever does not use this broker need not have it, nor wait for its import.
        from oyez.brokers.rabbitmq.broker import AmqpBroker  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise missing_library(f"amqp://{url.server}", "amqp", error) from error
    return AmqpBroker(url, context)
