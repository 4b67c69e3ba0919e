"""`oyez check-config`: show the settings in force, and where each comes from."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated

import typer

from oyez.access.keys import Verdict
from oyez.cli import options
from oyez.cli.channel_check import explain_channel
from oyez.cli.output import complain, print_line
from oyez.config.load import Sources, load_with_sources
from oyez.config.tree import Entry, Settings, fields_of, members_of, tables_of_tree

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


@options.take_settings
def check_config(
    *,
    config: options.Config = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Print the defaults too, and what each setting means.")
    ] = False,
    channel: Annotated[
        str, typer.Option(metavar="NAME", help="Say which rule of [[channels]] a name meets, and what follows.")
    ] = "",
    **flags: object,
) -> None:
    """Check the settings, and print those that you have set as TOML, each with its source. Secrets are not shown.

    Before a restart: [bold]oyez check-config --config /etc/oyez.toml[/bold]

    A file to begin with: [bold]oyez check-config --all > oyez.toml[/bold]

    Who may listen to a channel: [bold]oyez check-config --config /etc/oyez.toml --channel tickets[/bold]
    """
    settings, sources, warnings = load_with_sources(config, os.environ, flags)
    for warning in warnings:
        complain(f"warning: {warning}")
    if not settings.all_keys and not (settings.post_listener.host or settings.post_listener.uds):
        complain(f"warning: {Verdict.NO_KEY.value}")
    lines = explain_channel(settings, channel) if channel else as_toml(settings, sources, show_all=show_all)
    for line in lines:
        print_line(line)


def as_toml(settings: Settings, sources: Sources, *, show_all: bool) -> Iterator[str]:
    """Write a settings file, line by line: of what has a source, or of all settings with their meaning."""
    shown = [entry for entry in fields_of(settings) if show_all or entry.key in sources]
    for table, entries in groupby(shown, lambda entry: entry.key.rpartition(".")[0]):
        if table:
            yield ""
            yield f"[[{table.partition('[')[0]}]]" if "[" in table else f"[{table}]"
        for entry in entries:
            if show_all:
                yield f"# {entry.setting.doc} Expected: {entry.setting.expected(entry.default)}."
            yield _setting(entry, sources.get(entry.key, "default"))
    if show_all:
        yield from _missing_tables(shown)
    if shown:
        yield ""
    rest = "" if show_all else "; what is not shown has its default (--all shows it)"
    yield f"# Fine: oyez serve would take these settings{rest}."


def _missing_tables(shown: Sequence[Entry]) -> Iterator[str]:
    """Write, as comments, what a table may have that there is none of."""
    for name, tables in tables_of_tree().items():
        if any(entry.key.startswith(f"{name}[") for entry in shown):
            continue
        yield ""
        yield f"# {tables.doc}"
        yield f"# [[{name}]]"
        for member, entry in members_of(tables, "").items():
            yield f"# {entry.setting.doc} Expected: {entry.setting.expected(entry.default)}."
            yield f"# {member} = {_toml(entry.default)}"


def _setting(entry: Entry, source: str) -> str:
    """Write the line of a setting. A masked one is a comment: in a file it would be taken for the secret itself."""
    comment = "# " if entry.is_masked else ""
    return f"{comment}{entry.key.rpartition('.')[2]} = {_toml(entry.value)}  # {source}"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    # Text, boolean and integer are written alike in both languages, but for letters that JSON escapes in two halves.
    return _ASTRAL.sub(_escape, json.dumps(value, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    letter = found[0]
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"
