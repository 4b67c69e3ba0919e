"""Lists of tables, such as ``[[keys]]``: read from what a settings file has at their name.

Knows tables and their members. Must not know what they are for, nor any other source: only files have a form for them.
"""

from collections.abc import Iterator, Mapping

from oyez.config.tree import members_of
from oyez.config.values import Layer, checked, hint_at
from oyez.errors import ConfigError, UnknownSettingError
from oyez.setting import MASK, Tables


def read_tables(name: str, tables: Tables, value: object, where: str) -> Iterator[tuple[str, Layer]]:
    """Read a list of tables.

    Args:
        name: of the setting.
        tables: what is declared of it.
        value: what the file has there.
        where: which file it is, in words.

    Yields:
        For each table what stands before the names of its members, ``keys[2].`` with a number from 1; and the members,
        by their whole names.

    Raises:
        ConfigError: it is no such list, or a member is wrong.
    """
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ConfigError(name, MASK, f"tables, each written as [[{name}]] with its members below ({where})")
    for number, table in enumerate(value, 1):
        prefix = f"{name}[{number}]."
        yield prefix, _read_table(prefix, tables, table, where)


def _read_table(prefix: str, tables: Tables, table: Mapping[str, object], where: str) -> Layer:
    known = members_of(tables, prefix)
    found: Layer = {}
    for name, value in table.items():
        if name not in known:
            raise UnknownSettingError(prefix + name, f"{hint_at(name, known, _list_of(known))} ({where})")
        found[prefix + name] = (checked(known[name], value, where), where)
    return found


def _list_of(names: Mapping[str, object]) -> str:
    return "a table there may have " + ", ".join(names)
