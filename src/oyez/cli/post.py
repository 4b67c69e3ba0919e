"""`oyez post`: post one event, or one for each line."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from oyez import saved_text
from oyez.cli import options
from oyez.cli.lines import Lines, bad_message
from oyez.cli.output import complain, print_line
from oyez.client import BadEvent, JsonText, Poster, PosterError


def post(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel to post to.", show_default=False)],
    message: Annotated[
        str,
        typer.Argument(
            metavar="MESSAGE", help="JSON; @FILE reads it from a file, - from the standard input.", show_default=False
        ),
    ],
    *,
    text: Annotated[
        bool, typer.Option("--text", help="Post the message as a text; one line break at its end is dropped.")
    ] = False,
    lines: Annotated[bool, typer.Option("--lines", help="Post each line of the message as an event.")] = False,
    also: Annotated[
        list[str] | None, typer.Option(metavar="CHANNEL", help="Post to this channel as well; may be repeated.")
    ] = None,
    url: options.DaemonUrl = options.DEFAULT_URL,
    key: options.DaemonKey = "",
) -> None:
    """Post an event and print its id.

    JSON: [bold]oyez post news '{"type": "update"}'[/bold]

    Text: [bold]echo "Servus" | oyez post news --text -[/bold]

    A negative number needs two dashes before it: [bold]oyez post news -- -5[/bold]

    Many at once, JSON in each line: [bold]oyez post news @events.jsonl --lines[/bold]
    """
    channels = [channel, *(also or ())]
    options.require_text(channels)
    with Poster(url, key) as poster:
        if lines:
            _post_lines(poster, channels, Lines(message, _as_text if text else _parse, skip_blank=not text))
        else:
            content = _read(message)
            _post_one(poster, channels, content.removesuffix("\n") if text else _parse(content))


def _post_one(poster: Poster, channels: list[str], value: object) -> None:
    try:
        ids = poster.publish(channels, value) if len(channels) > 1 else [poster.post(channels[0], value)]
    except ValueError as error:
        raise bad_message(f"this cannot be posted as JSON: {error}") from error
    for event_id in ids:
        print_line(str(event_id))


def _post_lines(poster: Poster, channels: list[str], lines: Lines) -> None:
    tally = _Tally()
    try:
        with _progress(lines, len(channels)) as show:
            for numbered in lines.read():
                tally.add(_post_batch(poster, channels, numbered, tally, show))
    except BaseException:
        if tally.count:
            complain(f"posted before it ended: {tally}")
        raise
    print_line(str(tally))


@dataclass(slots=True)
class _Tally:
    """How many events were posted, and the id of the last."""

    count: int = 0
    last_id: int = 0

    def __str__(self) -> str:
        events = "1 event" if self.count == 1 else f"{self.count} events"
        return f"{events}, last id {self.last_id}" if self.count else events

    def add(self, ids: Sequence[int]) -> None:
        self.count += len(ids)
        self.last_id = ids[-1] if ids else self.last_id


def _post_batch(
    poster: Poster, channels: list[str], numbered: list[tuple[int, object]], tally: _Tally, show: Callable[[int], None]
) -> Sequence[int]:
    before = tally.count
    try:
        return poster.post_many(
            ((channel, value) for _, value in numbered for channel in channels),
            on_progress=lambda done: show(before + done),
        )
    except PosterError as error:
        tally.add(error.ids)
        if isinstance(error, BadEvent):
            line = numbered[error.index // len(channels)][0]
            raise bad_message(f"line {line} cannot be posted: {error.reason}") from error
        raise


@contextmanager
def _progress(lines: Lines, events_a_line: int) -> Iterator[Callable[[int], None]]:
    """Show how many events were posted, on a terminal; the lines may not be counted before the first is read."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    from oyez.cli.colours import make_console  # noqa: PLC0415 - what posts one event needs no bar, and should be quick

    console = make_console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def show(done: int) -> None:
            total = None if lines.total is None else lines.total * events_a_line
            progress.update(task, completed=done, total=total)

        yield show


def _as_text(line: str) -> object:
    return line


def _read(message: str) -> str:
    try:
        if message == "-":
            return saved_text.decode(sys.stdin.buffer.read())
        return saved_text.decode(Path(message[1:]).read_bytes()) if message.startswith("@") else message
    except ValueError as error:
        raise bad_message(f"expected {error}") from error
    except OSError as error:
        raise bad_message(f"{message[1:]} cannot be read: {error.strerror}") from error


def _parse(content: str) -> object:
    try:
        return JsonText(content)
    except ValueError as error:
        raise bad_message(f"not JSON: {error}. --text posts it as a text.") from error
