"""The OpenAPI document, with the limits that hold in this daemon.

Knows where it is kept and which numbers in it are settings. Must not know what it describes.
"""

from dataclasses import asdict
from pathlib import Path

import msgspec

from oyez.limits import LimitSettings


def load(limits: LimitSettings, version: str) -> bytes:
    """Return the document as JSON, filled in.

    A setting stands in the file as ``"$name"`` where a number belongs, and as ``$name`` in text.
    """
    text = Path(__file__).with_name("openapi.json").read_text(encoding="utf-8").replace("$version", version)
    for name, value in asdict(limits).items():
        text = text.replace(f'"${name}"', str(value)).replace(f"${name}", str(value))
    return msgspec.json.format(text.encode(), indent=0)
