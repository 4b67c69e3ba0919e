"""`{% load oyez %}`: the tags `oyez_listen` and `oyez_script` for Django's templates.

It must not know what they write.
"""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from oyez.django.tag import Page, listen_element, script_element

register = template.Library()


@register.simple_tag(takes_context=True)
def oyez_listen(context: template.Context, *channels: object, **options: Any) -> SafeString:
    """Follow channels: `{% oyez_listen "news" channel %}`, with the options of `listen_element`."""
    return listen_element(_page(context), channels, **options)


@register.simple_tag(takes_context=True)
def oyez_script(context: template.Context, **options: Any) -> SafeString:
    """Load the script for pages that write `new EventReceiver(...)` themselves."""
    return script_element(_page(context), **options)


def _page(context: template.Context) -> Page:
    return Page(context.get("request"), context.get("csp_nonce"))
