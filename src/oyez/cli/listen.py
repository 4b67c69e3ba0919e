"""`oyez listen`: print the events of some channels as they come."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from oyez.cli import options
from oyez.cli.colours import make_console, styled
from oyez.cli.exits import ExitCode
from oyez.cli.follower import Follower, Heard, Missed
from oyez.cli.output import complain, print_line


def listen(
    channel: Annotated[list[str], typer.Argument(metavar="CHANNEL", help="The channels to hear.", show_default=False)],
    *,
    since: Annotated[
        int | None,
        typer.Option(metavar="ID", min=0, help="Begin behind this event; without it the newest few come first."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line, gaps as well.")] = False,
    count: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="Stop after so many events.", show_default=False)
    ] = None,
    url: options.DaemonUrl = options.DEFAULT_URL,
    key: options.DaemonKey = "",  # not needed so far: scripts may give all commands the same options
) -> None:
    """Print the events of channels: time, channel, id and message. A lost link is made anew, and nothing comes twice.

    For people: [bold]oyez listen submissions contest_abc[/bold]

    For scripts: [bold]oyez listen news --since $(oyez last) --json --count 1 | jq .message[/bold]
    """
    options.require_text(channel)
    show = _show_json if as_json else _show_colours if sys.stdout.isatty() else _show_plain
    seen = 0
    for arrival in Follower(url, channel, since, complain).arrivals():
        show(arrival)
        seen += isinstance(arrival, Heard)
        if seen == count:
            raise typer.Exit(ExitCode.OK)


def _show_json(arrival: Heard | Missed) -> None:
    if isinstance(arrival, Missed):
        line = json.dumps({"gap": {"channel": arrival.channel, "from": arrival.start, "oldest": arrival.oldest}})
    else:
        message = "" if arrival.message is None else f',"message":{arrival.message}'
        line = f'{{"id":{arrival.id},"channel":{json.dumps(arrival.channel)}{message}}}'
    print_line(line)


def _show_plain(arrival: Heard | Missed) -> None:
    print_line(*_columns(arrival, "%Y-%m-%dT%H:%M:%S.%f%z"))


def _show_colours(arrival: Heard | Missed) -> None:
    time, *rest = _columns(arrival, "%H:%M:%S")
    styles = ("cyan", "dim", "") if isinstance(arrival, Heard) else ("cyan", "bold yellow", "yellow")
    parts = ((f"  {column}", style) for column, style in zip(rest, styles, strict=True))
    _CONSOLE.print(styled((time, "green"), *parts), soft_wrap=True)


_CONSOLE = make_console()


def _columns(arrival: Heard | Missed, time_format: str) -> tuple[str, str, str, str]:
    if isinstance(arrival, Missed):
        lost = f"events after {arrival.start} are gone for good; the oldest left is {arrival.oldest}"
        return datetime.now(UTC).astimezone().strftime(time_format), arrival.channel, "gap", lost
    message = "" if arrival.message is None else _unescaped(arrival.message)
    return _time_of(arrival.id).strftime(time_format), arrival.channel, str(arrival.id), message


def _unescaped(message: str) -> str:
    """Write JSON with its letters instead of their escapes, where Python can read it at all."""
    try:
        return json.dumps(json.loads(message), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return message


def _time_of(event_id: int) -> datetime:
    """Read the clock in an id: milliseconds, or microseconds when the posters number the events themselves."""
    event_id = min(max(event_id, 0), 2**53)
    seconds = event_id / (1_000_000 if event_id >= 10**14 else 1_000)
    return datetime.fromtimestamp(seconds, UTC).astimezone()
