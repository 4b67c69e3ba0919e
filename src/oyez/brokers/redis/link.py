"""A link to Redis: two connections, one that asks and one that reads, opened together and closed for good together.

Knows the client library. Must not know events, or when to connect again.

The library's own clients would connect and send again by themselves: a post that was taken, and whose answer got lost,
would be taken twice. Its connections do neither.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis
from redis import exceptions
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from oyez.brokers.redis.errors import explain, explain_answer
from oyez.brokers.redis.scripts import ALL, Script
from oyez.brokers.redis.url import RedisUrl

ANSWER_TIMEOUT_S = 5.0

_CLOSE_TIMEOUT_S = 1.0

Part = bytes | str | int


class RedisLink:
    """Two connections.

    Args:
        url: the broker's.
        answer_timeout_s: how long Redis may take for an answer.
    """

    def __init__(self, url: RedisUrl, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._url = url
        self._timeout_s = answer_timeout_s
        self._asking, self._reading = _make(url), _make(url)

    async def open(self) -> None:
        """Connect, and bring the scripts.

        Raises:
            BrokerError: it cannot be done; temporary if waiting may help.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                for connection in (self._asking, self._reading):
                    await connection.connect()  # type: ignore[no-untyped-call]
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            raise explain(error, self._url, "connect") from error
        await self._load()

    async def ask(self, *parts: Part) -> Any:
        """Send a command, and return its answer.

        Raises:
            BrokerError: Redis refuses it, or the link is lost: `is_open` says which.
        """
        return (await self.ask_all([parts]))[0]

    async def ask_all(self, commands: Sequence[tuple[Part, ...]]) -> list[Any]:
        """Send commands one behind the other, and return all answers.

        Raises:
            BrokerError: Redis refuses the first that it refuses, or the link is lost.
        """
        return await self._talk(self._asking, commands, self._timeout_s)

    async def run(self, script: Script, keys: Sequence[str], *arguments: Part) -> Any:
        """Run a script; it is brought again if Redis has forgotten it, since nothing was done then."""
        return (await self.run_with(script, keys, arguments, ()))[0]

    async def run_with(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Part], more: Sequence[tuple[Part, ...]]
    ) -> list[Any]:
        """Run a script and more commands after it; return all answers."""
        commands: list[tuple[Part, ...]] = [("EVALSHA", script.sha, len(keys), *keys, *arguments), *more]
        try:
            return await self.ask_all(commands)
        except ForgottenScriptError:
            await self._load()
            return await self.ask_all(commands)

    async def read(self, parts: tuple[Part, ...], block_s: float) -> Any:
        """Send a command on the connection that reads; Redis may hold its answer back for so many seconds."""
        return (await self._talk(self._reading, [parts], block_s + self._timeout_s))[0]

    async def close(self) -> None:
        """Close both connections, whatever state they are in."""
        for connection in (self._asking, self._reading):
            try:
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await connection.disconnect(nowait=True)
            except (exceptions.RedisError, OSError, TimeoutError):
                pass  # it is gone

    @property
    def is_open(self) -> bool:
        """Whether both are connected, as far as one knows."""
        return bool(self._asking.is_connected and self._reading.is_connected)

    async def _load(self) -> None:
        await self.ask_all([("SCRIPT", "LOAD", script.text) for script in ALL])

    async def _talk(
        self, connection: AbstractConnection, commands: Sequence[tuple[Part, ...]], timeout_s: float
    ) -> list[Any]:
        answers: list[Any] = []
        refusal: exceptions.ResponseError | None = None
        try:
            async with asyncio.timeout(timeout_s):
                # Packed in C: a call's own way takes half a microsecond for each part.
                packed = b"".join(map(_pack, commands))
                await connection.send_packed_command(packed, check_health=False)
                for _ in commands:
                    try:
                        answers.append(await connection.read_response(disconnect_on_error=False))
                    except exceptions.ResponseError as error:
                        refusal = refusal or error
        except BaseException as error:
            await connection.disconnect(nowait=True)  # what comes on it would be taken for the answer to the next
            if isinstance(error, exceptions.RedisError | OSError | TimeoutError):
                raise explain(error, self._url, "ask") from error
            raise
        if isinstance(refusal, exceptions.NoScriptError):
            raise ForgottenScriptError
        if refusal is not None:
            raise explain_answer(refusal, self._url) from refusal
        return answers


class ForgottenScriptError(Exception):
    """Redis was started anew, or its scripts were flushed: nothing was done."""


_pack = cast(Callable[[tuple[Part, ...]], bytes], hiredis.pack_command)


def _make(url: RedisUrl) -> AbstractConnection:
    given: dict[str, Any] = {
        "db": url.database,
        "username": url.user or None,
        "password": url.password or None,
        "client_name": "oyez",
        "protocol": 2,
        "socket_timeout": None,  # a limit of the library's own costs a task for each write
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
    }
    if url.path:
        return UnixDomainSocketConnection(path=url.path, **given)
    if not url.tls:
        return Connection(host=url.host, port=url.port, **given)
    files = dict(url.files)
    return SSLConnection(
        host=url.host,
        port=url.port,
        ssl_ca_certs=files.get("cafile"),
        ssl_certfile=files.get("certfile"),
        ssl_keyfile=files.get("keyfile"),
        **given,
    )
