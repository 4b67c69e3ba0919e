"""How the daemon's log looks: lines for people, or JSON for machines.

Knows formats. Must not know what is logged.
"""

import json
import logging
import sys
import time

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _TextFormatter(logging.Formatter):
    """``2026-11-22T10:00:00Z INFO     oyez.server: listening on ...``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(levelname)-8s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def converter(self, seconds: float | None) -> time.struct_time:
        """Take UTC, whatever the machine's time zone."""
        return time.gmtime(seconds)


class _JsonFormatter(logging.Formatter):
    """One object a line, with the keys ``time``, ``level``, ``logger`` and ``message``, and ``traceback`` if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up(level: str, form: str) -> None:
    """Log to standard error.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``text`` or ``json``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    logging.getLogger("asyncio").setLevel(logging.WARNING)
