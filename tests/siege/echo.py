"""A process that nobody attacks: it sends back what it is sent. How late it does so is the machine's doing.

Knows nothing of the daemon. It runs as the daemon does: one event loop, the same right to a core.
"""

import asyncio
import sys

import uvloop


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the run closes it


if __name__ == "__main__":
    uvloop.run(_serve())
