"""Which key counts: the one that is given, that of a file, or that of development mode.

Knows the settings that keys are in. Must not know who shows one, nor what else may be set.
"""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from oyez.access.ip_addresses import is_loopback
from oyez.access.settings import KEY_FORM, KeySettings, problem_of_key
from oyez.config.tree import Settings
from oyez.config.values import Layer, read_text
from oyez.errors import ConfigError
from oyez.setting import MASK

DEVELOPMENT_KEY = "oyez-development"
"""The key of a daemon in development mode that was given none and listens on loopback. Everyone knows it."""

_WELL_KNOWN = "development mode"
_MADE_UP = "development mode, made up for this start"
FROM_DEVELOPMENT_MODE = (_WELL_KNOWN, _MADE_UP)
"""Where the key comes from that a daemon takes or makes for itself: in words, as other sources."""

_MADE_UP_KEY_BYTES = 8  # short enough to be typed on a phone, and nothing in it that a shell or an option could mistake
_LONGEST_FILE_BYTES = 2**16


def find_key(layer: Layer, prefix: str = "") -> None:
    """Put a key where the rest of the values are, if it is in a file.

    Args:
        layer: what was said, and checked.
        prefix: of the names of ``key`` and ``key_file`` in it.

    Raises:
        ConfigError: both are given, or the file has none.
    """
    key, where_key = layer.get(prefix + "key", ("", ""))
    key_file, where = layer.get(prefix + "key_file", ("", ""))
    if key and key_file:
        raise ConfigError(prefix + "key_file", key_file, f"either key or key_file, not both ({where_key})")
    if key_file:
        layer[prefix + "key"] = (_read_key(str(key_file), prefix + "key_file", where), f"first line of {key_file}")


def make_development_key(layer: Layer) -> None:
    """Put a key into what was said, if it is for development and has none without a name."""
    dev, key = (layer.get(name, (None, ""))[0] for name in ("dev", "key"))
    if not dev or key:
        return
    host, uds = (str(layer.get(name, (getattr(Settings(), name), ""))[0]) for name in ("host", "uds"))
    if uds or is_loopback(host):
        layer["key"] = DEVELOPMENT_KEY, _WELL_KNOWN
    else:  # where others than this machine are to post, one that nobody knows yet
        layer["key"] = secrets.token_hex(_MADE_UP_KEY_BYTES), _MADE_UP


def check_keys(key: str, others: Sequence[KeySettings], where: str) -> None:
    """Require of each of several keys that it has a name and a secret, and that no other has the same secret.

    Raises:
        ConfigError: one has not, or shares it.
    """
    taken = {key: "key"} if key else {}
    for number, other in enumerate(others, 1):
        prefix = f"keys[{number}]."
        if not other.name:
            raise ConfigError(prefix + "name", "", f"a name, which the log and the metrics show ({where})")
        if not other.key:
            raise ConfigError(prefix + "key", "", f"the secret, here or in the file that key_file names ({where})")
        if other.key in taken:
            problem = f"a secret that no other key has, and {taken[other.key]} has the same ({where})"
            raise ConfigError(prefix + "key", MASK, problem)
        taken[other.key] = prefix + "key"


def _read_key(path: str, name: str, where: str) -> str:
    text = read_text(Path(path), name, f"; {where}", most_bytes=_LONGEST_FILE_BYTES)
    key = re.split(r"\r\n|\r|\n", text, maxsplit=1)[0].strip()
    problem = problem_of_key(key) if key else KEY_FORM
    if problem:
        raise ConfigError(name, path, f"a file whose first line is the key: {problem} ({where})")
    return key
