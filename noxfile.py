"""What is tried on other Pythons and Djangos than the developers', as far as this machine has them.

`make matrix` runs oyez.django on every Django and Python that are supported, `make test-pythons` a part of the tests on
every Python.
"""

import os
import sys
from pathlib import Path

import nox

# pyenv has only one of its versions on the path.
for folder in sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin")):
    os.environ["PATH"] += f"{os.pathsep}{folder}"

SUPPORTED = {
    "4.2": ("3.11", "3.12"),
    "5.2": ("3.11", "3.12", "3.13", "3.14"),
    "6.0": ("3.12", "3.13", "3.14"),
}
ALL = [(python, django) for django, pythons in SUPPORTED.items() for python in pythons]

OTHER_PYTHONS = ("3.12", "3.13")  # than that of .venv, for which all tests run
NEEDS_NO_PROCESS = ("tests/unit", "tests/fuzz", "tests/conformance")
ONE_DAEMON = ("tests/integration/test_contract.py", "tests/integration/test_socketio_js.py")

# What a few tests need of the developers' tools, all of which take half a minute to install.
FEW_TOOLS = (
    "jinja2",
    "pika",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "python-socketio",
    "redis",
    "requests",
    "websocket-client",
)

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["tests"]


@nox.session
@nox.parametrize(("python", "django"), ALL)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests of oyez.django, and of the client that it posts with."""
    _install(session, django)
    session.run("python", "-m", "pytest", "tests/django", env={"DJANGO": django})


@nox.session(python=f"{sys.version_info.major}.{sys.version_info.minor}")
def short(session: nox.Session) -> None:
    """Run those that need no daemon, on the newest Django for this Python: does the matrix work at all?"""
    django = [django for python, django in ALL if python == session.python][-1]
    _install(session, django, few=True)
    modules = [f"tests/django/test_{name}.py" for name in ("checks", "site", "tag", "testing")]
    session.run("python", "-m", "pytest", *modules, env={"DJANGO": django})


@nox.session(python=OTHER_PYTHONS, reuse_venv=True)
def pythons(session: nox.Session) -> None:
    """Run what needs no process, and one real daemon with its clients; with --short only the latter."""
    short = session.posargs == ["--short"]
    _install(session, few=short)
    tests = ONE_DAEMON if short else (*NEEDS_NO_PROCESS, *ONE_DAEMON)
    session.run("python", "-m", "pytest", "-n", "3", "--dist", "worksteal", *tests)


def _install(session: nox.Session, django: str | None = None, *, few: bool = False) -> None:
    tools = (
        ("-r", "requirements/run.txt", "-c", "requirements/dev.txt", *FEW_TOOLS)
        if few
        else ("-r", "requirements/dev.txt")
    )
    session.install("--no-compile", *tools)
    session.install("--no-deps", "-e", ".")
    if django:
        session.install(f"django=={django}.*")
