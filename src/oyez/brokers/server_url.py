"""What URLs of servers have in common, whichever store is behind them.

Knows how such a URL is written. Must not know what its keys mean.
"""

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit


def split_server_url(text: str, default_ports: Mapping[str, int], form: str) -> tuple[str, SplitResult, int]:
    """Take a URL apart.

    Args:
        text: the URL.
        default_ports: the port of each scheme that there is, where the URL names none.
        form: how such a URL looks, for the error.

    Returns:
        The scheme, the parts and the port.

    Raises:
        ValueError: it is wrong; what would be right, in words, without the password.
    """
    if not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("a URL without spaces, control characters and backslashes (write them as %20 and so on)")
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in default_ports:
        raise ValueError(form)
    if "#" in text:
        raise ValueError("no # (in a password or a name write it as %23)")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # its words may quote the password
        port = 0
    if port == 0:
        raise ValueError(f"{form}, a port from 1 to 65535 (in a password write : / ? @ as %3A %2F %3F %40)")
    return scheme, parts, port or default_ports[scheme]


def show_server(host: str, port: int) -> str:
    """Return host and port for messages."""
    return f"{f'[{host}]' if ':' in host else host}:{port}"
