"""What a browser does at the public doors: Socket.IO, raw WebSockets, long polls.

Knows each door's conversation. Must not know the order of the steps.
"""

import time

from oyez.cli.doctor import raw, socketio
from oyez.cli.doctor.findings import Outcome
from oyez.cli.doctor.posting import PostSide
from oyez.cli.doctor.public import Door
from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import ask, asked
from oyez.cli.probe.failures import Kind, NotOpened, Trouble
from oyez.cli.probe.place import Place
from oyez.cli.probe.web_socket import opened
from oyez.errors import OyezError

_LISTENER = {"role": "client"}
_CLOSED = Outcome("the address above does not work", skipped=True)
_NOTHING_POSTED = Outcome("nothing could be posted", skipped=True)


class SocketIODoor(Door):
    """The door of LQDOJ's pages."""

    def __init__(self, post: PostSide, name: str, place: Place) -> None:
        super().__init__(post, name, place.without_path(), socketio.PATH)

    def reach(self) -> Outcome:
        """Does the first request of a browser get its answer?"""
        try:
            answer = ask(self.place, socketio.POLLING)
        except Trouble as trouble:
            return self.failed(trouble)
        if answer.status != 200 or socketio.read_handshake(answer) is None:
            return self.explain(answer)
        self.is_open = True
        return Outcome(f"{self.url} answers")

    def deliver_by_websocket(self) -> Outcome:
        """Is the connection upgraded, and does an event come through?"""
        if not self.is_open:
            return _CLOSED
        try:
            with socketio.by_websocket(self.place, _LISTENER) as session:
                return self._deliver(session, "by WebSocket") if self.post.may_post else Outcome("it opens")
        except NotOpened as error:
            return self._not_upgraded(error.answer)
        except OyezError as error:
            return self.failed(error)

    def deliver_by_polling(self) -> Outcome:
        """Does an event come through to a browser that has no WebSocket?"""
        if not self.is_open:
            return _CLOSED
        if not self.post.may_post:
            return _NOTHING_POSTED
        try:
            with socketio.by_polling(self.place, _LISTENER) as session:
                return self._deliver(session, "by polling")
        except OyezError as error:
            return self.failed(error)

    def _deliver(self, session: socketio.Session, how: str) -> Outcome:
        session.emit("start-msg", {"start": self.post.last_id})
        session.emit("set-filter", {"filter": [self.post.channel]})
        for _ in range(2):
            while (event := session.event())[0] != "status":
                if event[0] == "error":
                    if event[1].get("code") == "server-capacity":
                        return self.full(self.url)
                    return self.found("listener-refused", f"{self.url}: {event[1].get('message')}")
        with self.posted() as event_id:
            began = time.monotonic()
            try:
                while session.event()[1].get("id") != event_id:
                    pass
            except Trouble as trouble:
                if trouble.kind is not Kind.SILENT:
                    raise
                return self.found("event-lost", f"event {event_id} did not come {how}")
        return self.prompt(how, time.monotonic() - began)

    def _not_upgraded(self, answer: Answer) -> Outcome:
        if answer.status in {400, 404, 426} and not answer.is_page:
            seen = f"polling works, but the daemon is not asked for a WebSocket: {self.url} answers {answer}"
            return self.found("upgrade-lost", seen)
        return self.explain(answer)


class RawDoor(Door):
    """The door of DMOJ's pages."""

    def __init__(self, post: PostSide, name: str, place: Place) -> None:
        super().__init__(post, name, place, place.path or "/")

    @property
    def upstream(self) -> str:
        """What a proxy has to pass requests on to."""
        return "the daemon's main port (15100 if not set otherwise)"

    def deliver(self) -> Outcome:
        """Does a WebSocket open, and does an event come through?"""
        try:
            with opened(self.place, self.path) as link:
                self.is_open = True
                if not self.post.may_post:
                    return Outcome(f"{self.place.url(scheme='ws')} opens")
                raw.follow(link, self.post.channel, self.post.last_id)
                with self.posted() as event_id:
                    began = time.monotonic()
                    try:
                        while raw.read(link).get("id") != event_id:
                            pass
                    except Trouble as trouble:
                        if trouble.kind is not Kind.SILENT:
                            raise
                        return self.found("event-lost", f"event {event_id} did not come by WebSocket")
                return self.prompt("by WebSocket", time.monotonic() - began)
        except NotOpened as error:
            return self._not_opened(error.answer)
        except OyezError as error:
            return self.failed(error)

    def _not_opened(self, answer: Answer) -> Outcome:
        self.is_open = answer.status in {400, 404, 426} and not answer.is_page  # something of the daemon's is there
        if self.is_open and answer.code != "not-found":
            seen = f"the daemon is not asked for a WebSocket: {self.url} answers {answer}"
            return self.found("upgrade-lost", seen)
        return self.explain(answer)


class PollDoor(Door):
    """The door of DMOJ's pages when WebSockets fail."""

    def __init__(self, post: PostSide, name: str, place: Place) -> None:
        super().__init__(post, name, place, f"{place.path.rstrip('/')}/")

    @property
    def upstream(self) -> str:
        """What a proxy has to pass requests on to."""
        return "the daemon's port for long polls ([poll_listener], 15102 if not set otherwise) or of its main port"

    def reach(self) -> Outcome:
        """Is the path passed on? Without a channel, the daemon calls the request a bad one."""
        try:
            answer = ask(self.place, self.path)
        except Trouble as trouble:
            return self.failed(trouble)
        if answer.status != 400 or answer.is_page:
            return self.explain(answer)
        self.is_open = True
        return Outcome(f"{self.url} answers")

    def deliver(self) -> Outcome:
        """Does a poll that waits get the event? Browsers escape the separator of channels."""
        if not self.is_open:
            return _CLOSED
        if not self.post.may_post:
            return _NOTHING_POSTED
        channel, last = self.post.channel, self.post.last_id
        try:
            with asked(self.place, f"{self.path}{channel}-2%7C{channel}?last={last}") as poll:
                with self.posted() as event_id:
                    began = time.monotonic()
                    answer = poll.answer()
                return self._judge(answer, event_id, time.monotonic() - began)
        except Trouble as trouble:
            if trouble.kind is Kind.SILENT:
                return self.found("event-lost", f"a poll of two channels at {self.url} got no event")
            return self.failed(trouble)
        except OyezError as error:
            return self.failed(error)

    def _judge(self, answer: Answer, event_id: int, seconds: float) -> Outcome:
        if answer.status != 200 or not isinstance(answer.parsed, dict):
            return self.explain(answer)
        if answer.parsed.get("id") != event_id:
            return self.found("event-lost", f"a poll at {self.url} got another event than {event_id}")
        return self.prompt("by long poll", seconds)
