"""Is what waits posted when its process ends, in whichever way that is?"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.django.test_events import messages
from tests.inbox import PATIENCE_S

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
WAYS = ("a line", "a signal", "a child", "Celery")


def test_what_waits_is_posted_at_the_end_of_any_process(own_daemon: Daemon, tmp_path: Path) -> None:
    own_daemon.stop()
    processes = {
        way: subprocess.Popen(
            [sys.executable, "-m", "tests.django.ending", way, own_daemon.url, str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for way in WAYS
    }
    try:
        for way, process in processes.items():
            assert process.stdout is not None
            assert any(line == "-1\n" for line in process.stdout), f"{way}: no event waits"
        own_daemon.start()
        assert messages(own_daemon, "ending") == []
        for way, process in processes.items():
            if way in {"a signal", "Celery"}:
                process.terminate()
        for process in processes.values():
            process.communicate("\n", timeout=2 * PATIENCE_S)
            assert process.returncode == 0
    finally:
        for process in processes.values():
            process.kill()
    assert sorted(map(str, messages(own_daemon, "ending"))) == sorted(WAYS)
