"""The tags as functions of Jinja2: add `oyez.django.jinja.OyezExtension` to the environment's extensions.

It must not know what they write.
"""

from typing import Any

from jinja2 import Environment, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context
from markupsafe import Markup

from oyez.django.tag import Page, listen_element, script_element


class OyezExtension(Extension):
    """Adds `oyez_listen(…)` and `oyez_script()`, for Django's own Jinja2 backend and for django-jinja."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(oyez_listen=oyez_listen, oyez_script=oyez_script)


@pass_context
def oyez_listen(context: Context, *channels: object, **options: Any) -> Markup:
    """Follow channels, given as texts or lists of them; the options are those of `listen_element`."""
    return Markup(listen_element(_page(context), channels, **options))  # noqa: S704 - it is HTML, escaped


@pass_context
def oyez_script(context: Context, **options: Any) -> Markup:
    """Load the script for pages that write `new EventReceiver(...)` themselves."""
    return Markup(script_element(_page(context), **options))  # noqa: S704 - it is HTML, escaped


def _page(context: Context) -> Page:
    return Page(context.get("request"), context.get("csp_nonce"))
