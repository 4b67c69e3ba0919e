"""Does a daemon that fails while it starts leave nothing that keeps its process alive?"""

import subprocess
import sys
from pathlib import Path

from tests.inbox import PATIENCE_S

PROGRAM = """
import sys
from oyez.net.http import HttpServer

async def fail(*_):
    raise ZeroDivisionError

HttpServer.listen = fail
sys.argv[0] = "oyez"
from oyez.cli import main
main()
"""


def test_an_error_of_ours_after_the_store_is_open_ends_the_process(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve", "--port", "0", "--broker", f"sqlite://{tmp_path}/events.sqlite3"],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stderr
