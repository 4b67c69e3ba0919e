"""Is what a signal means found out whatever state the process is in?"""

import resource
import subprocess
import sys

from oyez.server import signals


def test_a_process_without_a_descriptor_to_spare_has_not_lost_its_terminal() -> None:
    """SIGHUP would end it, which has then more to do than ever."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        there = signals._has_terminal()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert there


def test_a_process_without_a_terminal_has_none() -> None:
    program = "from oyez.server.signals import _has_terminal; raise SystemExit(_has_terminal())"
    assert subprocess.run([sys.executable, "-c", program], check=False, start_new_session=True).returncode == 0


def test_what_is_held_back_while_a_daemon_starts_is_what_it_hears_later() -> None:
    program = """
import signal
from oyez.cli import hold_back_signals
from oyez.server.signals import _UNLESS_IGNORED
signal.signal(signal.SIGHUP, signal.SIG_IGN)
hold_back_signals()
held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
assert held == {*_UNLESS_IGNORED} - {signal.SIGHUP}, held
"""
    subprocess.run([sys.executable, "-c", program], check=True)
