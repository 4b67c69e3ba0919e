"""How a text is read that somebody saved with an editor or a shell of their own.

Knows encodings. Must not know what the text says, nor where it is kept.
"""

import codecs

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(data: bytes) -> str:
    """Read UTF-8, passing over the byte order mark that Windows puts before it.

    Raises:
        ValueError: it is something else; what would be right, in words.
    """
    if data.startswith(_UTF_16):  # what PowerShell's > writes; UTF-32 begins alike
        raise ValueError("text in UTF-8, and this is UTF-16: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"text in UTF-8, and this is not from byte {error.start} on") from error
