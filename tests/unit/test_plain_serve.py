"""Does a plain `oyez serve` mean the same without the library that reads the command line, which reads all else?"""

import pytest
import typer

from oyez.cli.app import build_app
from oyez.cli.plain_serve import read_plain_options

SERVE = typer.main.get_command(build_app(["serve"])).commands["serve"]  # type: ignore[attr-defined]  # the app is a group

PLAIN: tuple[list[str], ...] = (
    [],
    ["--dev"],
    ["--port", "0", "--broker", "memory://"],
    ["--config", "/etc/oyez.toml", "--log-format", "json", "--dev", "--log-level", "no such level"],
    ["--host", "::", "--uds", "a b", "--key", "é=\udcff", "--key-file", "x", "--port", "99999"],
)
NOT_PLAIN = (
    ["--help"],
    ["--port", "80", "--help"],
    ["--port"],
    ["--port=80"],
    ["--por", "80"],
    ["--port", "80", "--port", "81"],
    ["--port", "-1"],
    ["--key", ""],
    ["--key", "--dev"],
    ["--dev", "--dev"],
    ["--no-dev"],
    ["--dev", "yes"],
    ["--", "--dev"],
    ["--no-such-option", "x"],
    ["memory://"],
)


@pytest.mark.parametrize("words", PLAIN)
def test_plain_options_are_read_as_the_library_reads_them(words: list[str]) -> None:
    plain = read_plain_options(words)
    assert plain is not None
    given = plain.flags if plain.config is None else {"config": str(plain.config), **plain.flags}
    read = SERVE.make_context("serve", list(words)).params
    assert {name: value for name, value in read.items() if value is not None} == given


@pytest.mark.parametrize("words", NOT_PLAIN)
def test_what_else_there_is_to_say_is_left_to_the_library(words: list[str]) -> None:
    assert read_plain_options(words) is None
