"""The vocabulary of settings: what one means, in which unit, and which values it takes.

Each part of the daemon declares its own settings with it, in a frozen dataclass beside the part. It must not know any
setting by name, nor where values come from.
"""

import dataclasses
import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

MASK = "***"
"""What is shown in place of a key or a password."""

T = TypeVar("T")

DAY_S = 86_400.0
_LARGEST = 2**53 - 1  # of what has no limit of its own: more is a slip, and too much for a store

# To the last @: whoever forgot to escape one in the password does not want the rest of it shown, nor does who forgot a
# slash or the scheme, or has a line break in it.
_PASSWORD = re.compile(r"^((?:[\w+.-]+:/{1,2})?[^/@:]*:(?!//)).*@", re.DOTALL)

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Setting(NamedTuple):
    """What a setting means and which values it takes: the metadata of a field, ``Annotated[int, Setting(...)]``.

    Attributes:
        doc: the meaning, a sentence.
        unit: of a number, in the plural.
        low: the smallest number that is accepted.
        high: the largest one; None: 2^53 - 1.
        choices: the only texts that are accepted; empty: any.
        valid: judges a text, or each entry of a list.
        form: what ``valid`` or ``problem`` accepts, in words.
        problem: says of a text what would be right; returns nothing when the text is.
        flag: whether `oyez serve` has a flag for it.
        secret: whether its value is never shown.
        may_be_number: whether a text may be written as a number in the file.
        live: whether a change takes effect while the daemon serves; None: as its leaf says (`is_live`).
    """

    doc: str
    unit: str = ""
    low: float = 0
    high: float | None = None
    choices: tuple[str, ...] = ()
    valid: Callable[[str], bool] | None = None
    form: str = ""
    problem: Callable[[str], str] | None = None
    flag: bool = False
    secret: bool = False
    may_be_number: bool = False
    live: bool | None = None

    def expected(self, default: object, value: object = None) -> str:
        """Return in words which values are right for a setting with this default, instead of the given one."""
        if self.problem is not None:
            texts = value if isinstance(value, tuple) else (value,)
            problems = [self.problem(text) for text in texts if isinstance(text, str)]
            if any(problems) or (isinstance(value, str) and isinstance(default, str)):
                return next(filter(None, problems), self.form)
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if isinstance(default, bool):
            return "true or false"
        if isinstance(default, tuple):
            return f"a list of {self.form}"
        if isinstance(default, str):
            return self.form or "a text"
        kind = "a whole number" if isinstance(default, int) else "a number"
        high = _LARGEST if self.high is None and isinstance(value, int) and value > _LARGEST else self.high
        span = f"at least {self.low:.15g}" if high is None else f"from {self.low:.15g} to {high:.16g}"
        return f"{kind}{f' of {self.unit}' if self.unit else ''}, {span}"

    def accepts(self, default: object, value: object) -> bool:
        """Return whether the value has the default's type (an integer may be a number) and is within the limits."""
        if type(value) is not type(default) and not (type(value) is int and isinstance(default, float)):
            return False
        if isinstance(value, int | float):  # a boolean passes, being 0 or 1
            return self.low <= value <= (_LARGEST if self.high is None else self.high)  # NaN fails, as it should
        texts = value if isinstance(value, tuple) else (value,)
        return all(isinstance(text, str) and self._accepts_text(text) for text in texts)

    def _accepts_text(self, text: str) -> bool:
        if self.problem is not None and self.problem(text):
            return False
        return (not self.choices or text in self.choices) and (self.valid is None or self.valid(text))

    def masked(self, value: object) -> object:
        """Return the value as it may be shown: no key, and no password within a URL."""
        if self.secret:
            return MASK if value else ""
        return _PASSWORD.sub(rf"\1{MASK}@", value) if isinstance(value, str) else value


class Tables(NamedTuple):
    """A setting that is a list of tables, each with members of its own: ``Annotated[tuple[X, ...], Tables(X, ...)]``.

    Attributes:
        of: a frozen dataclass, whose fields are annotated with their `Setting`; a ``_`` at a name's end is Python's.
        doc: what one table means, a sentence.
    """

    of: type
    doc: str


def put_in_force(leaf: T, new: T) -> None:
    """Give the leaf that the parts of a daemon have the values of another one: each reads it whenever it needs to.

    For the one who reads settings again. To all others a leaf is frozen, and the daemon's own is nobody else's.
    """
    for declared in dataclasses.fields(leaf):  # type: ignore[arg-type]  # every leaf is a dataclass
        object.__setattr__(leaf, declared.name, getattr(new, declared.name))


def seconds(doc: str, *, low: float = 0.001, high: float = DAY_S) -> Setting:
    """Describe a time in seconds, of a thousandth or more, since the wire counts in milliseconds."""
    return Setting(doc, unit="seconds", low=low, high=high)


class Rate(NamedTuple):
    """So much a second for ever, and so much at once after a quiet time."""

    per_second: float
    burst: float

    def __str__(self) -> str:
        """Write it for the log: ``50/s burst 60,000``."""
        return f"{self.per_second:,.15g}/s burst {self.burst:,.15g}"


_RATE_FORM = 'a rate and what may come at once, such as "50 burst 500"; a number alone is both'
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?: +burst +([0-9]+(?:\.[0-9]+)?))?", re.ASCII)


def rate(doc: str, unit: str) -> Setting:
    """Describe a rate of so many a second, with a burst: a text that `parse_rate` reads."""
    return Setting(doc, unit=f"{unit} a second", problem=_problem_of_rate, form=_RATE_FORM, may_be_number=True)


def parse_rate(text: str) -> Rate:
    """Read ``"50 burst 500"``; ``"50"`` is fifty a second, and fifty at once.

    Raises:
        ValueError: it is none, or no whole one would ever be there.
    """
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(_RATE_FORM)
    parsed = Rate(float(found[1]), float(found[2] or found[1]))
    if not (0 < parsed.per_second <= _LARGEST and 1 <= parsed.burst <= _LARGEST):
        raise ValueError(f"a rate above 0, and a burst of at least 1, both up to {_LARGEST}")
    return parsed


def _problem_of_rate(text: str) -> str:
    try:
        parse_rate(text)
    except ValueError as error:
        return str(error)
    return ""


def is_path(text: str) -> bool:
    """Accept a URL's path of plain parts, with or without a slash at its end."""
    return text == "/" or re.fullmatch(r"(/[\w.~-]+)+/?", text, re.ASCII) is not None


def is_mount(text: str) -> bool:
    """Accept a URL's path of one or more plain parts between slashes."""
    return re.fullmatch(r"(/[\w.~-]+)+/", text, re.ASCII) is not None


def is_json_pointer(text: str) -> bool:
    """Accept where a member of a JSON value is (RFC 6901), other than the whole."""
    return re.fullmatch(r"(?:/(?:[^~/]|~[01])*){1,32}", text) is not None


def from_text(default: object, text: str) -> object:
    """Read a text as the type of the default; a text that does not read stays one, which `Setting.accepts` refuses."""
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, bool):
        return _BOOLEANS.get(text.strip().lower(), text)
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            return text
    return text
