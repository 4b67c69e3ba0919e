"""The raw WebSocket dialect and the long poll, with nothing but a socket between a test and the bytes."""

import http.client
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.raw import PING, PONG, Answer, Call, WebSocket, dial, frame, request

SUCCESS = '{"status":"success"}'
RECOVERED = '{"status":"success","recovered":true}'
NOT_RECOVERED = '{"status":"success","recovered":false}'
TIMEOUT = '{"error": "timeout"}'
CAPACITY = '{"code":"server-capacity","message":"Server at capacity"}'

POST_LISTENER = {"post_listener.host": "127.0.0.1", "post_listener.port": 0}
POLL_LISTENER = {"poll_listener.host": "127.0.0.1", "poll_listener.port": 0}


class RawLink(WebSocket):
    """A WebSocket that was let in. The daemon's pings are answered, and counted."""

    def __init__(self, port: int, target: str, *, receive_buffer: int | None = None, **headers: str) -> None:
        self.pings = 0
        super().__init__(port, target, receive_buffer=receive_buffer, **headers)
        assert self.status == 101

    def receive_frame(self) -> tuple[int, bytes]:
        while (received := super().receive_frame())[0] == PING:
            self.pings += 1
            self.raw(frame(PONG, received[1]))
        return received

    def command(self, name: str, **members: object) -> None:
        self.send(json.dumps({"command": name, **members}))

    def value(self) -> Any:
        """Give the next message as the value that it is."""
        return json.loads(self.receive())

    def ask(self, name: str, **members: object) -> Any:
        self.command(name, **members)
        return self.value()


class RawListener(RawLink):
    """A listener; with channels, its filter is set."""

    def __init__(
        self,
        port: int,
        *channels: str,
        start: object = None,
        notify: bool = False,
        path: str = "/event/",
        receive_buffer: int | None = None,
        **headers: str,
    ) -> None:
        super().__init__(port, path, receive_buffer=receive_buffer, **headers)
        if start is not None:
            self.command("start-msg", start=start)
        if channels:
            self.follow(*channels, notify=notify)

    def follow(self, *channels: str, notify: bool = False) -> None:
        self.command("set-filter", filter=channels, **({"notify": True} if notify else {}))

    def events(self, count: int) -> list[Any]:
        """Give so many events of a channel; any other message fails."""
        events = [self.value() for _ in range(count)]
        assert not [event for event in events if "status" in event]
        return events

    def check_nothing_more(self) -> None:
        """Require that the next thing to come is the answer to a mistake."""
        assert self.ask("nothing-more") == {
            "status": "error",
            "code": "bad-command",
            "message": "bad command: nothing_more",
        }


class RawPoster(RawLink):
    """A poster; with a key, it has shown it."""

    def __init__(self, port: int, *, key: str | None = KEY, path: str = "/post", **headers: str) -> None:
        super().__init__(port, path, receive_buffer=None, **headers)
        if key is not None:
            assert self.ask("auth", key=key) == {"status": "success"}

    def post(self, channel: str, *messages: object) -> list[dict[str, Any]]:
        """Post without waiting in between, then read all replies; gives the events as listeners should get them."""
        events = [{"channel": channel, "message": message} for message in messages]
        for begin in range(0, len(events), 64):
            piece = events[begin : begin + 64]
            self.send(*(json.dumps({"command": "post", **event}) for event in piece))
            for event in piece:
                event["id"] = self.settled()
        return [{"id": event["id"], **event} for event in events]

    def post_text(self, channel: str, text: str | None) -> int:
        """Post a message that is written in JSON already; None: no message."""
        message = "" if text is None else f',"message":{text}'
        self.send(f'{{"command":"post","channel":{json.dumps(channel)}{message}}}')
        return self.settled()

    def settled(self) -> int:
        """Give the id out of the next reply."""
        reply = self.value()
        assert reply["status"] == "success", reply
        return int(reply["id"])

    def last(self) -> int:
        return int(self.ask("last-msg")["id"])


class KeptConnection:
    """HTTP requests on one socket, one after the other."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._http.sock = dial(port, receive_buffer=receive_buffer)

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> None:
        self._http.request(method, target, body, headers)

    def answer(self) -> Answer:
        response = self._http.getresponse()
        body = response.read().decode()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

    def drop(self) -> None:
        self._http.close()


def poll_target(channels: Sequence[str], *, last: object = None, **flags: bool) -> str:
    fields = [*([] if last is None else [f"last={last}"]), *(f"{name}=1" for name, is_set in flags.items() if is_set)]
    names = "|".join(quote(channel, safe="") for channel in channels)
    return f"/channels/{names}" + ("?" + "&".join(fields) if fields else "")


def poll(port: int, *channels: str, last: object = None, notify: bool = False, **headers: str) -> Answer:
    return request(port, "GET", poll_target(channels, last=last, notify=notify), **headers)


def begin_poll(port: int, *channels: str, last: object = None) -> Call:
    return Call(port, "GET", poll_target(channels, last=last))


def port_of(daemon: Daemon, what: str) -> int:
    """Find the port of one of the daemon's further addresses by the words that its log has for it, last since it began.

    A daemon that was restarted has another there.
    """
    found: list[str] = re.findall(rf"{re.escape(what)} at http://[^\s]*:(\d+)", daemon.stderr)
    assert found, f"no word of {what} in the log: {daemon.stderr}"
    return int(found[-1])


def post_port(daemon: Daemon) -> int:
    return port_of(daemon, "raw WebSocket posters, no key needed,")


def poll_port(daemon: Daemon) -> int:
    return port_of(daemon, "long polls")
