"""The parts of websockets that read frames, loaded without what looks for installed packages: a twentieth of a start.

Knows how the library's package finds its version. Must not know what its parts are used for.

It imports `importlib.metadata`, which is asked for the version of a checkout and not for that of a release. Here an
empty module stands in its place meanwhile. Whoever imports it later gets it.
"""

import importlib
import sys
from contextlib import suppress
from types import ModuleType

__all__ = ("OPEN", "SERVER", "Frame", "Opcode", "Protocol")

_LEFT_OUT = "importlib.metadata"


def _load_version() -> None:
    if _LEFT_OUT in sys.modules:
        return
    sys.modules[_LEFT_OUT] = ModuleType(_LEFT_OUT)
    try:
        with suppress(AttributeError):  # it was asked for something: then the package is loaded with it, below
            importlib.import_module("websockets.version")
    finally:
        del sys.modules[_LEFT_OUT]


_load_version()
from websockets.frames import Frame, Opcode  # noqa: E402 - only now
from websockets.protocol import OPEN, SERVER, Protocol  # noqa: E402
