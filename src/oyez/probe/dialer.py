"""Connections that are made in a bounded time, and why one could not be made or did not last.

Knows names, addresses, TLS and clocks. Must not know what is said over a connection.
"""

import errno
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Timer
from typing import NamedTuple, Self

from oyez.client.names import Address, look_up
from oyez.client.sockets import cut, dial_first
from oyez.probe.failures import Kind, Trouble
from oyez.probe.place import Place

STEP_S = 5.0
"""How long one question may take, from the look-up of the name to the end of the answer."""


class TimeLimit(NamedTuple):
    """How many seconds something may take, and until when, on the clock of `time.monotonic`."""

    seconds: float
    until: float

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Let something take so long from now on."""
        return cls(seconds, time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        """How much of it is left, at least 0."""
        return max(self.until - time.monotonic(), 0.0)


@contextmanager
def connected(place: Place, limit: TimeLimit) -> Iterator[socket.socket]:
    """Open a connection, with TLS where the place has it; it is cut off in time. Raises Trouble.

    What goes wrong on it inside the ``with`` is turned into Trouble as well.
    """
    with explained(place, limit), dial(place, limit) as plain:
        if not place.secure:
            with _cut_off(plain, limit):
                yield plain
            return
        wrap = partial(ssl.create_default_context().wrap_socket, server_hostname=place.host)
        # TLS takes the plain socket's descriptor over, so what is cut is the one that has it, from the handshake on.
        with wrap(plain, do_handshake_on_connect=False) as secured, _cut_off(secured, limit):
            secured.do_handshake()
            yield secured


@contextmanager
def explained(place: Place, limit: TimeLimit) -> Iterator[None]:
    """Turn the errors of sockets into Trouble."""
    try:
        yield
    except (OSError, EOFError, UnicodeError) as error:
        raise _diagnose(error, place, limit) from error


def _diagnose(error: Exception, place: Place, limit: TimeLimit) -> Trouble:
    if isinstance(error, TimeoutError) or not limit.left_s:
        return silent(place, limit)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(Kind.TLS, f"the certificate of {place.authority} is not trusted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return Trouble(Kind.TLS, f"{place.authority} does not speak TLS as it should: {error.reason or error}")
    return Trouble(Kind.BROKEN, f"the connection to {place.socket_path or place.authority} broke: {_words(error)}")


def silent(place: Place, limit: TimeLimit) -> Trouble:
    """Say that time ran out."""
    return Trouble(Kind.SILENT, f"{place.socket_path or place.authority} did not answer within {limit.seconds:g} s")


def dial(place: Place, limit: TimeLimit) -> socket.socket:
    """Connect to the first address that takes it. Raises Trouble."""
    addresses: list[Address] = [(socket.AF_UNIX, place.socket_path)] if place.socket_path else _look_up(place, limit)
    try:
        return dial_first(addresses, limit.until)
    except OSError as error:
        refusal = error
    where = place.socket_path or place.authority
    if isinstance(refusal, TimeoutError):
        raise Trouble(Kind.SILENT, f"{where} takes no connection: no answer within {limit.seconds:g} s") from refusal
    if isinstance(refusal, FileNotFoundError):
        raise Trouble(Kind.REFUSED, f"{where} is not there") from refusal
    if refusal.errno == errno.ECONNREFUSED:
        raise Trouble(Kind.REFUSED, f"nothing listens on {where}: connection refused") from refusal
    raise Trouble(Kind.REFUSED, f"{where} cannot be reached: {_words(refusal)}") from refusal


def _look_up(place: Place, limit: TimeLimit) -> list[Address]:
    try:
        return look_up(place.host, place.port, limit.until)
    except TimeoutError:
        raise Trouble(Kind.NAME, f"the look-up of the name {place.host} took longer than {limit.seconds:g} s") from None
    except (OSError, UnicodeError) as error:  # UnicodeError: a label longer than DNS allows
        raise Trouble(Kind.NAME, f"the name {place.host} is unknown: {_words(error)}") from error


@contextmanager
def _cut_off(link: socket.socket, limit: TimeLimit) -> Iterator[None]:
    """End a connection in time, however slowly its bytes trickle: the one who reads then sees its end."""
    timer = Timer(limit.left_s, cut, [link])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _words(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number is not None and number in errno.errorcode:
        return os.strerror(number).lower()
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
