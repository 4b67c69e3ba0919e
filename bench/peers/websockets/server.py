"""The peer of websockets: docs/reference/websocket.md, listeners on one port, posters on another, no history.

usage: server.py PORT POST_PORT KEY
"""

import asyncio
import json
import sys
import time
from collections import defaultdict

import uvloop
from websockets.asyncio.server import broadcast, serve

PORT, POST_PORT = int(sys.argv[1]), int(sys.argv[2])

followers = defaultdict(set)
last_id = time.time_ns() // 1_000_000


async def serve_listener(socket):
    channels = []
    try:
        async for text in socket:
            request = json.loads(text)
            if request["command"] == "set-filter":
                for channel in channels:
                    followers[channel].discard(socket)
                channels = request["filter"]
                for channel in channels:
                    followers[channel].add(socket)
    finally:
        for channel in channels:
            followers[channel].discard(socket)


async def serve_poster(socket):
    global last_id  # noqa: PLW0603  # a peer is one counter and a loop
    async for text in socket:
        request = json.loads(text)
        if request["command"] == "post":
            last_id += 1
            channel = request["channel"]
            broadcast(
                followers[channel], json.dumps({"id": last_id, "channel": channel, "message": request["message"]})
            )
        await socket.send(json.dumps({"status": "success", "id": last_id}))


async def main():
    options = {"compression": None, "backlog": 4096}
    async with (
        serve(serve_listener, "127.0.0.1", PORT, **options),
        serve(serve_poster, "127.0.0.1", POST_PORT, **options),
    ):
        await asyncio.Future()


uvloop.run(main())
