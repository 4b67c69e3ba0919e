"""Lines in colours, on a terminal: the one way of this command line to the library that draws them.

It must not know what the lines say. Whatever could steer the terminal is escaped here, as in `output`.
"""

from rich.console import Console, ConsoleRenderable
from rich.text import Text

from oyez.terminal_text import printable

Part = str | tuple[str, str]
"""A text, or a text with its style, such as ``("failed", "bold red")``."""


def styled(*parts: Part) -> ConsoleRenderable:
    """Join texts to a line. What it returns cannot be added to, so that nothing gets past the escaping."""
    return Text.assemble(*((printable(words), style) for words, style in map(_with_style, parts)))


def plain(*parts: Part) -> str:
    """Join texts without their styles."""
    return "".join(words for words, _ in map(_with_style, parts))


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Make what draws, on the standard output or the standard error."""
    return Console(stderr=stderr, quiet=quiet, highlight=False, markup=False)


def _with_style(part: Part) -> tuple[str, str]:
    return (part, "") if isinstance(part, str) else part
