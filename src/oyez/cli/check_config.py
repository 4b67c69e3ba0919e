"""`oyez check-config`: show the settings in force, and where each comes from."""

import json
import os
from collections.abc import Iterator

from oyez.cli import options
from oyez.cli.output import print_line
from oyez.config import Sources, load_with_sources
from oyez.settings import Settings, fields_of


def check_config(
    *,
    config: options.Config = None,
    host: options.Host = None,
    port: options.Port = None,
    uds: options.Uds = None,
    key: options.Key = None,
    key_file: options.KeyFile = None,
    broker: options.Broker = None,
    dev: options.Dev = None,
    log_level: options.LogLevel = None,
    log_format: options.LogFormat = None,
) -> None:
    """Check the settings and print them all as TOML, each with its meaning and its source; the key is masked.

    Before a restart: [bold]oyez check-config --config /etc/oyez.toml[/bold]
    """
    flags = {
        "host": host,
        "port": port,
        "uds": uds,
        "key": key,
        "key_file": key_file,
        "broker": broker,
        "dev": dev,
        "log_level": log_level,
        "log_format": log_format,
    }
    for line in as_toml(*load_with_sources(config, os.environ, flags)):
        print_line(line)


def as_toml(settings: Settings, sources: Sources) -> Iterator[str]:
    """Write the tree as the lines of a settings file."""
    section = ""
    for entry in fields_of(settings):
        table, _, name = entry.key.rpartition(".")
        if table != section:
            section = table
            yield f"\n[{table}]"
        yield f"# {entry.rule.doc} Expected: {entry.rule.expected(entry.default)}."
        yield f"{name} = {_toml(entry.value)}  # {sources.get(entry.key, 'default')}"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)  # text, boolean and integer are written alike in both languages
