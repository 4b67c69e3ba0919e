"""The options that several commands share, with their help taken from the settings themselves.

It must not know what the commands do with them.
"""

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from oyez.config.tree import Entry, Settings, fields_of

DEFAULT_URL = "http://127.0.0.1:15100"

_ENTRIES = tuple(fields_of(Settings()))
_METAVARS = {
    "host": "ADDRESS", "port": "NUMBER", "uds": "PATH", "key": "SECRET", "key_file": "FILE", "broker": "URL",
    "log_level": "LEVEL", "log_format": "FORMAT",
}  # fmt: skip


def take_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting that has a flag to a command. It is called with them as ``**flags``.

    A flag that was not given is None. The others stay texts until `load` reads them: a wrong one is then explained
    like a wrong line in the file.
    """
    signature = inspect.signature(command)
    config, *others = (each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD)
    flags = [
        inspect.Parameter(entry.key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_option_of(entry))
        for entry in _ENTRIES
        if entry.flag
    ]
    # The library reads the signature, not what the function takes.
    vars(command)["__signature__"] = signature.replace(parameters=[config, *flags, *others])
    return command


def _option_of(entry: Entry) -> object:
    is_switch = entry.kind == "boolean"
    name = f"{entry.flag}/{entry.flag.replace('--', '--no-', 1)}" if is_switch else entry.flag
    choices = f" One of {', '.join(entry.setting.choices)}." if entry.setting.choices else ""
    default = f" Default: {entry.default}." if entry.default else ""
    option = typer.Option(name, metavar=_METAVARS.get(entry.key), help=entry.setting.doc + choices + default)
    return Annotated[bool | None if is_switch else str | None, option]


def require_text(channels: Iterable[str]) -> None:
    """Require names that UTF-8 can write; what a terminal of another encoding gives is none. Raises BadParameter."""
    for name in channels:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise typer.BadParameter(f"{name!a} is not UTF-8", param_hint="CHANNEL") from error


Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings in TOML; flags and OYEZ_… variables win over it."),
]
WHICH_DAEMON: dict[str, Any] = {
    "metavar": "URL",
    "envvar": ["OYEZ_URL", "EVENT_DAEMON_URL"],
    "help": "The daemon: http://, https://, ws://, wss:// or http+unix:///path/of/the/socket.",
}
DaemonUrl = Annotated[str, typer.Option("--url", **WHICH_DAEMON)]
JsonAtTheEnd = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")]
DaemonKey = Annotated[
    str,
    typer.Option(
        "--key", metavar="SECRET", envvar=["OYEZ_KEY", "EVENT_DAEMON_KEY"], help="The daemon's key.", show_default=False
    ),
]
