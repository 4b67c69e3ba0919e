"""JSON looked through: where a value ends, and whether it is JSON at all.

Knows the grammar. Must not know what a value means: a number may have any length.
"""

import json
from typing import NoReturn


def refuse_constant(name: str) -> NoReturn:
    """Refuse ``NaN`` and its like, which Python takes for JSON.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is no JSON value")


SCANNER = json.JSONDecoder(parse_constant=refuse_constant, parse_int=str, parse_float=str)
"""Its `decode` and `raw_decode` raise ValueError, and RecursionError for what is nested too deeply. What they give is
not the value."""
