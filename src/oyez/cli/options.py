"""The options that several commands share, with their help taken from the settings themselves.

It must not know what the commands do with them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from oyez.config.tree import Settings, fields_of

DEFAULT_URL = "http://127.0.0.1:15100"

_ENTRIES = {entry.key: entry for entry in fields_of(Settings())}


def _flag(key: str, metavar: str | None = None, *, switch: bool = False) -> OptionInfo:
    entry = _ENTRIES[key]
    name = f"{entry.flag}/{entry.flag.replace('--', '--no-', 1)}" if switch else entry.flag
    choices = f" One of {', '.join(entry.setting.choices)}." if entry.setting.choices else ""
    default = f" Default: {entry.default}." if entry.default else ""
    option: OptionInfo = typer.Option(name, metavar=metavar, help=entry.setting.doc + choices + default)
    return option


def require_text(channels: Iterable[str]) -> None:
    """Require names that UTF-8 can write; what a terminal of another encoding gives is none. Raises BadParameter."""
    for name in channels:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise typer.BadParameter(f"{name!a} is not UTF-8", param_hint="CHANNEL") from error


# Flags stay texts until `load` reads them: a wrong one is then explained like a wrong line in the file.
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings in TOML; flags and OYEZ_… variables win over it."),
]
Host = Annotated[str | None, _flag("host", "ADDRESS")]
Port = Annotated[str | None, _flag("port", "NUMBER")]
Uds = Annotated[str | None, _flag("uds", "PATH")]
Key = Annotated[str | None, _flag("key", "SECRET")]
KeyFile = Annotated[str | None, _flag("key_file", "FILE")]
Broker = Annotated[str | None, _flag("broker", "URL")]
Dev = Annotated[bool | None, _flag("dev", switch=True)]
LogLevel = Annotated[str | None, _flag("log_level", "LEVEL")]
LogFormat = Annotated[str | None, _flag("log_format", "FORMAT")]


def read_flags(context: typer.Context) -> dict[str, object]:
    """Return what was given of the flags above, by the settings' names; None: not given."""
    return {key: context.params[key] for key, entry in _ENTRIES.items() if entry.flag}


DaemonUrl = Annotated[
    str,
    typer.Option(
        "--url",
        metavar="URL",
        envvar=["OYEZ_URL", "EVENT_DAEMON_URL"],
        help="The daemon: http://, https://, ws://, wss:// or http+unix:///path/of/the/socket.",
    ),
]
DaemonKey = Annotated[
    str,
    typer.Option(
        "--key", metavar="SECRET", envvar=["OYEZ_KEY", "EVENT_DAEMON_KEY"], help="The daemon's key.", show_default=False
    ),
]
