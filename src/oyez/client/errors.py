"""What can go wrong between a program and the daemon, named after what happened.

It must not know how calls are made.
"""
# ruff: noqa: N818 - as in `except Unreachable`

from oyez.errors import OyezError


class PosterError(OyezError):
    """A call that did not bring what it was made for.

    Attributes:
        uncertain: True when a post may have left and was not answered, so that the event may have been taken even so;
            or grants may have ended that were to be revoked.
        ids: of `post_many`, the ids of the events that were taken before; else empty.
    """

    def __init__(self, message: str, *, uncertain: bool = False) -> None:
        super().__init__(message)
        self.uncertain = uncertain
        self.ids: tuple[int, ...] = ()


class Unreachable(PosterError):
    """Nobody answers at the address, or the connection broke before the answer."""


class TimedOut(PosterError):
    """The time for the call, or for its connect, ran out."""


class BadAnswer(PosterError):
    """What answers is not the daemon: no HTTP, no JSON, or not the JSON that was asked for."""


class BadEvent(PosterError, ValueError):
    """An event given to `post_many` is no channel and message, or is not JSON. Its request was not sent.

    Attributes:
        index: its place among the events of the call, from 0.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"event {index} cannot be posted: {reason}")
        self.index = index
        self.reason = reason


class Refused(PosterError):
    """The daemon said no.

    Attributes:
        status: the HTTP status.
        code: the daemon's word for the reason, such as ``invalid-channel``; empty when it gave none.
        message: the same for people.
    """

    def __init__(self, status: int, code: str, message: str, *, uncertain: bool = False) -> None:
        words = f"{message or 'refused'} ({f'{code}, ' if code else ''}HTTP status {status})"
        super().__init__(words, uncertain=uncertain)
        self.status = status
        self.code = code
        self.message = message


class Unauthorized(Refused):
    """The key is missing or wrong, or back ends may not post from this address."""
