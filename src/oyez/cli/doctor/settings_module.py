"""How a site's settings are read from its own module, by this Python or by the site's.

Knows modules. Must not know what a setting means.
"""

import importlib
import json
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import typer

from oyez.cli.doctor.site import Site
from oyez.site_settings import PREFIX, SIGNS_OF_TLS, read_values

# What the site's own Python is asked: the settings of interest, as one JSON object. Its own prints go elsewhere.
_QUESTION = """
import importlib, json, sys
answer, sys.stdout = sys.stdout, sys.stderr
sys.path.insert(0, "")
module, prefix, *others = sys.argv[1:]
found = vars(importlib.import_module(module))
wanted = {name: found[name] for name in found if name.startswith(prefix) or name in others}
json.dump(wanted, answer, default=repr)
"""


def import_settings(module: str) -> Site:
    """Import a settings module from the current folder, or from where Python finds it. Raises BadParameter."""
    sys.path.insert(0, "")
    try:
        with redirect_stdout(sys.stderr):  # our own output may be JSON
            imported = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # it is the site's code
        raise _bad_module(_explain(module, error)) from error
    return Site(read_values(imported))


def ask_python(python: Path, module: str) -> Site:
    """Read a settings module with another Python, the site's own, in the current folder. Raises BadParameter."""
    command = [str(python), "-c", _QUESTION, module, PREFIX, *SIGNS_OF_TLS]
    try:
        answer = subprocess.run(  # noqa: S603 - who types the command names the program
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    except OSError as error:
        raise _bad_module(f"{python} cannot be run: {error.strerror}") from error
    if answer.returncode:
        *_, reason = answer.stderr.splitlines() or [f"exit code {answer.returncode}"]
        raise _bad_module(f"{module} cannot be imported by {python}: {reason}")
    return Site(json.loads(answer.stdout))


def _bad_module(words: str) -> typer.BadParameter:
    return typer.BadParameter(words, param_hint="'--django-settings'")


def _explain(module: str, error: BaseException) -> str:
    text = f"{module} cannot be imported: {type(error).__name__}: {error}."
    if isinstance(error, ModuleNotFoundError) and module.startswith(error.name or "?"):
        return f"{text} Run the command in the site's folder (the one with manage.py), and name the module with dots."
    if isinstance(error, ModuleNotFoundError):
        return f"{text} Name the site's own Python, where its libraries are: --python /srv/site/venv/bin/python."
    if isinstance(error, NameError):
        return f"{text} Name the site's main settings (such as dmoj.settings), not a file that these read."
    return text
