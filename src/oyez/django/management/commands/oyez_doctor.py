"""`manage.py oyez_doctor`: the way of an event with this site's settings, from its post to the browser.

It must not know how a step is taken: the steps are those of `oyez doctor`, after one of the site's own.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator

from django.conf import settings
from django.core.management.base import BaseCommand

from oyez.cli.doctor.findings import Outcome, found
from oyez.cli.doctor.report import choose_report, take_steps
from oyez.cli.doctor.site import Site
from oyez.cli.doctor.walk import Step, Walk
from oyez.client import Post
from oyez.django import site
from oyez.django.wiring import build_backend
from oyez.errors import ConfigError, OyezError
from oyez.site_settings import AMQP, BACKEND, USE, has_empty_amqp, read_values

_POST = Post("oyez-doctor", "oyez doctor was here")


class Command(BaseCommand):
    """Exit code 0 if events get through, 1 if something is wrong."""

    help = "Walk the way of an event from this site's post to the browser, and name each wrong setting with its cure."
    requires_system_checks = []  # noqa: RUF012 - as Django wants it; what they say, the doctor says too

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add those options of `oyez doctor` that are of use here."""
        parser.add_argument(
            "--public-url", default="", help="Where browsers connect, instead of what the settings say."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object at the end.")

    def handle(self, *args: object, **options: str) -> None:
        """Take the steps. Exits with 1 if something is wrong."""
        values = read_values(settings)
        if has_empty_amqp(values):  # which is not set, but to the sites' own posters
            del values[AMQP]
        steps = Walk(Site(values).overridden(url="", public_url=options["public_url"], key="")).steps()
        report = choose_report(as_json=bool(options["json"]))
        if not take_steps(_with_own_step(steps), report):
            sys.exit(1)


def _with_own_step(steps: Iterator[Step]) -> Iterator[Step]:
    yield Step("A post through oyez.django", _post)
    yield from steps


def _post() -> Outcome:
    """Post as the site does."""
    if not site.is_used():
        return Outcome(f"{USE} is not True", skipped=True)
    in_force = site.read_settings()
    name = AMQP if in_force.backend == site.BACKENDS["amqp"] else in_force.url_name
    try:
        backend = build_backend(in_force)
        (event_id,) = backend.post([_POST], key="", timeout_s=in_force.timeout_s)
    except ConfigError as error:
        code, blamed = ("backend-wrong", BACKEND) if error.key == BACKEND else ("post-failed", name)
        return Outcome(str(error), (found(code, blamed, str(error)),))
    except Exception as error:  # noqa: BLE001 - a backend of the site's own raises what it likes
        words = str(error) if isinstance(error, OyezError) else f"{type(error).__name__}: {error}"
        return Outcome(words, (found("post-failed", name, words),))
    if in_force.backend in {site.BACKENDS["memory"], site.BACKENDS["none"]}:
        words = f"{in_force.backend.rpartition('.')[2]} took the event; it reaches no daemon"
        return Outcome(words, (found("backend-wrong", BACKEND, words),))
    return Outcome(f"event {event_id} was taken by {in_force.backend.rpartition('.')[2]}")
