"""What the URL of an AMQP broker says.

Knows how such a URL is written, and which of its keys are Oyez's own. Must not know who connects.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

from oyez.brokers.server_url import show_server, split_server_url

FORM = "amqp://user:password@host:5672/vhost?exchange=NAME"

_DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}
_DEFAULT_HEARTBEAT_S = 10
_DEFAULT_SKEW_S = 2.0
_MOST_SKEW_S = 600.0
_MOST_HEARTBEAT_S = 3600
_LONGEST_NAME = 255  # bytes: a short string of AMQP
NOTICES_END = "-notices"
"""Behind a stream's name, that of the one beside it: a rule may need it at any time."""
_LONGEST_STREAM_NAME = _LONGEST_NAME - len(NOTICES_END)

# Handed on to the client library: how a TLS link is made, and what the server's pages call the connection.
_LIBRARY_KEYS = ("cafile", "capath", "cadata", "certfile", "keyfile", "no_verify_ssl", "auth", "name")

# What posters write there for pika; it says nothing to a daemon.
_PIKA_KEYS = (
    "backpressure_detection", "blocked_connection_timeout", "channel_max", "client_properties", "connection_attempts",
    "frame_max", "locale", "retry_delay", "socket_timeout", "ssl_options", "stack_timeout", "tcp_options",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AmqpUrl:
    """A broker's URL, taken apart.

    Attributes:
        url: for the client library, with the password.
        exchange: what is read and posted to.
        stream: the queue for replay at start; None for none.
        skew_s: by how much posters' clocks may differ from the daemon's.
        heartbeat_s: how long the server may be silent until it is asked for a sign of life.
        server: host and port, for messages.
        user: for messages.
        vhost: for messages.
    """

    url: str = field(repr=False)
    exchange: str
    stream: str | None
    skew_s: float
    heartbeat_s: float
    server: str
    user: str
    vhost: str


def parse_amqp_url(text: str) -> AmqpUrl:
    """Read a URL.

    Raises:
        ValueError: it is wrong; what would be right, in words, without the password.
    """
    scheme, parts, port = split_server_url(text, _DEFAULT_PORTS, FORM)
    host = parts.hostname
    if not host or "/" in parts.path[1:]:
        raise ValueError(f"a host, and one virtual host after it (a slash in its name is %2F): {FORM}")
    query = _read_query(parts.query)
    exchange, stream = query.pop("exchange", ""), query.pop("stream", None)
    if not exchange:
        raise ValueError(f"the name of an exchange: {FORM}")
    for name, longest in ((exchange, _LONGEST_NAME), (stream, _LONGEST_STREAM_NAME)):
        if name is not None and not 1 <= len(name.encode()) <= longest:
            raise ValueError(
                f"names of exchanges with 1 to {_LONGEST_NAME} bytes, and of streams with 1 to {_LONGEST_STREAM_NAME}:"
                f" beside a stream is another one, with {NOTICES_END} behind its name"
            )
    skew_s = _read_number("skew", query.pop("skew", str(_DEFAULT_SKEW_S)), _MOST_SKEW_S)
    heartbeat_s = int(_read_number("heartbeat", query.pop("heartbeat", "0"), _MOST_HEARTBEAT_S)) or _DEFAULT_HEARTBEAT_S
    handed_on = {key: value for key, value in query.items() if key in _LIBRARY_KEYS}
    handed_on["heartbeat"] = str(heartbeat_s)
    return AmqpUrl(
        f"{scheme}://{parts.netloc}{parts.path}?{urlencode(handed_on, quote_via=quote)}",
        exchange,
        stream,
        skew_s,
        heartbeat_s,
        show_server(host, port),
        unquote(parts.username or "guest"),
        unquote(parts.path[1:]) or "/",
    )


def _read_query(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    query = dict(pairs)
    strange = next(
        (key for key in query if key not in {"exchange", "stream", "skew", "heartbeat", *_LIBRARY_KEYS, *_PIKA_KEYS}),
        None,
    )
    if strange is not None:
        raise ValueError(f"exchange, stream, skew or heartbeat after the ?, not {strange}")
    if len(query) < len(pairs):
        raise ValueError("each key once")
    return query


def _read_number(key: str, text: str, highest: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= highest:
        raise ValueError(f"{key}=SECONDS, from 0 to {highest:g}")
    return number
