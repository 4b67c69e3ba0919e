"""Which variables of the environment were put there by a container platform, and not by somebody who sets Oyez up.

Knows their shapes. Must not know the settings.
"""

import re

# Kubernetes, for a Service named oyez, or oyez-…, in the same namespace: Documentation, "Accessing the Service",
# environment variables. Docker, for a linked container with such an alias: "Legacy container links".
_PLATFORM = re.compile(
    r"""OYEZ_(\w+_)? (?:
        SERVICE_HOST | SERVICE_PORT(_\w+)?
        | PORT_\d+_(TCP|UDP|SCTP) (_ADDR | _PORT | _PROTO | (_PORT)?_START | (_PORT)?_END)?
        | ENV_\w+
    )""",
    re.VERBOSE | re.ASCII,
)
_PORT = re.compile(r"OYEZ_(\w+_)?PORT", re.ASCII)
_LINK_NAME = re.compile(r"OYEZ_(\w+_)?NAME", re.ASCII)
_ADDRESS = re.compile(r"(tcp|udp|sctp)://\S+")


def is_from_platform(name: str, value: str) -> bool:
    """Return whether a variable says where a service named oyez is, such as ``OYEZ_PORT=tcp://10.0.0.7:15100``.

    Some names are settings as well: then the value decides, which no setting of that name could have.
    """
    if _PLATFORM.fullmatch(name):
        return True
    if _PORT.fullmatch(name):
        return _ADDRESS.fullmatch(value) is not None
    return _LINK_NAME.fullmatch(name) is not None and value.startswith("/")  # such as /judge/oyez
