"""The daemon's log: how a line looks, for people or as JSON for machines, and how it leaves the process.

Knows formats, and what else Python would write to the standard error. Must not know what is logged.

Whatever peers, stores and libraries say may be in a line. It is escaped here, and nowhere before.
"""

import json
import logging
import sys
import threading
import time

from oyez.outlet import Outlet, descriptor_of
from oyez.terminal_text import printable

logger = logging.getLogger(__name__)

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class TextFormatter(logging.Formatter):
    """``2026-11-22T10:00:00Z INFO     oyez.server: listening on ...``; a traceback follows, indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(levelname)-8s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def converter(self, seconds: float | None) -> time.struct_time:
        """Take UTC, whatever the machine's time zone."""
        return time.gmtime(seconds)

    def format(self, record: logging.LogRecord) -> str:
        """Write one record. Only its first line begins at the margin, so that no text of others can pass for one."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record, self.datefmt)
        return "\n  ".join([printable(self.formatMessage(record)), *_traceback_of(record)])


class JsonFormatter(logging.Formatter):
    """One object a line, with the keys ``time``, ``level``, ``logger`` and ``message``, and ``traceback`` if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record. What it says is escaped within the JSON too, for those who take the text out of it."""
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": printable(record.getMessage()),
        }
        if traceback := "\n".join(_traceback_of(record)):
            line["traceback"] = traceback
        return json.dumps(line)


def _traceback_of(record: logging.LogRecord) -> list[str]:
    """Return the traceback's lines, if there is one: its line breaks are kept, all else in it is escaped."""
    text = record.exc_text or (logging.Formatter().formatException(record.exc_info) if record.exc_info else "")
    return [printable(line) for line in text.split("\n")] if text else []


class Log(logging.Handler):
    """Makes lines of records, and hands them to a thread that writes them.

    Args:
        formatter: makes the lines.
        descriptor: where they are written to; None: nowhere.
        encoding: of what reads there; a character that it has not is escaped.
    """

    def __init__(self, formatter: logging.Formatter, descriptor: int | None, encoding: str = "utf-8") -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._encoding = encoding
        self._outlet = Outlet(descriptor, "oyez-log", describe_loss=self._describe_loss)

    @property
    def lines_dropped(self) -> int:
        """How many lines nobody could be given."""
        return self._outlet.dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, some time soon. One that cannot be formatted is our own bug, and told of instead."""
        try:
            line = self._encode(record)
        except Exception as error:  # noqa: BLE001 - the default would write to the standard error, and wait for it
            where = f"{record.pathname}:{record.lineno}"
            line = self._encode(_make_record(logging.ERROR, f"a line of {where} is lost, it cannot be made: {error!r}"))
        self._outlet.put(line)

    def finish(self, within_s: float) -> None:
        """Write what waits, as far as that is possible in the time given; nothing is written later."""
        self._outlet.finish(within_s)

    def finish_with(self, message: str, traceback: str, within_s: float) -> None:
        """Write one line more, and nothing later. Needs no lock, for a process whose other threads may hang."""
        record = _make_record(logging.CRITICAL, message)
        record.exc_text = traceback
        self._outlet.finish(within_s, self._encode(record))

    def _describe_loss(self, lines: int) -> bytes:
        what = "1 line of this log was" if lines == 1 else f"{lines} lines of this log were"
        return self._encode(_make_record(logging.WARNING, f"{what} dropped, since this stream took no more"))

    def _encode(self, record: logging.LogRecord) -> bytes:
        return (self.format(record) + "\n").encode(self._encoding, "backslashreplace")


def _make_record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord(logger.name, level, __file__, 0, message, None, None)


def set_up(level: str, form: str) -> Log:
    """Log to the standard error: what is logged, and what Python itself would write there.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``text`` or ``json``.
    """
    log = Log(
        JsonFormatter() if form == "json" else TextFormatter(),
        descriptor_of(sys.stderr),
        getattr(sys.stderr, "encoding", "utf-8"),
    )
    root = logging.getLogger()
    root.handlers[:] = [log]
    change_level(level)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_end_of_thread
    return log


def change_level(level: str) -> None:
    """Log from this level on: ``debug``, ``info``, ``warning`` or ``error``."""
    logging.getLogger().setLevel(_LEVELS[level])


def _log_unraisable(what: "sys.UnraisableHookArgs") -> None:
    if what.exc_value is not None:
        error = (what.exc_type, what.exc_value, what.exc_traceback)
        logger.error("%s: %r", what.err_msg or "an error that nobody could be told of", what.object, exc_info=error)


def _log_end_of_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_value is not None:
        error = (what.exc_type, what.exc_value, what.exc_traceback)
        logger.error("a thread has ended by an error of ours", exc_info=error)
