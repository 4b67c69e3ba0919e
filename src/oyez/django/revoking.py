"""Grants of a site that end before their time: asked for by the daemon's HTTP API, wherever the site's events go.

Knows which setting says where that is. Must not know what callers do with errors.
"""

from oyez.client import Poster
from oyez.client.private_names import encode_revoke
from oyez.django.site import BACKENDS, SiteSettings
from oyez.errors import ConfigError

_ASKS_NOBODY = {"", BACKENDS["memory"], BACKENDS["none"]}  # the first in place of the settings, in tests

_ADDRESS = "the daemon's address, http://host:port: grants are revoked by its HTTP API, wherever events are posted"


def revoke_grants(settings: SiteSettings, subject: object, channel: str) -> int:
    """End the grants for a subject, for a channel, or for both; return how many channels listeners lose by it.

    An outage that posts have met with is passed over: it is tried in any case, for 5 s or the site's own time.

    Args:
        settings: of the site; where no daemon is asked for anything, none is asked for this, and it is 0.
        subject: for whom they were made; the empty text: for anybody.
        channel: what they are for; the empty text: any.

    Raises:
        ConfigError: no setting says where the daemon is.
        PosterError: the daemon cannot be asked, or refuses.
        ValueError, TypeError: neither is named, or the subject is None, which is nobody and not anybody.
    """
    if subject is None:
        raise TypeError("the subject is None: whose grants end? To end everybody's, leave it out")
    anyone = None if subject == "" else subject
    encode_revoke(anyone, channel or None)  # what is wrong is told in tests as well
    if settings.backend in _ASKS_NOBODY:
        return 0
    with _open_poster(settings) as poster:
        return poster.revoke(subject=anyone, channel=channel or None)


def _open_poster(settings: SiteSettings) -> Poster:
    """Return what asks the daemon. Raises ConfigError, with the name of the site's setting."""
    if not settings.url:
        raise ConfigError(settings.url_name, "", _ADDRESS)
    try:
        return Poster(settings.url, settings.key, timeout_s=settings.timeout_s)
    except ConfigError as error:
        raise ConfigError(settings.url_name, settings.url, error.expected) from error
