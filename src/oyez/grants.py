"""Grants: the end of a channel's name that says who may listen, and that a holder of the daemon's key said so.

Knows their form and how they are signed. Must not know which channels need one, nor for how long one is good.

``tickets!42.t0k3f9.Zk3vQ4d0bUrxY1n2PzX8mA`` is the name, ``!``, the subject (whose it is; may be empty), ``.``,
the time of issue (seconds, base 36), ``.``, and the first 16 bytes of HMAC-SHA256 over all before it (base64url, 22
characters). It is a name like any other to whoever passes it on, so pages of old carry it unchanged.
"""

import hashlib
import hmac
import re
from binascii import b2a_base64
from functools import lru_cache
from typing import NamedTuple

SUBJECT_FORM = "at most 32 of the characters A-Z, a-z, 0-9, _ and -"

MOST_LENGTH = 65
"""The longest end of a name: what a grant adds to a channel's name at most."""

_FIXED_TEXT = b"oyez grant"  # what the key for grants is derived with: no key of posters signs anything itself
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MOST_DIGITS = 8  # until the year 91,000
_MAC_BYTES = 16
_MAC_LENGTH = 22
_MOST_BEGUN = 64  # keys of which the beginning of a signature is kept

_SUBJECT = re.compile(r"[A-Za-z0-9_-]{0,32}")
# Of what is behind the last "!" alone, and nothing tried twice: half of what a pattern for the whole name takes.
_END = re.compile(r"([A-Za-z0-9_-]{0,32}+)\.([0-9a-z]{1,8}+)\.([A-Za-z0-9_-]{22}+)")

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Grant(NamedTuple):
    """What a name says that has the form of a grant; `is_signed_by` knows whether it is true."""

    channel: str
    subject: str
    issued_s: int
    """Seconds since 1970."""
    signed: str
    """All before the signature."""
    signature: str


def derive_key(key: str) -> bytes:
    """Return what signs grants, made of a key that posters show; 32 bytes."""
    return hmac.digest(_encode(key), _FIXED_TEXT, "sha256")


def sign(derived_key: bytes, channel: str, subject: str, issued_s: int) -> str:
    """Return the name with which somebody may follow a channel.

    Args:
        derived_key: of `derive_key`.
        channel: its name, not empty.
        subject: for whom it is; may be empty.
        issued_s: seconds since 1970, from when on it is good.

    Raises:
        ValueError: one of them cannot stand in a grant.
    """
    if not channel:
        raise ValueError("the channel must not be empty")
    check_subject(subject)
    signed = f"{channel}!{subject}.{_to_base_36(issued_s)}."
    return signed + _signature(derived_key, signed)


def check_subject(subject: str) -> None:
    """Require that a subject can stand in a grant. Raises ValueError."""
    if not _SUBJECT.fullmatch(subject):
        raise ValueError(f"the subject {subject[:40]!a} is not {SUBJECT_FORM}")


def parse(name: str) -> Grant | None:
    """Take a name with a grant apart; None: it has none."""
    if name[-_MAC_LENGTH - 1 : -_MAC_LENGTH] != ".":  # nearly all others
        return None
    channel, _, end = name.rpartition("!")  # which neither subject, time nor signature has
    found = _END.fullmatch(end)
    if found is None or not channel:
        return None
    subject, issued, signature = found.groups()
    return Grant(channel, subject, int(issued, 36), name[:-_MAC_LENGTH], signature)


def strip(name: str) -> str:
    """Return a name without its grant, if it has one."""
    grant = parse(name)
    return name if grant is None else grant.channel


def is_signed_by(grant: Grant, derived_key: bytes) -> bool:
    """Return whether the signature is that of a key; the time it takes does not tell how much of it is right."""
    return hmac.compare_digest(_signature(derived_key, grant.signed), grant.signature)


def _signature(derived_key: bytes, text: str) -> str:
    begun_inner, begun_outer = _begin_mac(derived_key)
    inner, outer = begun_inner.copy(), begun_outer.copy()
    inner.update(_encode(text))
    outer.update(inner.digest())
    return b2a_base64(outer.digest()[:_MAC_BYTES], newline=False)[:_MAC_LENGTH].translate(_URL_SAFE).decode()


@lru_cache(_MOST_BEGUN)
def _begin_mac(derived_key: bytes) -> list["hashlib._Hash"]:
    """Return both hashes of an HMAC (RFC 2104 §2), begun with the key, to copy: two thirds less than `hmac.digest`."""
    block = derived_key.ljust(64, b"\0")
    return [hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C)]


def _to_base_36(number: int) -> str:
    if not 0 <= number < 36**_MOST_DIGITS:
        raise ValueError("the time of issue is no time that a grant can have")
    digits = ""
    while number >= 36:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return _DIGITS[number] + digits


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
