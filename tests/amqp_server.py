"""RabbitMQ as far as the daemon asks it for anything, in the loop of the test: exchanges, queues, streams, confirms.

Knows AMQP's frames, and what can go wrong with a server. Must not know what messages say. Whether the real one is like
this, tests/integration shows.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.common import FieldTable
from pamqp.header import ContentHeader

_FRAME_BYTES = 4096  # so that larger bodies come in parts
_OVERHEAD = 8  # of a frame: type, channel, length, end
_GREETING = 8  # bytes with which a client begins
_CAPABILITIES: FieldTable = {
    "publisher_confirms": True,
    "basic.nack": True,
    "consumer_cancel_notify": True,
    "connection.blocked": True,
}

Send = Callable[[Any], None]


class StoredMessage(NamedTuple):
    properties: commands.Basic.Properties
    body: bytes


class Queue:
    """A queue, whose messages go to everybody who reads it; a stream keeps them, from `first` on.

    Attributes:
        young: the offset of the first message that is as young as whoever reads by age wants; None: it gets nothing.
    """

    def __init__(self, *, is_stream: bool) -> None:
        self.is_stream = is_stream
        self.first = 0
        self.young: int | None = 0
        self.messages: list[StoredMessage] = []
        self.readers: list[Channel] = []

    def put(self, message: StoredMessage) -> None:
        self.messages.append(message)
        for reader in self.readers:
            reader.deliver(message, len(self.messages) - 1 if self.is_stream else None)
        if not self.is_stream:
            self.messages.clear()

    def begin(self, reader: "Channel", offset: object) -> None:
        """Deliver what is there from an offset on: a number, "first", "next", or an age, which `young` stands for."""
        named = {"first": 0, "next": len(self.messages), "": 0}
        at = offset if isinstance(offset, int) else named.get(str(offset), self.young)
        if at is None:
            return
        self.readers.append(reader)
        for number in range(max(at, self.first), len(self.messages)):
            reader.deliver(self.messages[number], number)


class AmqpServer:
    """``async with AmqpServer() as server``: has the exchange "site", to which nothing is bound.

    Attributes:
        exchanges: the queues that are bound to each.
        queues: by name.
        links: the connections that are open.
        asked: names of the commands that came, in order.
        refused: by a command's name the code and the words with which it closes the channel, or the connection.
        confirms: whether posts are answered: True, False (refused), or None for no answer.
        silent: whether nothing is read or answered at all.
    """

    def __init__(self) -> None:
        self.exchanges: dict[str, set[str]] = {"site": set()}
        self.queues: dict[str, Queue] = {}
        self.links: list[Link] = []
        self.asked: list[str] = []
        self.acknowledged: list[int] = []
        self.refused: dict[str, tuple[int, str]] = {}
        self.confirms: bool | None = True
        self.silent = False
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Link(self), "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def url(self, more: str = "") -> str:
        assert self._server is not None
        return f"amqp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/?exchange=site{more}"

    def cut(self) -> None:
        """End all connections, without a word."""
        for link in self.links:
            link.transport.abort()

    def speak(self) -> None:
        """Answer what came in the silence, and all that comes."""
        self.silent = False
        for link in list(self.links):
            link.data_received(b"")

    def tell_all(self, command: Any) -> None:
        """Send a command to all that are connected."""
        for link in self.links:
            link.send(0, command)

    def make_anew(self, name: str) -> None:
        """Delete an exchange, and make one of this name to which nothing is bound."""
        self.exchanges[name] = set()

    def delete_queue(self, name: str) -> None:
        """Delete a queue; its readers are told."""
        for reader in self.queues.pop(name).readers:
            reader.send(commands.Basic.Cancel(reader.consumer_tag, nowait=True))
        for bound in self.exchanges.values():
            bound.discard(name)

    def publish(self, body: bytes, message_id: str = "", *, exchange: str = "site", queue: str = "") -> bool:
        """Put a message into the queues of an exchange, or into one queue. Whether there was any."""
        message = StoredMessage(commands.Basic.Properties(message_id=message_id or None), body)
        return self.route(message, exchange if not queue else "", queue)

    def route(self, message: StoredMessage, exchange: str, routing_key: str) -> bool:
        names = self.exchanges.get(exchange, set()) if exchange else {routing_key} & self.queues.keys()
        for name in names:
            self.queues[name].put(message)
        return bool(names)


class Channel:
    """One channel of a connection."""

    def __init__(self, server: AmqpServer, send: Send) -> None:
        self.send = send
        self.consumer_tag = ""
        self._server = server
        self._delivered = self._published = 0
        self._publishing: tuple[commands.Basic.Publish, ContentHeader] | None = None
        self._body = b""

    def deliver(self, message: StoredMessage, offset: int | None) -> None:
        self._delivered += 1
        headers: FieldTable = {} if offset is None else {"x-stream-offset": offset}
        properties = commands.Basic.Properties(message_id=message.properties.message_id, headers=headers)
        self.send(commands.Basic.Deliver(self.consumer_tag, self._delivered, False, "", ""))
        self._send_content(message.body, properties)

    def _send_content(self, body: bytes, properties: commands.Basic.Properties) -> None:
        self.send(ContentHeader(body_size=len(body), properties=properties))
        if body:
            self.send(ContentBody(body))

    def receive(self, command: Any) -> None:
        exchanges = self._server.exchanges
        match command:
            case commands.Channel.Open():
                self.send(commands.Channel.OpenOk())
            case commands.Channel.Close():
                self.leave()
                self.send(commands.Channel.CloseOk())
            case commands.Confirm.Select():
                self.send(commands.Confirm.SelectOk())
            case commands.Exchange.Declare() | commands.Queue.Bind() if command.exchange not in exchanges:
                self._refuse(404, f"NOT_FOUND - no exchange '{command.exchange}' in vhost '/'")
            case commands.Exchange.Declare():
                self.send(commands.Exchange.DeclareOk())
            case commands.Exchange.Unbind():
                self.send(commands.Exchange.UnbindOk())
            case commands.Queue.Bind():
                exchanges[command.exchange].add(command.queue)
                self.send(commands.Queue.BindOk())
            case _:
                self._receive_of_queue(command)

    def _receive_of_queue(self, command: Any) -> None:
        queues = self._server.queues
        match command:
            case commands.Queue.Declare() if command.passive and command.queue not in queues:
                self._refuse(404, f"NOT_FOUND - no queue '{command.queue}' in vhost '/'")
            case commands.Queue.Declare():
                name = command.queue or f"amq.gen-{len(queues)}"
                queues.setdefault(name, Queue(is_stream=(command.arguments or {}).get("x-queue-type") == "stream"))
                self.send(commands.Queue.DeclareOk(name, 0, 0))
            case commands.Basic.Qos():
                self.send(commands.Basic.QosOk())
            case commands.Basic.Consume():
                self.consumer_tag = command.consumer_tag
                self.send(commands.Basic.ConsumeOk(command.consumer_tag))
                queues[command.queue].begin(self, (command.arguments or {}).get("x-stream-offset", ""))
            case commands.Basic.Ack():
                self._server.acknowledged.append(command.delivery_tag)
            case _:
                self._receive_post(command)

    def _receive_post(self, part: Any) -> None:
        match part:
            case commands.Basic.Publish():
                self._publishing, self._body = (part, ContentHeader()), b""
            case ContentHeader():
                assert self._publishing is not None
                self._publishing = (self._publishing[0], part)
            case ContentBody():
                assert self._publishing is not None
                self._body += part.value
                if len(self._body) == self._publishing[1].body_size:
                    self._take_post(*self._publishing)

    def _take_post(self, publish: commands.Basic.Publish, header: ContentHeader) -> None:
        self._published += 1
        confirms = self._server.confirms
        if confirms is False:
            self.send(commands.Basic.Nack(self._published))
            return
        message = StoredMessage(header.properties, self._body)
        if not self._server.route(message, publish.exchange, publish.routing_key):
            self.send(commands.Basic.Return(312, "NO_ROUTE", publish.exchange, publish.routing_key))
            self._send_content(self._body, header.properties)
        if confirms:
            self.send(commands.Basic.Ack(self._published))

    def _refuse(self, code: int, words: str) -> None:
        self.leave()
        self.send(commands.Channel.Close(code, words, 0, 0))

    def leave(self) -> None:
        for queue in self._server.queues.values():
            if self in queue.readers:
                queue.readers.remove(self)


class Link(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, server: AmqpServer) -> None:
        self._server = server
        self._received = b""
        self._greeted = False
        self._channels: dict[int, Channel] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.links.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.links.remove(self)
        for channel in self._channels.values():
            channel.leave()

    def send(self, number: int, command: Any) -> None:
        if not self._server.silent and not self.transport.is_closing():
            self.transport.write(frame.marshal(command, number))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._greeted and len(self._received) >= _GREETING and not self._server.silent:
            self._greeted, self._received = True, self._received[_GREETING:]
            self.send(0, commands.Connection.Start(0, 9, {"capabilities": _CAPABILITIES}, "PLAIN", "en_US"))
        while self._greeted and not self._server.silent:
            _, _, length = frame.frame_parts(self._received)
            if length is None or len(self._received) < length + _OVERHEAD:
                return
            size, number, command = frame.unmarshal(self._received)
            self._received = self._received[size:]
            self._receive(number, command)

    def _receive(self, number: int, command: Any) -> None:
        self._server.asked.append(command.name)
        if command.name in self._server.refused:
            code, words = self._server.refused[command.name]
            kind = commands.Channel if number else commands.Connection
            self.send(number, kind.Close(code, words, 0, 0))
        elif number:
            if isinstance(command, commands.Channel.Open):  # its number may be that of one that was closed
                self._channels[number] = Channel(self._server, lambda each: self.send(number, each))
            self._channels[number].receive(command)
        else:
            self._receive_about_all(command)

    def _receive_about_all(self, command: Any) -> None:
        match command:
            case commands.Connection.StartOk():
                self.send(0, commands.Connection.Tune(2047, _FRAME_BYTES, 0))
            case commands.Connection.Open():
                self.send(0, commands.Connection.OpenOk())
            case commands.Connection.Close():
                self.send(0, commands.Connection.CloseOk())
                self.transport.close()
