"""`oyez doctor`: find out why nothing arrives."""

from typing import Annotated

import typer

from oyez.cli import options
from oyez.cli.contact.failures import BadModule
from oyez.cli.diagnosis.report import JsonReport, Report, take_steps
from oyez.cli.diagnosis.site import Site, import_settings
from oyez.cli.diagnosis.walk import Walk
from oyez.cli.exits import ExitCode


def doctor(
    context: typer.Context,
    *,
    django_settings: Annotated[
        str | None,
        typer.Option(
            "--django-settings",
            metavar="MODULE",
            help="The site's settings, such as dmoj.settings, found from the current folder.",
            show_default=False,
        ),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url",
            metavar="URL",
            help="Where browsers connect, instead of what the settings say.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    url: options.DaemonUrl = options.DEFAULT_URL,
    key: options.DaemonKey = "",
) -> None:
    """Walk the way of an event from the site's post to the browser, and name each wrong setting with its cure.

    In the site's folder: [bold]oyez doctor --django-settings dmoj.settings[/bold]

    Without the settings: [bold]oyez doctor --url http://127.0.0.1:15100 --key … --public-url https://judge.example[/bold]
    """
    given = {"url": url, "public_url": public_url or "", "key": key}
    if django_settings is None:
        site = Site({}, is_whole=False)
    else:  # what was typed wins over the module, and that over the environment
        given = {name: value if _is_typed(context, name) else "" for name, value in given.items()}
        site = _read_site(django_settings)
    site = site.overridden(**given)
    is_well = take_steps(Walk(site).steps(), JsonReport() if as_json else Report())
    raise typer.Exit(ExitCode.OK if is_well else ExitCode.REFUSED)


def _read_site(module: str) -> Site:
    try:
        return import_settings(module)
    except BadModule as error:
        raise typer.BadParameter(str(error), param_hint="--django-settings") from error


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
