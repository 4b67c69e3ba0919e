"""Following channels: `for event in listen(url, channels)` goes on for ever, over whatever links that takes.

It must not know what a stream is made of.
"""

import logging
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from oyez import grants
from oyez.backoff import Backoff
from oyez.client.errors import PosterError, Refused
from oyez.client.events import Event, Gap, check_channel
from oyez.client.stream import BadRecord, ClientStream, NoRoom, Ready
from oyez.client.target import Target

SILENCE_S = 45.0  # three of the heartbeats that the daemon sends

_FIRST_PAUSE_S = 1.0  # unless the daemon names one
_LONGEST_PAUSE_S = 10.0
_PAUSE_AT_CAPACITY_S = 30.0  # likewise
_PASSING = (408, 425, 429)  # of the statuses below 500

logger = logging.getLogger("oyez.client")


def listen(
    url: str,
    channels: str | Iterable[str],
    since: int | None = None,
    *,
    patient: bool = False,
    silence_s: float = SILENCE_S,
) -> "Listener":
    """Follow channels of the daemon at `url`, by its event stream. No key is needed.

    Args:
        url: http://, https://, ws://, wss:// or http+unix:///path/of/the/socket. A path is put before the daemon's.
        channels: one name, or several (the daemon takes 10).
        since: begin behind the event of this id: all that came later is replayed, what is gone is told as a Gap.
            Without it, or with 0, the newest few events come first (the daemon's `history.replay_without_start`).
        patient: try for ever to make the first connection too. Else it has to work, or the iteration raises.
        silence_s: a stream that brings nothing for so long is given up. The daemon sends a sign of life every 15 s.

    Raises ConfigError for a URL that is none, TypeError or ValueError for a channel that is no text.
    """
    return Listener(url, channels, since, patient=patient, silence_s=silence_s)


class Listener:
    """Iterates over the events of some channels, and over the gaps among them; see `listen` for the arguments.

    Yields `Event(id, channel, message)` and `Gap(channel, after, oldest)`, each once, the events in rising order of ids
    over all channels. A stream that is lost is made anew for ever, after pauses that grow to 10 s, and goes on behind
    the newest id; a daemon without room is asked again when it says. Both are logged, by the logger ``oyez.client``.

    The first stream is made by `open`, by `with`, or by the first `next`. Its channels are followed from then on.

    One thread iterates. `close`, from any thread, ends the iteration: at once, or if a connection is being made, within
    the 10 s that it may take.

    An event whose message Python cannot read comes too, with `Unreadable` in the message's place.

    Raises, when iterated over: Refused, when the daemon does not take the channels (or a proxy the path); BadAnswer,
    for a record that no daemon writes; before the first stream is up, any PosterError. An error ends the iteration;
    `position` says where another listener would have to begin.
    """

    def __init__(
        self,
        url: str,
        channels: str | Iterable[str],
        since: int | None = None,
        *,
        patient: bool = False,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._target = Target(url)
        names = [channels] if isinstance(channels, str) else list(channels)
        self._channels = [check_channel(name) for name in names]
        self._followed = {grants.strip(name) for name in self._channels}
        self._position = since or None
        self._gaps: dict[str, Gap] = {}  # the newest of each channel
        self._was_ready = patient
        self._silence_s = silence_s
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, spread=(1, 1.5))
        self._has_begun = self._is_lost = False
        self._stream: ClientStream | None = None
        self._closed = threading.Event()
        self._steps = self._follow()
        self._next: Event | Gap | None = None

    @property
    def position(self) -> int | None:
        """The id up to which everything was returned; None: nothing is known yet. To be named as `since` later."""
        return self._position

    def open(self) -> None:
        """Make the first stream, if there was none yet, and wait until the daemon has subscribed the channels.

        Raises as the iteration does. After `close` it does nothing.
        """
        if not self._has_begun and not self._closed.is_set():
            self._next = self._step()

    def close(self) -> None:
        """End the iteration; harmless to repeat, and from any thread."""
        self._closed.set()
        stream = self._stream
        if stream is not None:
            stream.cut()
        with suppress(ValueError):  # another thread is in it, and finds the end of its stream
            self._steps.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event | Gap:
        while not self._closed.is_set():
            arrival, self._next = self._next, None
            arrival = arrival or self._step()
            if arrival is not None:
                return arrival
        raise StopIteration

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _step(self) -> Event | Gap | None:
        """Go on to the next arrival; None is a stream that is up, or the end."""
        self._has_begun = True
        try:
            return next(self._steps)
        except StopIteration:
            self._closed.set()
        except ValueError:
            if not self._closed.is_set():  # else `close` was faster, and is in the generator
                raise
        return None

    def _follow(self) -> Generator[Event | Gap | None, None, None]:
        """Yield what is new, and None for each stream that comes up."""
        while not self._closed.is_set():
            try:
                yield from self._follow_stream()
            except PosterError as error:
                if self._closed.is_set():
                    return
                if not isinstance(error, NoRoom) and not (self._was_ready and _may_pass(error)):
                    raise
                self._note_loss(error)
                self._closed.wait(self._backoff.take())

    def _follow_stream(self) -> Iterator[Event | Gap | None]:
        self._stream = stream = ClientStream(self._target, self._silence_s)
        try:
            if self._closed.is_set():
                return  # `close` came too early to find the stream
            stream.open(self._channels, self._position)
            for arrival in stream.arrivals():
                if isinstance(arrival, Ready):
                    self._note_ready(stream)
                    yield None
                elif self._is_new(arrival):
                    yield arrival
        except NoRoom:
            self._backoff.restart(stream.retry_s or _PAUSE_AT_CAPACITY_S)
            raise
        except BadRecord:
            self._position = stream.position or self._position
            raise
        finally:
            self._stream = None
            stream.close()

    def _is_new(self, arrival: Event | Gap) -> bool:
        if isinstance(arrival, Gap):  # a stream that ended before the first event behind a gap is told of it again
            is_new = self._gaps.get(arrival.channel) != arrival
            if arrival.channel in self._followed:
                self._gaps[arrival.channel] = arrival
            return is_new
        if self._position is not None and arrival.id <= self._position:
            return False
        self._position = arrival.id
        return True

    def _note_ready(self, stream: ClientStream) -> None:
        self._was_ready = True
        # The daemon's word counts, also where it is lower: ids of another time, thus of a daemon whose clock went back.
        self._position = stream.position or self._position
        self._backoff.restart(stream.retry_s or None)  # 0 asks for none
        if self._is_lost:
            self._is_lost = False
            logger.info("the link to %s is back", self._target)

    def _note_loss(self, error: PosterError) -> None:
        if not self._is_lost:
            self._is_lost = True
            logger.warning("no link (%s); trying to get one", error)


def _may_pass(error: PosterError) -> bool:
    """Return whether another try may go better."""
    if isinstance(error, Refused):
        return error.status >= 500 or error.status in _PASSING
    return not isinstance(error, BadRecord)
