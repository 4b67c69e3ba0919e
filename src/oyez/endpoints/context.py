"""What every door works with: the hub, the limits, the clock, and room for one more.

Knows the parts that doors share. Must not know any door, nor a wire format.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from oyez.access.origins import Origins
from oyez.access.peer import Note, Peers
from oyez.access.places import Places
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel
from oyez.hub.subscriber import Subscription
from oyez.limits import LimitSettings
from oyez.net.paced_refusals import PacedRefusals
from oyez.net.ticker import Ticker
from oyez.wire.commands import CommandError


class NoRoomError(Exception):
    """As many revocations are remembered as may be."""


class HeldGrant(NamedTuple):
    """What lets a listener into a channel."""

    channel: Channel
    subject: str
    """For whom it was made; may be empty."""
    issued_s: int
    """Seconds since 1970."""
    ends_s: float
    """Seconds since 1970; it is good until then."""
    is_needed: bool
    """Whether the channel is lost with it; False: the rule lets everybody in, and counts."""
    signed_by: bytes = b""
    """The derived key that it is signed with."""


class Admitted(NamedTuple):
    """What a listener may follow, and by which grants."""

    channels: list[str]
    grants: Sequence[HeldGrant] = ()


class ListenGate(Protocol):
    """Who may listen to what; see `endpoints.gate`, which a daemon without rules does not load."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many names were judged, by what came of it."""
        ...

    def measure(self, name: str) -> str:
        """Return that of a name which limits count."""
        ...

    def admit(self, names: Sequence[str]) -> Admitted | CommandError:
        """Return the channels that the names stand for, or why one of them is not let in."""
        ...

    def hold(self, subscription: Subscription, grants: Sequence[HeldGrant]) -> None:
        """Take channels away from a listener when the grants end that it has for them, which are all that it has."""
        ...

    def drop(self, subscription: Subscription) -> None:
        """Forget the grants of a listener that has left; harmless to repeat."""
        ...

    def subjects(self) -> list[str]:
        """Return for whom there are grants by which somebody listens, each once."""
        ...

    def has(self, subject: str, channel: Channel) -> bool:
        """Return whether somebody listens to a channel by a grant for a subject."""
        ...

    def sign(self, channel: str, subject: str, holder: str) -> tuple[str, float] | None:
        """Return a name with a grant, and its seconds; None if no key may. Raises ValueError for a bad subject."""
        ...

    async def revoke(self, subject: str | None, channel: str | None) -> int:
        """Take back what was made until now; return how many channels listeners of this daemon lose.

        Raises:
            ValueError: there is no such grant.
            NoRoomError: too many revocations are remembered.
            BrokerError: the store cannot keep it.
        """
        ...


TellCount = Callable[[str, int], object]
"""Writes to a listener how many listen to a channel: its name, and the count."""


class CountsOfListeners(Protocol):
    """Tells listeners how many they are; see `endpoints.presence`, which a daemon without such a rule does not load."""

    def ask(self, subscription: Subscription, channels: Sequence[str], tell: TellCount | None) -> int:
        """Have a listener told the counts of channels from now on; return how many it was told at once."""
        ...

    def forget(self, subscription: Subscription) -> None:
        """Tell a listener nothing more; harmless to repeat."""
        ...


@dataclass(slots=True)
class DoorContext:
    """The parts of the daemon that a door works with: one object for all doors, of posters too.

    The last two come and go with the rules, when those are read again: they are asked for at each use.

    Attributes:
        hub: the channels.
        places: room for sessions, and what each address may have.
        ticker: the clock.
        note: counts what peers did wrong.
        limits: how much one client may ask for.
        origins: whose pages may listen.
        peers: how clients are told apart.
        refusals: when an address that had its share is told so.
        gate: who may listen to what; None: everybody to everything, and a name is a channel.
        presence: tells how many listen; None: nobody is told.
    """

    hub: Hub
    places: Places
    ticker: Ticker
    note: Note
    limits: LimitSettings
    origins: Origins
    peers: Peers
    refusals: PacedRefusals
    gate: ListenGate | None = None
    presence: CountsOfListeners | None = None


def admit(gate: ListenGate | None, names: list[str]) -> Admitted | CommandError:
    """Return what a listener may follow that named channels, or why it may not; without a gate, all of them."""
    return Admitted(names) if gate is None else gate.admit(names)
