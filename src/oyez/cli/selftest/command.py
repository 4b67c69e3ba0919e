"""`oyez selftest`: does a running daemon keep its promises, seen from outside?"""

import time
from typing import Annotated

import typer

from oyez.cli import options
from oyez.cli.exits import ExitCode
from oyez.contract.findings import TITLES, Door

_Url = Annotated[str, typer.Argument(**options.WHICH_DAEMON)]
_Only = Annotated[
    list[Door] | None,
    typer.Option(
        "--only", metavar="DOOR", help=f"Look at this door alone; may be repeated. One of {', '.join(Door)}.",
        show_default=False,
    ),
]  # fmt: skip
_Slow = Annotated[bool, typer.Option("--slow", help="Also wait for time-outs and heartbeats: a minute or two more.")]
_PostUrl = Annotated[
    str, typer.Option("--post-url", metavar="URL", help="Where raw posters connect; without it /post of the daemon.")
]
_PollUrl = Annotated[
    str, typer.Option("--poll-url", metavar="URL", help="Where long polls go; without it the daemon's own address.")
]


def selftest(
    url: _Url = options.DEFAULT_URL,
    *,
    key: options.DaemonKey = "",
    only: _Only = None,
    slow: _Slow = False,
    as_json: options.JsonAtTheEnd = False,
    post_url: _PostUrl = "",
    poll_url: _PollUrl = "",
) -> None:
    """Check a running daemon through every door it offers. It does no harm to one at work.

    Each check has a code and a sentence that should hold; of one that fails, what was expected and what came.
    Without the key, whatever needs a post is skipped.

    For people: [bold]oyez selftest http://127.0.0.1:15100 --key SECRET[/bold]

    For scripts: [bold]oyez selftest --json | jq '.checks[] | select(.outcome == "failed")'[/bold]
    """
    # WebSockets and HTTP clients must not slow `oyez post` down.
    from oyez.cli.selftest import report  # noqa: PLC0415
    from oyez.contract import doors, run  # noqa: PLC0415

    began = time.monotonic()
    this_run = run.Run(url, key, post_url=post_url, poll_url=poll_url)
    shown = report.choose_report(this_run.main.url(), began, as_json=as_json)
    for door in dict.fromkeys(only or Door):
        with shown.progress() as announce:
            for result in doors.check_door(door, this_run, announce, slow=slow):
                shown.add(result)
        shown.end_group(TITLES[door])
    shown.conclude()
    raise typer.Exit(ExitCode.OK if shown.is_well else ExitCode.REFUSED)
