"""One value of a setting, or one text that a setting names: read, checked, and explained when it is wrong.

Knows the rules that all settings share. Must not know any setting by name, nor how sources are merged.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path

from oyez import saved_text
from oyez.config.tree import Entry
from oyez.errors import ConfigError

Layer = dict[str, tuple[object, str]]
"""What one source says, or all of them: dotted name -> (value, and where it was said)."""


def checked(entry: Entry, value: object, where: str) -> object:
    """Return the value in the setting's own type.

    Raises:
        ConfigError: it is none that the setting takes; with ``where`` it was said.
    """
    if isinstance(value, list):
        value = tuple(value)
    if entry.setting.may_be_number and type(value) in (int, float):
        value = str(value)
    if not entry.setting.accepts(entry.default, value):
        raise ConfigError(
            entry.key, entry.setting.masked(value), f"{entry.setting.expected(entry.default, value)} ({where})"
        )
    return float(value) if isinstance(value, int) and isinstance(entry.default, float) else value


def hint_at(name: str, names: Iterable[str], otherwise: str = "oyez check-config --all lists them all") -> str:
    """Return in words which of the names may have been meant by one that is none of them."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def read_text(path: Path, key: str, origin: str = "", *, most_bytes: int = -1) -> str:
    """Read the file that a setting names.

    Raises:
        ConfigError: it cannot be read, or is no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(key, str(path), f"a file that can be read ({reason}{origin})") from error
    try:
        text = saved_text.decode(content)
    except ValueError as error:
        raise ConfigError(key, str(path), f"a file of {error}{origin}") from error
    if "\0" in text:
        raise ConfigError(key, str(path), f"a file of text in UTF-8, and this looks like UTF-16{origin}")
    return text
