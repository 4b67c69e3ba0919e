"""What a daemon in development mode says once it serves: where it is, and what to paste into the site's settings.

Knows settings and the terminal. Must not know the server.
"""

import socket
from collections.abc import Iterator

from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.cli.colours import Part, make_console, styled
from oyez.config.tree import Settings
from oyez.site_settings import KEY, PUBLIC_URL, URL, USE

# An address that stands for all of a machine is none that a browser could go to. Behind it: networks that there are not
# (RFC 5737, RFC 3849), on the way to which the system takes one of the machine's own addresses.
_ANYWHERE = {
    "http://0.0.0.0:": ((socket.AF_INET, "192.0.2.1"),),
    "http://[::]:": ((socket.AF_INET6, "2001:db8::1"), (socket.AF_INET, "192.0.2.1")),
}
_LOOPBACK = {"http://0.0.0.0:": "127.0.0.1", "http://[::]:": "[::1]"}


def render(settings: Settings, address: str) -> str:
    """Return the banner as it is written to the standard output: in colours for a terminal, plain elsewhere.

    The key is shown, so this is for development mode only. The address is ``http://host:port`` or ``unix:path``.
    """
    console = make_console()
    with console.capture() as shown:
        for line in banner(settings, address):
            console.print(styled(*line), soft_wrap=True)
    return shown.get()


def banner(settings: Settings, address: str) -> Iterator[list[Part]]:
    """Yield the lines, each as texts with their styles."""
    yield []
    if address.startswith("unix:"):
        yield _row("Address", f"http+unix://{address.removeprefix('unix:')}", "bold")
        yield _row("Key", settings.key)
    else:
        is_known = settings.key in WELL_KNOWN_KEYS
        url = _reachable(address, from_afar=not is_known)
        yield _row("Address", url, "bold")
        yield _row("Page", f"{url}/", "bold underline", "post an event, see it arrive")
        yield _row("Key", settings.key, "", "known to everyone, so it counts on this machine only" if is_known else "")
        yield []
        yield [("For the settings of a Django site (local_settings.py):", "dim")]
        yield []
        for name, value in _django(url, settings.key).items():
            yield [(name, "cyan"), " = ", (repr(value), "green")]
    yield []
    yield [("Stop with Ctrl-C.", "dim")]
    yield []


def _row(name: str, value: str, style: str = "", remark: str = "") -> list[Part]:
    return [(f"{name:<9}", "dim"), (value, style), *([(f"   {remark}", "dim")] if remark else [])]


def _django(url: str, key: str) -> dict[str, object]:
    return {
        USE: True,
        URL: url,  # what the site posts to
        PUBLIC_URL: url,  # what browsers connect to: behind nginx, the site's own address
        KEY: key,
    }


def _reachable(address: str, *, from_afar: bool) -> str:
    """Return a URL that can be opened: from other machines too, if that is wanted and this one has an address."""
    for anywhere, ways in _ANYWHERE.items():
        if address.startswith(anywhere):
            host = next(filter(None, (_own_address(*way) for way in ways)), None) if from_afar else None
            return f"http://{host or _LOOPBACK[anywhere]}:{address.removeprefix(anywhere)}"
    return address


def _own_address(family: socket.AddressFamily, elsewhere: str) -> str | None:
    """Find this machine's address on the way elsewhere, as it stands in a URL. Nothing is sent."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            own = str(probe.getsockname()[0])
    except OSError:
        return None
    return f"[{own}]" if ":" in own else own
