"""Ends whatever the tests left running, once they are gone: ``python sweeper.py MARK``, run by the sandbox.

Knows processes, by /proc (Linux; elsewhere it does nothing). It waits until its standard input ends, which the system
sees to however the tests' own process ended, and kills every process that has MARK in the environment that it was
started with, and all that those have started.
"""

import contextlib
import os
import signal
import sys
import time

_ROUNDS = 50
_ROUND_S = 0.05


def find_marked(mark: bytes) -> set[int]:
    """Return the ids of all living processes with the mark, or with an ancestor that has it, but for our own."""
    marked, parents = set(), {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]  # proc(5): a name may hold anything
            with open(f"/proc/{pid}/environ", "rb") as file:
                is_marked = mark in file.read()
        except OSError:  # it has ended, or is somebody else's
            continue
        if state != b"Z":
            parents[pid] = int(parent)
            if is_marked:
                marked.add(pid)
    while more := {pid for pid, parent in parents.items() if parent in marked and pid not in marked}:
        marked |= more
    return marked - {os.getpid()}


def main() -> None:
    sys.stdin.buffer.read()
    if not os.path.isdir("/proc/self"):
        return
    for _ in range(_ROUNDS):
        left = find_marked(os.fsencode(sys.argv[1]))
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):  # it has ended
                os.kill(pid, signal.SIGKILL)
        time.sleep(_ROUND_S)


if __name__ == "__main__":
    main()
