"""What a daemon in development mode says once it serves: where it is, and what to paste into the site's settings.

Knows settings and the terminal. Must not know the server.
"""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from oyez.settings import Settings

# An address that stands for all of a machine is none that a browser could go to.
_ANYWHERE = {"http://0.0.0.0:": "http://127.0.0.1:", "http://[::]:": "http://[::1]:"}


def render(settings: Settings, address: str) -> str:
    """Return the banner as it is written to the standard output: in colours for a terminal, plain elsewhere.

    The key is shown, so this is for development mode only. The address is ``http://host:port`` or ``unix:path``.
    """
    console = Console(highlight=False, soft_wrap=True)
    with console.capture() as shown:
        for line in banner(settings, address):
            console.print(line)
    return shown.get()


def banner(settings: Settings, address: str) -> Iterator[Text]:
    """Write the lines."""
    yield Text()
    if address.startswith("unix:"):
        yield _row("Address", f"http+unix://{address.removeprefix('unix:')}", "bold")
        yield _row("Key", settings.key)
    else:
        url = _reachable(address)
        yield _row("Address", address, "bold")
        yield _row("Page", f"{url}/", "bold underline", "post an event, see it arrive")
        yield _row("Key", settings.key)
        yield Text()
        yield Text("For the settings of a Django site (local_settings.py):", "dim")
        yield Text()
        for name, value in _django(url, settings.key).items():
            yield Text().append(name, "cyan").append(" = ").append(repr(value), "green")
    yield Text()
    yield Text("Stop with Ctrl-C.", "dim")
    yield Text()


def _row(name: str, value: str, style: str = "", remark: str = "") -> Text:
    row = Text().append(f"{name:<9}", "dim").append(value, style)
    return row.append(f"   {remark}", "dim") if remark else row


def _django(url: str, key: str) -> dict[str, object]:
    return {
        "EVENT_DAEMON_USE": True,
        "EVENT_DAEMON_URL": url,  # what the site posts to
        "EVENT_DAEMON_PUBLIC_URL": url,  # what browsers connect to: behind nginx, the site's own address
        "EVENT_DAEMON_KEY": key,
    }


def _reachable(address: str) -> str:
    for anywhere, here in _ANYWHERE.items():
        if address.startswith(anywhere):
            return here + address.removeprefix(anywhere)
    return address
