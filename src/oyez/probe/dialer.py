"""Connections that are made in a bounded time, and why one could not be made or did not last.

Knows names, addresses, TLS and clocks. Must not know what is said over a connection.
"""

import errno
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Thread, Timer

from oyez.probe.failures import Kind, Trouble
from oyez.probe.place import Place

STEP_S = 5.0
"""How long one question may take, from the look-up of the name to the end of the answer."""


@contextmanager
def connected(place: Place, until: float) -> Iterator[socket.socket]:
    """Open a connection, with TLS where the place has it; at the time `until` it is cut off. Raises Trouble.

    What goes wrong on it inside the ``with`` is turned into Trouble as well.
    """
    with explained(place, until), dial(place, until) as plain, _cut_off(plain, until):
        if not place.secure:
            yield plain
            return
        with ssl.create_default_context().wrap_socket(plain, server_hostname=place.host) as secured:
            yield secured


@contextmanager
def explained(place: Place, until: float) -> Iterator[None]:
    """Turn the errors of sockets into Trouble."""
    try:
        yield
    except (OSError, EOFError, UnicodeError) as error:
        raise _diagnose(error, place, until) from error


def _diagnose(error: Exception, place: Place, until: float) -> Trouble:
    if isinstance(error, TimeoutError) or time.monotonic() >= until:
        return silent(place)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(Kind.TLS, f"the certificate of {place.authority} is not trusted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return Trouble(Kind.TLS, f"{place.authority} does not speak TLS as it should: {error.reason or error}")
    return Trouble(Kind.BROKEN, f"the connection to {place.socket_path or place.authority} broke: {_words(error)}")


def silent(place: Place) -> Trouble:
    """Say that time ran out."""
    return Trouble(Kind.SILENT, f"{place.socket_path or place.authority} did not answer within {STEP_S:g} s")


def dial(place: Place, until: float) -> socket.socket:
    """Connect to the first address that takes it. Raises Trouble."""
    refusal: OSError = OSError("the name has no address")
    for family, address in _look_up(place, until):
        link = socket.socket(family, socket.SOCK_STREAM)
        try:
            link.settimeout(max(until - time.monotonic(), 0.001))  # 0 would mean "do not wait"
            link.connect(address)
        except OSError as error:
            link.close()
            refusal = error
        else:
            return link
    where = place.socket_path or place.authority
    if isinstance(refusal, TimeoutError):
        raise Trouble(Kind.SILENT, f"{where} takes no connection: no answer within {STEP_S:g} s") from refusal
    if isinstance(refusal, FileNotFoundError):
        raise Trouble(Kind.REFUSED, f"{where} is not there") from refusal
    if refusal.errno == errno.ECONNREFUSED:
        raise Trouble(Kind.REFUSED, f"nothing listens on {where}: connection refused") from refusal
    raise Trouble(Kind.REFUSED, f"{where} cannot be reached: {_words(refusal)}") from refusal


def _look_up(place: Place, until: float) -> list[tuple[int, tuple[object, ...] | str]]:
    if place.socket_path:
        return [(socket.AF_UNIX, place.socket_path)]
    answers: SimpleQueue[list[tuple[int, tuple[object, ...] | str]] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
            answers.put([(family, address) for family, _, _, _, address in found])
        except (OSError, UnicodeError) as error:  # UnicodeError: a label longer than DNS allows
            answers.put(error)

    Thread(target=ask, daemon=True).start()  # a look-up cannot be bounded, only left behind
    try:
        answer = answers.get(timeout=max(until - time.monotonic(), 0.001))
    except Empty:
        raise Trouble(Kind.NAME, f"the look-up of the name {place.host} took longer than {STEP_S:g} s") from None
    if isinstance(answer, Exception):
        raise Trouble(Kind.NAME, f"the name {place.host} is unknown: {_words(answer)}") from answer
    return answer


@contextmanager
def _cut_off(link: socket.socket, until: float) -> Iterator[None]:
    """End a connection in time, however slowly its bytes trickle: the one who reads then sees its end."""

    def cut() -> None:
        with suppress(OSError):
            socket.socket.shutdown(link, socket.SHUT_RDWR)

    timer = Timer(max(until - time.monotonic(), 0), cut)
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
