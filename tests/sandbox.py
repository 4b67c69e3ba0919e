"""A place of the tests' own: a home, an environment without anybody's settings, and an end for all that they start.

Nothing that a test does may reach the home, the stores or the settings of whoever runs the tests. Whatever it started
ends with the tests, also when these are killed. It must not know what is started.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests import sweeper

_PREFIX = "oyez-tests-"
_REAL_HOME = "HOME_OUTSIDE"
_SETTINGS = ("OYEZ_", "EVENT_DAEMON_", "DJANGO_", "XDG_")


class Sandbox:
    """One for a run of the tests: the folder is the home, and its ``bin`` the mark of every process that is started.

    The mark is in ``PATH``, which is the one variable that every process is given.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        mark = self.folder / "bin"
        mark.mkdir()
        for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
            del os.environ[name]
        os.environ[_REAL_HOME] = os.environ.get("HOME", "/")
        os.environ["HOME"] = str(self.folder)
        os.environ["PATH"] = f"{mark}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self._sweeper = subprocess.Popen(
            [sys.executable, "-S", "-E", sweeper.__file__, str(mark)], stdin=subprocess.PIPE, start_new_session=True
        )

    def close(self) -> None:
        """End what is left, and remove the folder."""
        assert self._sweeper.stdin is not None
        self._sweeper.stdin.close()
        self._sweeper.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def with_installers(extra: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which pip and npm find their settings and caches: in the developer's own home."""
    installers = {name: value for name, value in os.environ.items() if name.lower().startswith(("pip_", "npm_"))}
    return environment({"HOME": os.environ[_REAL_HOME]} | installers | dict(extra))


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """Return what every process needs, and ``extra``: no setting of whoever runs the tests is among it."""
    # PYTHONPATH names other versions of libraries, where these are tried; the last is there while coverage is measured.
    kept = ("PATH", "HOME", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LANG": "C.UTF-8", **extra}
