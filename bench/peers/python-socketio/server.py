"""The peer of python-socketio: the events of docs/reference/protocol.md, one room a channel, no history.

usage: server.py PORT POST_PORT KEY
"""

import sys
import time

import socketio
import uvicorn

PORT, KEY = int(sys.argv[1]), sys.argv[3]

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*", http_compression=False)
senders = set()
last_id = time.time_ns() // 1_000_000


@server.event
async def connect(sid, environ, auth):
    if (auth or {}).get("role") == "sender":
        if auth.get("token") != KEY:
            raise socketio.exceptions.ConnectionRefusedError("Authentication failed")
        senders.add(sid)


@server.event
async def disconnect(sid):
    senders.discard(sid)


@server.on("set-filter")
async def set_filter(sid, request):
    for room in server.rooms(sid):
        if room != sid:
            await server.leave_room(sid, room)
    for channel in request["filter"]:
        await server.enter_room(sid, channel)
    await server.emit("status", {"status": "success"}, to=sid)


@server.on("post")
async def post(sid, event):
    global last_id  # noqa: PLW0603  # a peer is one counter and a loop
    if sid not in senders:
        return {"status": "error", "code": "unauthorized"}
    last_id += 1
    await server.emit("message", {"id": last_id, **event}, room=event["channel"])
    return {"status": "success", "id": last_id}


@server.on("last-msg")
async def last_message(sid):
    return {"status": "success", "id": last_id}


uvicorn.run(
    socketio.ASGIApp(server),
    host="127.0.0.1",
    port=PORT,
    backlog=4096,
    log_level="error",
    ws_per_message_deflate=False,
)
