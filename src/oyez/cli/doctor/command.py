"""`oyez doctor`: find out why nothing arrives."""

import os
from pathlib import Path
from typing import Annotated

import typer

from oyez.cli import options
from oyez.cli.doctor.report import choose_report, take_steps
from oyez.cli.doctor.settings_module import ask_python, import_settings
from oyez.cli.doctor.site import OPTIONS, RAW_OPTIONS, Site
from oyez.cli.doctor.walk import Walk
from oyez.cli.exits import ExitCode
from oyez.config.load import load
from oyez.config.tree import Settings
from oyez.probe.place import url_of


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
    python: Annotated[
        Path | None,
        typer.Option(
            "--python", metavar="PATH", help="The site's own Python, if this one has not got the site's libraries."
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
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The daemon's own settings, which name its address and its key."),
    ] = None,
    as_json: options.JsonAtTheEnd = False,
    url: options.DaemonUrl = options.DEFAULT_URL,
    key: options.DaemonKey = "",
) -> None:
    """Walk the way of an event from the site's post to the browser, and name each wrong setting with its cure.

    In the site's folder: [bold]oyez doctor --django-settings dmoj.settings --python /srv/site/venv/bin/python[/bold]

    Where the daemon is, as its user: [bold]oyez doctor --config /etc/oyez.toml --public-url https://judge.example[/bold]

    From anywhere: [bold]oyez doctor --url http://127.0.0.1:15100 --key … --public-url https://judge.example[/bold]
    """
    given = {"url": url, "public_url": public_url or "", "key": key}
    if django_settings is None:
        own = _ask_daemon(context, config)
        posts_raw = own.get("url", "").startswith("ws:")
        site = Site({}, RAW_OPTIONS if posts_raw else OPTIONS)
        given |= own
    else:  # what was typed wins over the module, and that over the environment
        given = {name: value if _source(context, name) == "COMMANDLINE" else "" for name, value in given.items()}
        site = import_settings(django_settings) if python is None else ask_python(python, django_settings)
    site = site.overridden(**given)
    is_well = take_steps(Walk(site).steps(), choose_report(as_json=as_json))
    raise typer.Exit(ExitCode.OK if is_well else ExitCode.REFUSED)


def _ask_daemon(context: typer.Context, config: Path | None) -> dict[str, str]:
    """Read from the daemon's own settings what was not given; the key for no other address than theirs.

    Without a key posts are taken at the post listener only, so that is the address then, with ``ws:``.
    """
    if _source(context, "url") != "DEFAULT" and config is None:
        return {}
    settings = load(config, os.environ, {})
    own = {"url": url_of(settings), "key": _choose_key(settings)}
    if settings.post_listener.host and not settings.all_keys and _source(context, "key") == "DEFAULT":
        own["url"] = url_of(settings.post_listener).replace("http:", "ws:", 1)
    return {name: value for name, value in own.items() if _source(context, name) == "DEFAULT"}


def _choose_key(settings: Settings) -> str:
    """Return the key that may be used for most: the one without a name, or else the first that is not restricted."""
    others = sorted(settings.keys, key=lambda other: (bool(other.may_post), bool(other.from_)))
    return settings.key or (others[0].key if others else "")


def _source(context: typer.Context, name: str) -> str:
    """Say where an option's value is from: ``COMMANDLINE``, ``ENVIRONMENT`` or ``DEFAULT``."""
    source = context.get_parameter_source(name)
    return "" if source is None else source.name
