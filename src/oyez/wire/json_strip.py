r"""Members taken out of JSON text, at the places that JSON pointers name (RFC 6901); the rest stays as it was written.

Knows JSON and pointers. Must not know what a member means, nor who is not to see it.

A pointer means a place in the message as it came. All members of a repeated name leave. With a member its comma leaves,
so what remains is what an encoder would have written without it, whatever it puts between members.
"""

import json
import re
from collections.abc import Iterable, Sequence

from oyez.json_scan import SCANNER
from oyez.wire import socketio

_WS = r"[ \t\n\r]*+"
_STRING = r'"[^"\\]*+"'
_VALUE = rf"(?:{_STRING}|[-+.\w]++)"

_SPACE = re.compile(_WS)
_PLAIN_NAME = re.compile(rf'"([^"\\]*+)"{_WS}:{_WS}')
_PLAIN_VALUE = re.compile(_VALUE)
_COLON = re.compile(rf"{_WS}:{_WS}")
_PLAIN_ELEMENTS = re.compile(rf"(?:{_VALUE}(){_WS},{_WS})++")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_MUST_BE_ESCAPED = re.compile(r'["\\\0-\x1f]')

Cuts = list[tuple[int, int]]
"""Where what leaves begins and ends, in rising order."""


class _Tree(dict[str, "_Tree"]):
    """The members on the way to those that leave, by their names; below one that leaves there is none.

    Names are bytes of UTF-8, each as a character: so text is looked through without being decoded.

    Attributes:
        indexes: the same for the elements of an array.
        run: matches plain members of other names, of which there may be very many; its group is behind the last value.
    """

    indexes: "dict[int, _Tree]"
    run: re.Pattern[str]

    def get_ready(self) -> None:
        """Note what the text is looked through with, when all names are there."""
        names = "|".join(map(re.escape, self))
        self.run = re.compile(rf'(?:(?!"(?:{names})"){_STRING}{_WS}:{_WS}{_VALUE}(){_WS},{_WS})++')
        self.indexes = {int(name): below for name, below in self.items() if _INDEX.fullmatch(name)}
        for below in self.values():
            below.get_ready()


class Strip:
    """What leaves the messages of a channel.

    Args:
        pointers: such as ``/points`` or ``/user/email``; none is empty.
    """

    def __init__(self, pointers: Sequence[str]) -> None:
        paths = [_as_tokens(pointer) for pointer in pointers]
        self._tree = _Tree()
        for path in paths:
            _grow(self._tree, path)
        self._tree.get_ready()
        marks = [_mark_of(path) for path in paths]
        self._marks = [mark for mark in marks if mark is not None] if all(marks) else None

    def __call__(self, message: bytes, attachments: tuple[bytes, ...] = ()) -> tuple[bytes, tuple[bytes, ...]]:
        """Take out what leaves; the very same bytes are returned if that is nothing.

        Of an attachment whose placeholder leaves the bytes leave too. The numbers of the others stay, so it is empty if
        there are others behind it.

        Args:
            message: valid JSON in UTF-8, of 900 levels at most.
            attachments: what placeholders in it stand for.

        Raises:
            ValueError: it is no JSON, which nobody should have let in.
        """
        cuts = self._find_cuts(message)
        if not cuts:
            return message, attachments
        kept = _splice(message, cuts)
        if attachments:
            attachments = _let_go(attachments, socketio.find_placeholders(message), socketio.find_placeholders(kept))
        return kept, attachments

    def _find_cuts(self, message: bytes) -> Cuts:
        cuts: Cuts = []
        if self._may_have_any(message):
            text = message.decode("latin-1")
            begin = _skip(text, 0)
            if text[begin : begin + 1] in ("{", "["):
                _walk(text, begin, self._tree, cuts)
        return cuts

    def _may_have_any(self, message: bytes) -> bool:
        """Return False if none of the names is in a message, as in nearly all that have been here before."""
        if self._marks is None or b"\\" in message:
            return True
        return any(mark in message for mark in self._marks)


def _as_tokens(pointer: str) -> list[str]:
    """Split a pointer into the names on its way: of ``/a~1b/c~0d`` they are ``a/b`` and ``c~d`` (RFC 6901 §4)."""
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _grow(tree: _Tree, path: Iterable[str]) -> None:
    *way, last = map(_in_bytes, path)
    for name in way:
        if name in tree and not tree[name]:
            return  # all of it leaves already
        tree = tree.setdefault(name, _Tree())
    tree[last] = _Tree()


def _in_bytes(name: str) -> str:
    return name.encode("utf-8", "surrogatepass").decode("latin-1")


def _mark_of(path: Sequence[str]) -> bytes | None:
    """Return what is in every message without a backslash that has a member; None: there is nothing."""
    name = next((name for name in path if _INDEX.fullmatch(name) is None), None)
    if name is None:
        return None
    return b"\\" if _MUST_BE_ESCAPED.search(name) else b'"%b"' % name.encode()


def _walk(text: str, at: int, tree: _Tree, cuts: Cuts) -> int:
    """Find what leaves of an object or an array, which begins here; return where it ends."""
    is_object = text[at] == "{"
    if not (is_object or tree.indexes):
        return SCANNER.raw_decode(text, at)[1]
    others, number, last = tree.run, 0, max(tree.indexes, default=0)
    seam = _Seam(cuts)
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        run = others.match(text, at) if is_object else _PLAIN_ELEMENTS.match(text, at) if number > last else None
        if run is not None:
            seam.keep(at)
            seam.pass_by(at, run.end(1), leaves=False)
            at = run.end()
        begin = at
        if is_object:
            name, at = _read_name(text, at)
            below = tree.get(name)
        else:
            below = tree.indexes.get(number)
            number += 1
        leaves = below is not None and not below
        if not leaves:
            seam.keep(begin)
        end = _walk(text, at, below, cuts) if below and text[at] in "{[" else _end_of(text, at)
        seam.pass_by(begin, end, leaves=leaves)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    seam.close()
    return at + 1


class _Seam:
    """Where the members of one object are cut, or the elements of one array.

    What comes first leaves with the comma behind it, all else with the one before it.
    """

    def __init__(self, cuts: Cuts) -> None:
        self._cuts = cuts
        self._keeps = False
        self._first = -1  # where those begin that leave before any is kept
        self._end = -1  # of the last one

    def keep(self, begin: int) -> None:
        """Note that one stays, before what is below it is looked through."""
        if self._first >= 0 and not self._keeps:
            self._cuts.append((self._first, begin))
        self._keeps = True

    def pass_by(self, begin: int, end: int, *, leaves: bool) -> None:
        """Note where one is."""
        if leaves and self._keeps:
            self._cuts.append((self._end, end))
        elif leaves and self._first < 0:
            self._first = begin
        self._end = end

    def close(self) -> None:
        """Note that there are no more."""
        if self._first >= 0 and not self._keeps:
            self._cuts.append((self._first, self._end))


def _read_name(text: str, at: int) -> tuple[str, int]:
    """Read a member's name, in bytes; return where its value begins."""
    plain = _PLAIN_NAME.match(text, at)
    if plain is not None:
        return plain[1], plain.end()
    end = SCANNER.raw_decode(text, at)[1]
    colon = _COLON.match(text, end)
    if colon is None:
        raise ValueError("not JSON: a colon is expected")
    return _in_bytes(json.loads(text[at:end].encode("latin-1"))), colon.end()


def _end_of(text: str, at: int) -> int:
    plain = _PLAIN_VALUE.match(text, at)
    return SCANNER.raw_decode(text, at)[1] if plain is None else plain.end()


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _splice(message: bytes, cuts: Cuts) -> bytes:
    parts, at = [], 0
    for begin, end in cuts:
        parts.append(message[at:begin])
        at = end
    parts.append(message[at:])
    return b"".join(parts)


def _let_go(attachments: tuple[bytes, ...], before: set[int], after: set[int]) -> tuple[bytes, ...]:
    """Return the attachments without the bytes of those that had a placeholder and have none any more."""
    gone = before - after
    most = max((number for number in range(len(attachments)) if number not in gone), default=-1) + 1
    return tuple(b"" if number in gone else attachments[number] for number in range(most))
