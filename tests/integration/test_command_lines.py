"""Do the lines with `oyez` in them, of README and of the pages, work as they are typed?

They run in a folder with the files that they name, against a daemon of the test's own, whose address and key they are
given. What needs a Django site is tried where the doctor is tested.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from oyez.config.key import DEVELOPMENT_KEY
from tests.daemon import Daemon
from tests.integration.dialects import POST_LISTENER, post_port
from tests.integration.links import eventually
from tests.pages import snippets
from tests.sandbox import environment

pytestmark = pytest.mark.slow

PAGES = [
    "README.md",
    "docs/reference/cli.md",
    "docs/how-to/listen-without-a-library.md",
    "docs/how-to/find-out-why-nothing-arrives.md",
]
FILES = {
    "event.json": '{"a": 1}',
    "events.jsonl": "1\n2\n",
    "judge.log": '"hear ye"\n',
    "auth.json": f'{{"role": "sender", "token": "{DEVELOPMENT_KEY}"}}',
    "key": DEVELOPMENT_KEY,
}
# What goes on until it is stopped, and what it has shown by then.
ENDLESS = {
    r"\boyez serve\b": "listening on",
    r"\boyez listen\b(?!.*--count)": "hear ye",
    r"\boyez connect --listen\b": "listening on",
    r"^curl -N\b": "hear ye",
    r"^tail -f\b": "",
}


def typed(page: str) -> list[str]:
    """Return the lines that a reader may type, without what cannot be had here."""
    text = "".join(snippets(page, "sh")).replace("\\\n", "")
    lines = [line.partition("  #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if re.search(r"\b(oyez \w|curl)", line) and "django" not in line]


def at(line: str, daemon: Daemon) -> str:
    """Put the daemon's address and key, and files of the current folder, in place of those of the pages."""
    here = f"127.0.0.1:{daemon.port}"
    for old, new in {
        ".venv/bin/oyez": "oyez",
        "127.0.0.1:15100": here,
        "127.0.0.1:15101": f"127.0.0.1:{post_port(daemon)}",
        "https://judge.example": f"http://{here}",
        "wss://judge.example": f"ws://{here}",
        "/etc/oyez.toml": "oyez.toml",
        "--config FILE": "--config oyez.toml",
        "/etc/oyez/key": "key",
        "…": DEVELOPMENT_KEY,
        "--listen 9000": "--listen 0",
    }.items():
        line = line.replace(old, new)
    return re.sub(r"\| jq .*", "| cat", line)


@contextmanager
def running(line: str, folder: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a line in a shell that knows the command; whatever it leaves behind ends with the block."""
    env = environment(variables) | {"PATH": f"{folder}:{os.environ['PATH']}"}
    with (folder / "shown").open("wb") as shown:
        shell = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=shown, stderr=shown, start_new_session=True,
        )  # fmt: skip
    try:
        yield shell
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()


@pytest.fixture
def development(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with the key that the pages name, and a rule for the channel that they give grants for."""
    rule = {"dev": True, "channels": [{"match": "tickets", "listen": "grant"}]}
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), settings=POST_LISTENER | rule)
    daemon.key = DEVELOPMENT_KEY
    with daemon:
        yield daemon


@pytest.mark.parametrize("page", PAGES)
def test_lines_work_as_they_are_typed(page: str, development: Daemon, tmp_path: Path) -> None:
    daemon = development
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "oyez.toml").write_text(f"port = {daemon.port}\nkey_file = 'key'\n")
    (tmp_path / "oyez").write_text(f'#!/bin/sh\nexec {sys.executable} -m oyez "$@"\n')
    (tmp_path / "oyez").chmod(0o755)
    shown = tmp_path / "shown"
    lines = typed(page)
    assert lines
    for line in lines:
        own = {"OYEZ_PORT": "0", "OYEZ_BROKER": "memory://"} if " serve " in line else {}
        command = at(line, daemon)
        daemon.post("sub_demo", "hear ye")
        goal = next((goal for pattern, goal in ENDLESS.items() if re.search(pattern, line)), None)
        with running(command, tmp_path, OYEZ_URL=daemon.url, OYEZ_KEY=DEVELOPMENT_KEY, **own) as shell:

            def is_done(shell: subprocess.Popen[bytes] = shell, goal: str | None = goal) -> bool:
                for channel in ("news", "submissions", "tickets"):  # whoever listens from now on may not listen yet
                    daemon.post(channel, "hear ye")
                with suppress(subprocess.TimeoutExpired):  # without a pause, posts take the line its time
                    shell.wait(0.1)
                return shell.poll() is not None if goal is None else goal in shown.read_text()

            eventually(is_done, f"end of {line}" if goal is None else f"{goal!r} from {line}")
            assert shell.poll() == (0 if goal is None else None), f"{line}\n{shown.read_text()}"
