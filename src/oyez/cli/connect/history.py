"""The lines typed in earlier sessions, for the arrow keys: one JSON string a line, in a file of the user's state.

Knows the file. Must not know what the lines mean, but for those that seem to hold a secret: they are not written down.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import History

from oyez.config import state_folder

_KEPT_LINES = 1_000
_SECRET = re.compile(r"key|token|passw|secret|auth|bearer", re.IGNORECASE)


def default_path() -> Path | None:
    """Return where the lines are kept; None without a home."""
    folder = state_folder.find()
    return None if folder is None else folder / "history"


class Recall(History):
    """A history that never fails: a file that cannot be read or written leaves the lines of this session."""

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """Return the lines, the newest first; a file that has grown long is cut to its newest part."""
        if self._path is None:
            return []
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except (OSError, ValueError):
            return []
        if len(lines) > 2 * _KEPT_LINES:
            self._shorten(lines[-_KEPT_LINES:])
        return [text for line in reversed(lines[-_KEPT_LINES:]) if (text := _decode(line))]

    def store_string(self, string: str) -> None:
        """Append a line, unless it seems to hold a secret."""
        if self._path is None or _SECRET.search(string):
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._path, json.dumps(string) + "\n", os.O_APPEND)

    def _shorten(self, lines: list[str]) -> None:
        assert self._path is not None
        whole = self._path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            _write(whole, "".join(f"{line}\n" for line in lines), os.O_TRUNC)
            whole.replace(self._path)


def _write(path: Path, text: str, how: int) -> None:
    """Write in one go, so that two consoles can share the file; only its owner may read it."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def _decode(line: str) -> str:
    try:
        text = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""
