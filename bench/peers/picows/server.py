"""The peer of picows: docs/reference/websocket.md, listeners on one port, posters on another, no history.

usage: server.py PORT POST_PORT KEY
"""

import asyncio
import json
import sys
import time
from collections import defaultdict

import picows
import uvloop

PORT, POST_PORT = int(sys.argv[1]), int(sys.argv[2])

followers = defaultdict(set)
last_id = time.time_ns() // 1_000_000


class Listener(picows.WSListener):
    """Follows the channels of its filter."""

    channels = ()

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == picows.WSMsgType.TEXT:
            request = json.loads(frame.get_payload_as_bytes())
            if request["command"] == "set-filter":
                self.leave(transport)
                self.channels = request["filter"]
                for channel in self.channels:
                    followers[channel].add(transport)

    def on_ws_disconnected(self, transport):
        self.leave(transport)

    def leave(self, transport):
        for channel in self.channels:
            followers[channel].discard(transport)


class Poster(picows.WSListener):
    """Posts, and gets a reply for each request."""

    def on_ws_frame(self, transport, frame):
        global last_id  # noqa: PLW0603  # a peer is one counter and a loop
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        request = json.loads(frame.get_payload_as_bytes())
        if request["command"] == "post":
            last_id += 1
            channel = request["channel"]
            event = json.dumps({"id": last_id, "channel": channel, "message": request["message"]}).encode()
            for follower in followers[channel]:
                follower.send(picows.WSMsgType.TEXT, event)
        transport.send(picows.WSMsgType.TEXT, json.dumps({"status": "success", "id": last_id}).encode())


async def main():
    for kind, port in ((Listener, PORT), (Poster, POST_PORT)):
        await picows.ws_create_server(lambda request, kind=kind: kind(), "127.0.0.1", port, backlog=4096)
    await asyncio.Future()


uvloop.run(main())
