"""The script elements that pages begin to listen with, as HTML.

It must not know template languages, nor what the script does with its attributes.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from oyez.django import events
from oyez.django.position import take_position
from oyez.django.site import is_used, read_public_address

SCRIPT = "oyez/event.js"


@dataclass(frozen=True, slots=True)
class Page:
    """What a template knows of its page: `request` and `csp_nonce`, None where it has none."""

    request: Any
    csp_nonce: Any


def listen_element(
    page: Page,
    channels: Iterable[object],
    *,
    last: int | str | None = None,
    nonce: str | None = None,
    badge: bool = False,
    share: bool | None = None,
    grant: object = None,
    renew: object = None,
    renew_after: float | None = None,
) -> SafeString:
    """Write the script element that follows channels; nothing if there is no channel, or the site uses no events.

    With ``grant``, for whom the page is, each of them has a grant; True: for nobody in particular. None, or an empty
    text, as of a visitor who is not logged in: none has. ``renew`` is the address from which the page gets new names,
    and ``renew_after`` after how many seconds; None: as the script has it.
    """
    names = list(dict.fromkeys(_names(channels)))
    if grant is not None and grant is not False and grant != "":
        names = [events.grant(name, "" if grant is True else grant, raise_errors=False) for name in names]
    if not names or not is_used():
        return SafeString()
    request = page.request
    address = read_public_address(is_secure=None if request is None else request.is_secure())
    if last is None:
        last = events.last(raise_errors=False) if request is None else take_position(request)
    attributes: list[tuple[str, object]] = [
        ("data-url", address.url),
        ("data-channels", json.dumps(names)),
        ("data-last", last or 0),
    ]
    if address.poll:
        attributes.append(("data-poll", address.poll))
    if renew:
        attributes.append(("data-renew", renew))
        if renew_after:
            attributes.append(("data-renew-after", renew_after))
    if share is False:  # not None, nor what a template does not know
        attributes.append(("data-share", "false"))
    flags = SafeString("".join(flag for flag, is_on in ((" data-badge", badge), (" data-share", share)) if is_on))
    return format_html(
        '<script src="{}" defer data-oyez{}{}{}></script>',
        static(SCRIPT),
        _written(attributes),
        flags,
        _written(_nonce(page, nonce)),
    )


def script_element(page: Page, *, nonce: str | None = None) -> SafeString:
    """Write the script element for pages that make an `EventReceiver` themselves, which may be at any time."""
    return format_html('<script src="{}"{}></script>', static(SCRIPT), _written(_nonce(page, nonce)))


def _names(channels: Iterable[object]) -> Iterator[str]:
    """Return the channels that there are; what a template does not know is empty."""
    for channel in channels:
        if isinstance(channel, str | Promise):
            if str(channel):
                yield str(channel)
        elif isinstance(channel, Iterable):
            yield from _names(channel)
        elif channel:
            yield str(channel)


def _nonce(page: Page, given: str | None) -> list[tuple[str, object]]:
    """Find the page's nonce: that of django-csp is kept with the request, that of Django in the context, or with it.

    It is made when it is first read; until then Django's own counts as false.
    """
    kept = (getattr(page.request, name, None) for name in ("csp_nonce", "_csp_nonce"))
    found = (given, page.csp_nonce, *kept)
    nonce = next((each for each in found if each is not None), None)
    return [("nonce", nonce)] if nonce is not None and str(nonce) else []


def _written(attributes: Iterable[tuple[str, object]]) -> SafeString:
    return format_html_join("", ' {}="{}"', attributes)
