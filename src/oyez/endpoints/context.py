"""What every door works with: the hub, the limits, the clock, and room for one more.

Knows the parts that doors share. Must not know any door, nor a wire format.
"""

from typing import NamedTuple

from oyez.access.origins import Origins
from oyez.access.peer import Note, Peers
from oyez.access.places import Places
from oyez.hub.hub import Hub
from oyez.limits import LimitSettings
from oyez.net.ticker import Ticker


class DoorContext(NamedTuple):
    """The parts of the daemon that a door works with: one object for all doors, of posters too.

    Attributes:
        hub: the channels.
        places: room for sessions, and what each address may have.
        ticker: the clock.
        note: counts what peers did wrong.
        limits: how much one client may ask for.
        origins: whose pages may listen.
        peers: how clients are told apart.
    """

    hub: Hub
    places: Places
    ticker: Ticker
    note: Note
    limits: LimitSettings
    origins: Origins
    peers: Peers
