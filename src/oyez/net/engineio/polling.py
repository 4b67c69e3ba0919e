"""The polling transport of one Engine.IO session: packets wait for the next GET (Engine.IO 4, "HTTP long-polling").

Knows one pending request at a time and how much may wait. Must not know sessions or HTTP.
"""

import asyncio
from collections.abc import Callable

from oyez.net.engineio.unread import UnreadBudget
from oyez.wire import engineio

# Above this, a listener lags and resumes from history with its next GET, and a POST waits for that GET as well. One
# write, and the answers to one command, may come on top: 64 KiB in all, as much as a socket may hold back.
_FULL_BYTES = 24 * 1024

# Answers that nobody fetches, where nothing waits for that GET: those to posts that a store has taken, for one.
MAX_UNREAD_BYTES = 64 * 1024

# Packets that came one by one are joined. What is longer is kept as it is: others may be waiting for the same bytes.
_JOINED_BYTES = 1024
_PART_BYTES = 100  # what an object and its place cost besides


class PollingTransport:
    """What is due to a client that polls.

    Args:
        on_drained: called after a GET has taken everything, if a write had been told that the transport is full.
        budget: what all clients that poll may leave unread, together.

    Attributes:
        max_packets: how many the client takes with one GET; None: any number.
        answered: the mark (``t``) of the last GET that was served.
        received: that of the last POST.
        posting: whether a POST is being carried out, which may wait.
        unread: the memory of what waits, in bytes.
        charged: that part of it which nobody else waits for.
        answers: those of ``unread`` that were sent by `send`.
        held: a POST waits, since the session has asked for too much.
    """

    __slots__ = (
        "_answer",
        "_budget",
        "_ended",
        "_full",
        "_is_due",
        "_on_drained",
        "_parts",
        "_room",
        "answered",
        "answers",
        "charged",
        "held",
        "max_packets",
        "posting",
        "received",
        "unread",
    )

    def __init__(self, on_drained: Callable[[], None], budget: UnreadBudget) -> None:
        self._parts: list[bytes | bytearray] = []  # packets with separators between, in each
        self._budget = budget
        self.max_packets: int | None = None
        self.answered = self.received = ""
        self.posting = False
        self.unread = self.charged = self.answers = 0
        self.held = False
        self._full = False
        self._answer: Callable[[], None] | None = None  # a pending GET
        self._is_due = False  # the end of this turn is waited for, with the answer
        self._ended = False
        self._room: asyncio.Future[None] | None = None
        self._on_drained = on_drained

    @property
    def waiting(self) -> bool:
        """Whether a GET is pending."""
        return self._answer is not None

    @property
    def empty(self) -> bool:
        """Whether nothing waits for a GET."""
        return not self._parts

    @property
    def crowded(self) -> bool:
        """Whether so much waits that the client should fetch it before it asks for more."""
        return self.unread > _FULL_BYTES

    def write(self, data: bytes) -> bool:
        """Add packets, joined as in a payload; False when enough is waiting for the next GET.

        A pending GET is answered at once, as a WebSocket would be written to; while a POST is carried out, which may
        bring more, it leaves with all of this turn.
        """
        self._put(data, self._budget.cost(data) if len(data) > _JOINED_BYTES else len(data))
        if self.unread > _FULL_BYTES:
            self._full = True
        if self._answer is not None:
            if self.posting:
                self._answer_soon()
            else:
                self._answer_now()
        return not self._full

    def send(self, packet: bytes) -> None:
        """Add one packet; a pending GET leaves with all that is added in this turn of the loop."""
        self.answers += len(packet)
        self._put(packet, len(packet))
        self._answer_soon()

    def _put(self, data: bytes, cost: int) -> None:
        parts = self._parts
        if len(data) <= _JOINED_BYTES and parts and isinstance(parts[-1], bytearray):
            parts[-1] += engineio.SEPARATOR
            parts[-1] += data
        else:
            parts.append(bytearray(data) if len(data) <= _JOINED_BYTES else data)
            cost += _PART_BYTES
            self.unread += _PART_BYTES
        self.unread += len(data)
        self._charge(self.charged + cost)

    def _charge(self, charged: int) -> None:
        self._budget.add(charged - self.charged)
        self.charged = charged

    def _answer_soon(self) -> None:
        if self._answer is not None and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._is_due = False
        if self._answer is not None and (self._parts or self._ended):
            self._answer_now()

    def _answer_now(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer()

    def let_post_go_on(self) -> None:
        """Go on with a POST that waits for a GET."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def take(self) -> bytes:
        """Remove what waits and return it as the payload that answers a GET; empty when nothing does."""
        if self.max_packets is not None:
            payload = self._take_first(self.max_packets)
            if self._parts:
                return payload
        else:
            payload = self.empty_out()
        if self._full:
            self._full = False
            self._on_drained()  # may write the next packets, for the next GET
        return payload

    def _take_first(self, most: int) -> bytes:
        taken: list[bytes | bytearray] = []
        while self._parts and most:
            first, *rest = self._parts[0].split(engineio.SEPARATOR, most)
            packets = [first, *rest]
            left = packets.pop() if len(packets) > most else None
            taken += packets
            most -= len(packets)
            if left is None:
                del self._parts[0]
            else:
                self._parts[0] = left
        self._count_anew(sum(len(part) + _PART_BYTES for part in self._parts))
        return engineio.SEPARATOR.join(taken)

    def empty_out(self) -> bytes:
        """Remove all that waits and return it, as at the end of polling: nobody is told that there is room again."""
        payload = engineio.SEPARATOR.join(self._parts)
        self._parts.clear()
        self._count_anew(0)
        return payload

    def _count_anew(self, unread: int) -> None:
        self.unread = unread
        self.answers = min(self.answers, unread)
        self._charge(min(self.charged, unread))
        if not self.crowded:
            self.let_post_go_on()

    def end(self) -> None:
        """The session has ended: what a GET that is pending has not taken by the end of this turn, nobody will."""
        self._ended = True
        if self.waiting:
            self._answer_soon()
            self._charge(0)  # it is about to be fetched
        else:
            self.empty_out()
        self.let_post_go_on()

    def wait(self, answer: Callable[[], None]) -> None:
        """Have ``answer`` called when there is something to take, or the session ends. One at a time."""
        self._answer = answer

    def stop_waiting(self) -> None:
        """Forget the GET that is pending: its client has gone."""
        self._answer = None

    async def wait_for_room(self) -> None:
        """Wait until a GET has taken enough, or the session ends or is about to leave polling. One at a time."""
        self._room = asyncio.get_running_loop().create_future()
        try:
            await self._room
        finally:
            self._room = None
