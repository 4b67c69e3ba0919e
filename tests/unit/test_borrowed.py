"""Is everything that we use of libraries beyond their documentation still there, and is it on the list?"""

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import oyez
from oyez.borrowed import BORROWED

SOURCES = Path(oyez.__file__).parent
# Our classes that are made of a library's, which hands them its own state.
HEIRS = {
    "net/http/connection.py": ("HttpConnection", "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol"),
    "net/http/direct_connection.py": (
        "DirectConnection",
        "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol",
    ),
    "client/sockets.py": ("_PoolConnection", "urllib3.connection:HTTPConnection"),
}


def find(where: str) -> ModuleType | type:
    module, _, name = where.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


def names_of(where: ModuleType | type) -> set[str]:
    """Return what a module has; of a class also what its methods set or read, and what is only declared."""
    names = set(dir(where))
    if inspect.isclass(where):
        for heritage in where.__mro__:
            names |= set(getattr(heritage, "__annotations__", ())) | set(getattr(heritage, "__slots__", ()))
            methods = [method for method in vars(heritage).values() if inspect.isfunction(method)]
            names |= {name for method in methods for name in method.__code__.co_names}
    return names


@pytest.mark.parametrize("where", BORROWED)
def test_what_is_borrowed_is_there(where: str) -> None:
    found = find(where)
    names = names_of(found)
    assert [name for name in BORROWED[where] if name not in names and not hasattr(found, name)] == []


@pytest.mark.parametrize("file", HEIRS)
def test_what_an_heir_takes_of_its_library_is_on_the_list(file: str) -> None:
    name, library = HEIRS[file]
    tree = ast.parse((SOURCES / file).read_text("utf-8"))
    (heir,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    methods = [node for node in heir.body if isinstance(node, ast.FunctionDef)]
    taken = {
        node.attr
        for node in ast.walk(heir)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"self", "super()"}
    }
    theirs = names_of(find(library)) - set(dir(object))
    own = {"tick_slot", "_kept_until"} | {method.name for method in methods}
    assert (taken & theirs) - own <= set(BORROWED[library])
    assert {method.name for method in methods} & theirs - set(dir(object)) - {"connection_made"} <= set(
        BORROWED[library]
    )
