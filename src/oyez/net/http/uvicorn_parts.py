"""The parts of uvicorn that are used here, loaded without its command line: that took a tenth of a daemon's start.

Knows how uvicorn's package is put together. Must not know what its parts are used for.

Whichever part is imported, the package loads `uvicorn.main` first, and that click, multiprocessing and what restarts
processes. Here an empty module stands in its place while the parts are loaded. Whoever asks for it later gets it.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = ("Config", "FlowControl", "HttpToolsProtocol", "RequestResponseCycle", "Server", "ServerState", "is_ssl")

_LEFT_OUT = "uvicorn.main"
_TAKEN_FROM_IT = ("Server", "main", "run")  # by the package


@contextmanager
def _command_line_left_out() -> Iterator[None]:
    if "uvicorn" in sys.modules:  # somebody has loaded all of it
        yield
        return
    stand_in = ModuleType(_LEFT_OUT)
    vars(stand_in).update(dict.fromkeys(_TAKEN_FROM_IT))
    sys.modules[_LEFT_OUT] = stand_in
    try:
        yield
    finally:
        del sys.modules[_LEFT_OUT]
    package = vars(sys.modules["uvicorn"])
    for name in _TAKEN_FROM_IT:
        del package[name]
    package["__getattr__"] = _find_left_out  # PEP 562


def _find_left_out(name: str) -> object:
    """Load the command line after all, for whoever asks the package for what it has of that."""
    if name not in _TAKEN_FROM_IT:
        raise AttributeError(f"module 'uvicorn' has no attribute {name!r}")
    loaded = vars(importlib.import_module(_LEFT_OUT))
    vars(sys.modules["uvicorn"]).update({each: loaded[each] for each in _TAKEN_FROM_IT})
    return loaded[name]


with _command_line_left_out():
    from uvicorn.config import Config
    from uvicorn.protocols.http.flow_control import FlowControl
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
    from uvicorn.protocols.utils import is_ssl
    from uvicorn.server import Server, ServerState
