"""The peer of Django Channels, served by Daphne: the commands of docs/reference/websocket.md on one port, no history.

A group a channel, in Channels' layer for one process.

usage: server.py PORT POST_PORT KEY
"""

import json
import sys
import time

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={
        "default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 100_000}},
    },
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402  # Django has to be set up first
from channels.routing import ProtocolTypeRouter  # noqa: E402
from daphne.server import Server  # noqa: E402

PORT = int(sys.argv[1])
last_id = time.time_ns() // 1_000_000


class Consumer(AsyncWebsocketConsumer):
    """A listener or a poster, whichever it turns out to be."""

    channels = ()

    async def receive(self, text_data=None, bytes_data=None):
        global last_id  # noqa: PLW0603  # a peer is one counter and a loop
        request = json.loads(text_data)
        if request["command"] == "set-filter":
            await self.leave()
            self.channels = request["filter"]
            for channel in self.channels:
                await self.channel_layer.group_add(channel, self.channel_name)
        elif request["command"] == "post":
            last_id += 1
            channel = request["channel"]
            text = json.dumps({"id": last_id, "channel": channel, "message": request["message"]})
            await self.channel_layer.group_send(channel, {"type": "event", "text": text})
            await self.send(json.dumps({"status": "success", "id": last_id}))

    async def event(self, event):
        await self.send(event["text"])

    async def leave(self):
        for channel in self.channels:
            await self.channel_layer.group_discard(channel, self.channel_name)

    async def disconnect(self, code):
        await self.leave()


Server(
    application=ProtocolTypeRouter({"websocket": Consumer.as_asgi()}),
    endpoints=[f"tcp:port={PORT}:interface=127.0.0.1:backlog=4096"],
    signal_handlers=False,
    websocket_handshake_timeout=60,
).run()
