"""`oyez reload`: have a daemon read its settings again."""

import time
from contextlib import closing

from oyez.cli import options
from oyez.cli.output import complain, print_line
from oyez.client.api import Api, ApiRequest

# Beyond the reading of files, which may be on a slow disk, it takes milliseconds.
_TIMEOUT_S = 10.0


def reload(url: options.DaemonUrl = options.DEFAULT_URL, key: options.DaemonKey = "") -> None:
    """Have the daemon read its settings again, with the files of keys; those that can change count at once.

    What has changed is printed, and what needs a restart. If a setting is wrong, nothing is changed.

    For example: [bold]oyez check-config --config /etc/oyez.toml && oyez reload[/bold]
    """
    with closing(Api(url, key)) as api:
        answer = api.call(ApiRequest("POST", "/api/reload", b""), time.monotonic(), _TIMEOUT_S)
    print_line(f"changed: {_list_of(answer, 'changed') or 'nothing'}")
    if waiting := _list_of(answer, "needs_restart"):
        complain(f"warning: these settings have changed, and that needs a restart: {waiting}")


def _list_of(answer: dict[str, object], name: str) -> str:
    names = answer.get(name)
    return ", ".join(map(str, names)) if isinstance(names, list) else ""
