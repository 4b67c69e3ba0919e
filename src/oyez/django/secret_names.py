"""Names of channels that nobody can guess, made with the site's SECRET_KEY.

It must not know what the channels are for.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from django.utils.crypto import salted_hmac

_SALT = "oyez.django.secret_channel"
_MAC_BYTES = 16


def make_secret_name(parts: Sequence[object]) -> str:
    """Join the parts by ``_``, with what nobody else can know at the end; ``("a", "b_c")`` is not ``("a_b", "c")``."""
    texts = [str(part) for part in parts]
    mac = salted_hmac(_SALT, json.dumps(texts), algorithm="sha256").digest()[:_MAC_BYTES]
    return "_".join([*texts, urlsafe_b64encode(mac).rstrip(b"=").decode("ascii")])
