"""What the pages of the documentation hold for a reader to paste: the lines of each fenced block.

Knows Markdown. Must not know what the lines do.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def snippets(page: str, language: str) -> list[str]:
    """Return the blocks of a page, named from the repository's root, that are marked with this language."""
    text = (ROOT / page).read_text("utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no block of {language}"
    return [block for _, block in found]
