"""Text of others, made fit for a terminal or a log.

Knows characters. Must not know where the text comes from, nor where it goes.
"""

import json


def printable(text: str) -> str:
    """Escape, as JSON does, whatever could move the cursor, change the colours or not be encoded at all.

    That is what Unicode calls no printable character: C0 and C1 controls (line breaks too), marks that turn the
    direction of writing, lone surrogates.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)
