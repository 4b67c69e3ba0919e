"""Does a process that is to end by some time end by then, whatever else is wished later?"""

import subprocess
import sys

from tests.inbox import PATIENCE_S

_PROGRAM = """
import time
from oyez.server.ending import Ending

ending = Ending(lambda *_: None)
for seconds in (600, 0.1, 600):
    ending.end_silently_within(seconds)
time.sleep(600)
"""


def test_of_several_times_the_earliest_counts() -> None:
    assert subprocess.run([sys.executable, "-c", _PROGRAM], check=False, timeout=PATIENCE_S).returncode == 1
