"""`oyez serve` with plain options, read without the library of the command line: that took a fifth of a start.

Knows the flags of settings. Must not know what the library makes of anything else: help, mistakes, completion and all
other ways to write an option are left to it. `tests/unit/test_plain_serve.py` holds both to the same settings.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from oyez.cli.daemon import run_daemon
from oyez.config.tree import Settings, fields_of

_COMPLETION = "_OYEZ_COMPLETE"  # set by a shell that asks how a word goes on


class PlainOptions(NamedTuple):
    """The settings file, if one is named, and settings by name."""

    config: Path | None
    flags: dict[str, object]


def serve_if_plain(words: Sequence[str]) -> None:
    """Run the daemon, and end the process with it; returns if the library has to read the options.

    Args:
        words: what stands behind ``serve``.

    Raises:
        ConfigError: a setting is wrong, or cannot be had on this machine.
    """
    plain = None if _COMPLETION in os.environ or os.name == "nt" else read_plain_options(words)  # nt: "*" and the like
    if plain is not None:
        run_daemon(*plain)


def read_plain_options(words: Sequence[str]) -> PlainOptions | None:
    """Read options that are written as ``--port 80`` or ``--dev``, each once; None: something else is among them."""
    entries = [entry for entry in fields_of(Settings()) if entry.flag]
    switches = {entry.flag: entry.key for entry in entries if entry.kind == "boolean"}
    texts = {entry.flag: entry.key for entry in entries if entry.kind != "boolean"} | {"--config": "config"}
    found: dict[str, object] = {}
    rest = iter(words)
    for word in rest:
        key = switches.get(word) or texts.get(word)
        value = True if word in switches else next(rest, "")
        if key is None or key in found or not value or str(value).startswith("-"):
            return None
        found[key] = value
    config = found.pop("config", None)
    return PlainOptions(None if config is None else Path(str(config)), found)
