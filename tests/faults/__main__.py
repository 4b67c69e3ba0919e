"""``python -m tests.faults``: a run of any length from the command line."""

import argparse
import asyncio
import contextlib
import dataclasses
import random
import resource
import sys
import tempfile
from pathlib import Path

from tests.faults.run import LONG, SHORT, Order, play
from tests.faults.store import BROKERS
from tests.sandbox import Sandbox

_WHAT = """Proof under faults: a real daemon with posters and listeners on every door is killed, hung, cut off, starved
of disk and set back in time, by a plan drawn from a seed. A checker knows every acknowledged post and holds
each listener to: ids rise; all is there, or a gap is told; nothing twice; what was acknowledged survives as
the broker promises; memory is bounded; a drain ends in time; after a restart all come back."""

_EXAMPLES = """examples:
  make faults                                   five minutes with sqlite and a new seed
  make faults MINUTES=30 BROKER=memory          half an hour with memory://
  make faults SEED=7                            the plan of seed 7 again
  python -m tests.faults --short --seed 7       one fault of each kind, as in `make test`

Ctrl-C ends a run early, with all its checks and its report; twice leaves them out.
Exit status: 0 when no promise was broken, 1 otherwise."""


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=_WHAT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--broker", choices=BROKERS, default="sqlite", help="the store (%(default)s)")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long faults go on (%(default)g)")
    parser.add_argument("--seed", type=int, help="of the plan, the load and the delays; left out: a new one")
    parser.add_argument("--short", action="store_true", help="one fault of each kind, and fewer listeners")
    parser.add_argument("--faults", type=int, help="with --short: how many faults, instead of one of each kind")
    parser.add_argument(
        "--herd", type=int, help=f"listeners of the great restart ({LONG.herd}, or {SHORT.herd} when short)"
    )
    parser.add_argument(
        "--folder", type=Path, help="for the daemon's log and store (a new one in the temporary folder)"
    )
    arguments = parser.parse_args()
    if arguments.folder is not None and arguments.folder.exists() and any(arguments.folder.iterdir()):
        parser.error(f"{arguments.folder} is not empty: a run begins with a store and a log of its own")
    return arguments


def _raise_file_limit(herd: int) -> int:
    """Allow as many open files as the system lets us; gives the size of herd that fits."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or hard >= herd + 1000:
        return herd
    print(f"The herd is {hard - 1000} listeners instead of {herd}: no more than {hard} files may be open (ulimit -n).")
    return max(hard - 1000, 1)


def main() -> int:
    arguments = _read_arguments()
    seed = random.randrange(1_000_000) if arguments.seed is None else arguments.seed
    scale = SHORT if arguments.short else LONG
    herd = _raise_file_limit(arguments.herd or scale.herd)
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="oyez-faults-"))
    order = Order(
        broker=arguments.broker,
        seed=seed,
        minutes=None if arguments.short else arguments.minutes,
        faults=arguments.faults if arguments.short else None,
        scale=dataclasses.replace(scale, herd=herd),
        folder=folder.resolve(),
    )
    print(f"seed {seed}, broker {order.broker}, logs in {order.folder}", file=sys.stderr)
    try:
        with contextlib.closing(Sandbox()):
            outcome = play(order, listens=True)
    except (asyncio.CancelledError, KeyboardInterrupt):
        print("left without the last checks", file=sys.stderr)
        return 1
    print(outcome.report)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
