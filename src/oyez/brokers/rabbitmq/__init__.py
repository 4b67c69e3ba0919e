"""``amqp://``: events come from an exchange of RabbitMQ, whoever published them there.

Knows whether the library for it is installed. Must not know what it is used for.
"""

from typing import TYPE_CHECKING

from oyez.brokers.rabbitmq.url import AmqpUrl
from oyez.errors import UnusableError

if TYPE_CHECKING:  # whoever reads a URL need not wait for the hub
    from oyez.brokers.rabbitmq.intake import Note
    from oyez.hub.broker import Broker
    from oyez.hub.settings import HistorySettings
    from oyez.limits import LimitSettings


def open_amqp(url: AmqpUrl, limits: "LimitSettings", history: "HistorySettings", note: "Note") -> "Broker":
    """Make the broker of a URL; it connects when it starts.

    Args:
        url: where, and what.
        limits: how large events may be.
        history: how old the events are that are read back at the start.
        note: told of each bad record and each wrong clock: a reason, and a detail for the log.

    Raises:
        UnusableError: the library is not installed.
    """
    try:
        # Here, since it is an extra: whoever does not use this broker need not have it, nor wait for its import.
        from oyez.brokers.rabbitmq.broker import AmqpBroker  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise UnusableError(
            "broker",
            f"amqp://{url.server}",
            f"its library is not installed ({error}): pip install '/path/to/oyez[amqp]', with the path of a checkout",
        ) from error
    return AmqpBroker(url, limits, history, note)
