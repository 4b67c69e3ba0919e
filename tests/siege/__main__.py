"""``python -m tests.siege``: attack a daemon from the command line."""

import argparse
import contextlib
import random
import sys
import tempfile
from pathlib import Path

from tests.sandbox import Sandbox
from tests.siege.attacks import ATTACKS
from tests.siege.bars import BUSY_FLOOR_MS, FLOOR_MS
from tests.siege.report import list_attacks, write_json, write_report
from tests.siege.run import ALL_AT_ONCE, Order, play

_WHAT = """Attack a real daemon, as one visitor could, while 50 others listen at every door, a poster posts 20 events a
second and newcomers come. Each attack is a process with an address of its own, which gives way to all others. What
the others notice is measured in the calm just before, during the attack, and until it is calm again."""

_EXAMPLES = f"""attacks:
{list_attacks()}
  {ALL_AT_ONCE:<20}every one of them, each from its own address

examples:
  make siege                                        all, with memory://
  make siege ATTACK=filters SECONDS=20              one, for longer
  make siege BROKER=sqlite SEED=7
  python -m tests.siege --attack keys --attack seats --json

bars: 99 of a hundred acknowledgements and deliveries take at most twice as long as in the calm before (which counts
as 10 ms if it was less), and what a process that nobody attacks was slower by ("machine"); no bystander is cut off or
lacks an event; no newcomer is refused, unless all attack at once, who fill the daemon together; memory grows by 16 MB
and 96 KiB for each of the attacker's links at most; it is calm 1 s after the attack; the log names the
address, if it did more than one may do.

Ctrl-C ends a run with the report so far. Exit status: 0 when no bar was missed, 1 otherwise."""


SHORT = ("seats", "filters", "silent", "keys")
_SHORT_S = 1.5


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.siege",
        description=_WHAT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--attack", action="append", choices=[*ATTACKS, ALL_AT_ONCE], metavar="NAME",
        help="only this one; may be repeated (see below; all of them)",
    )  # fmt: skip
    parser.add_argument("--short", action="store_true", help="four of them, for a busy machine, in less than a minute")
    parser.add_argument("--seconds", type=float, help=f"how long each goes on (5, or {_SHORT_S:g} when short)")
    parser.add_argument("--calm", type=float, help=f"seconds measured before each (3, or {_SHORT_S:g} when short)")
    parser.add_argument(
        "--floor",
        type=float,
        metavar="MS",
        help=f"what a calm p99 counts as at least ({FLOOR_MS:g}, or {BUSY_FLOOR_MS:g} when short)",
    )
    parser.add_argument("--broker", choices=("memory", "sqlite"), default="memory", help="the store (%(default)s)")
    parser.add_argument("--seed", type=int, help="of what is random; left out: a new one")
    parser.add_argument(
        "--open-files", type=int, default=2048, help="how many the daemon may have: few are used up soon (%(default)d)"
    )
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    parser.add_argument(
        "--folder", type=Path, help="for the daemon's log and store (a new one in the temporary folder)"
    )
    return parser.parse_args()


def _order(arguments: argparse.Namespace) -> Order:
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="oyez-siege-"))
    return Order(
        attacks=arguments.attack or (SHORT if arguments.short else [*ATTACKS, ALL_AT_ONCE]),
        seconds=arguments.seconds or (_SHORT_S if arguments.short else 5.0),
        calm_s=arguments.calm or (_SHORT_S if arguments.short else 3.0),
        floor_ms=arguments.floor or (BUSY_FLOOR_MS if arguments.short else FLOOR_MS),
        broker=arguments.broker,
        seed=random.randrange(1_000_000) if arguments.seed is None else arguments.seed,
        open_files=arguments.open_files,
        folder=folder.resolve(),
    )


def main() -> int:
    arguments = _read_arguments()
    order = _order(arguments)
    _say(f"seed {order.seed}, broker {order.broker}, the daemon's log in {order.folder}")
    with contextlib.closing(Sandbox()):
        rows = play(order, _say)
    facts = {"seed": order.seed, "broker": order.broker, "seconds": order.seconds}
    print(write_json(rows, **facts) if arguments.json else write_report(rows))
    complete = len(rows) == len(order.attacks)
    return 1 if not complete or any(row.missed() for row in rows) else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
