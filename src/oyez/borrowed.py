"""What is used of libraries beyond what their documentation promises: the list to look at before a bound is raised.

Knows names of other projects, and nothing of our own. `pyproject.toml` bounds these libraries by the next version that
may change them. A test looks for each name in what is installed, also with the lowest and the newest versions.
"""

from collections.abc import Mapping

BORROWED: Mapping[str, tuple[str, ...]] = {
    # The HTTP side is uvicorn's protocol, held to bounds of our own while a request comes in (net/http/connection).
    "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol": (
        "client", "connection_lost", "connections", "cycle", "data_received", "flow", "headers", "on_body", "on_header",
        "on_headers_complete", "on_message_begin", "on_message_complete", "on_response_complete", "parser",
        "pause_writing", "pipeline", "resume_writing", "scheme", "scope", "server_state", "shutdown", "transport",
        "url", "_unset_keepalive_if_required",
    ),
    "uvicorn.protocols.http.httptools_impl:RequestResponseCycle": (
        "body", "disconnected", "keep_alive", "message_event", "more_body", "response_complete", "response_started",
    ),
    "uvicorn.protocols.http.flow_control:FlowControl": ("resume_reading", "write_paused"),
    "uvicorn.protocols.utils": ("is_ssl",),
    # It is started and stopped by us, on sockets that we have bound (net/http/server).
    "uvicorn.config:Config": ("lifespan_class", "load"),
    "uvicorn": ("Server", "main", "run"),  # from its command line, and no other module of it (net/http/uvicorn_parts)
    "uvicorn.server:Server": ("lifespan", "server_state", "servers", "startup"),
    "uvicorn.server:ServerState": ("connections", "default_headers", "total_requests"),
    # Frames are read by the library's protocol without its connection (net/websocket), handshakes are judged by its
    # server's (net/http/handshake).
    "websockets.protocol:Protocol": (
        "close_rcvd", "close_sent", "current_size", "data_to_send", "eof_sent", "events_received", "fail", "parser_exc",
        "reader", "receive_data", "send_close", "state",
    ),
    "websockets.streams:StreamReader": ("buffer",),
    "websockets.server:ServerProtocol": ("accept", "process_request"),
    "websockets.speedups": ("apply_mask",),
    "websockets.utils": ("accept_key",),
    # Paths are taken as they are (server/assembly).
    "starlette.routing:Router": ("redirect_slashes",),
    # Errors of usage are a line of ours, and options are made from the tree of settings (cli).
    "typer.core:TyperCommand": ("collect_usage_pieces",),
    "typer.models": ("OptionInfo",),
    "typer": ("TyperException",),
    # Connections of the client are made and kept within the time of a call (client/sockets).
    "urllib3.connection:HTTPConnection": ("_new_conn", "getresponse", "is_connected", "sock", "timeout"),
    "urllib3.connectionpool:HTTPConnectionPool": ("ConnectionCls",),
    # Posts to RabbitMQ are written many at a time, in the books of the library's channel (brokers/rabbitmq).
    "aiormq.channel:Channel": (
        "confirmations", "delivery_tag", "is_closed", "max_content_size", "message_id_delivery_tag", "write_queue",
    ),
    "aiormq.connection": ("TCPTransportFactory", "TLSTransportFactory", "TransportFactory"),
    # A link to Redis is two connections without a client above them, which would send again by itself (brokers/redis).
    "redis.asyncio.connection:AbstractConnection": (
        "connect", "disconnect", "is_connected", "read_response", "send_packed_command",
    ),
    "hiredis": ("pack_command",),
    "pamqp.decode": ("METHODS", "TABLE_MAPPING", "embedded_value", "timestamp"),
}  # fmt: skip
"""Module, or module and class, to the names that are used of it."""
