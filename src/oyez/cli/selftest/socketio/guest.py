"""Who goes through the Socket.IO door: links over one of its transports, joined and subscribed as a check wants them.

It must not know what is checked.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from oyez.cli.probe.failures import NotOpened
from oyez.cli.selftest.expectations import Mismatch, NotOffered, as_object, require
from oyez.cli.selftest.links import Link
from oyez.cli.selftest.posters import join_as_sender
from oyez.cli.selftest.transports import Dial, Refused, Transport
from oyez.cli.selftest.visit import NO_KEY, Visit, absent
from oyez.wire.socketio import PacketType


class SocketIOGuest:
    """A guest over one transport."""

    def __init__(self, visit: Visit, dial: Dial) -> None:
        self.visit = visit
        self._dial = dial

    @property
    def silenced(self) -> str:
        """Why it may not post: at this door only the key helps."""
        return "" if self.visit.key else NO_KEY

    @contextmanager
    def transport(self) -> Iterator[Transport]:
        """Lend a session in which nobody has joined."""
        with self._dial(self.visit.main) as transport:
            yield transport

    def knock(self) -> None:
        """Open a session. Raises NotOffered if there is no Socket.IO at all."""
        try:
            with self.transport():
                return
        except (NotOpened, Refused) as error:
            reason = absent(error)
            if isinstance(reason, NotOffered) and self.visit.has_socketio:  # thus over the other transport
                raise Mismatch("a session over this transport too", str(reason)) from error
            raise reason from error

    @contextmanager
    def link(self) -> Iterator[Link]:
        """Lend a link that has not joined."""
        with self.transport() as transport:
            yield Link(transport)

    @contextmanager
    def sender(self) -> Iterator[Link]:
        """Lend a link that has joined as a sender."""
        with self.link() as link:
            join_as_sender(link, self.visit.key)
            yield link

    @contextmanager
    def listener(self, channels: Sequence[str] = (), start: object = None) -> Iterator[Link]:
        """Lend a link that has joined as a listener and follows channels, if any are named."""
        with self.link() as link:
            answer = link.connect({"role": "client"})
            require(answer.kind is PacketType.CONNECT, "an answer that lets the listener in", answer.text)
            if start is not None:
                link.emit("start-msg", {"start": start})
                expect_success(link.hear("status"))
            if channels:
                follow(link, channels)
            yield link

    @cached_property
    def has_recovery(self) -> bool:
        """Tell whether the server says how complete a catch-up is: Oyez does, daemons of old do not."""
        with self.listener(start=1) as link:
            return "recovered" in follow(link, [self.visit.new_channel()])


def follow(link: Link, channels: Sequence[str]) -> dict[str, object]:
    """Set a filter; gives the status."""
    link.emit("set-filter", {"filter": channels})
    return expect_success(link.hear("status"))


def expect_success(answer: object) -> dict[str, object]:
    """Require a status that tells of success; gives all of it."""
    status = as_object(answer, '{"status":"success"}')
    require(status.get("status") == "success", '{"status":"success"}', answer)
    return status


def collect(link: Link, at_least: int = 0) -> list[object]:
    """Take all events that are under way to a listener: what it asks now is answered behind them.

    Live events may still be on their way through the daemon: wait for as many as have to come (`at_least`) first.
    """
    events = [link.hear("message") for _ in range(at_least)]
    link.emit("last-msg")
    return events + link.hear_until("last-response")
