"""Libraries that only one store needs, which are extras of the package.

Knows how one is installed. Must not know what it is used for.
"""

from oyez.errors import UnusableError


def missing_library(broker: str, extra: str, error: ModuleNotFoundError) -> UnusableError:
    """Return the error for a store whose library is not installed.

    Args:
        broker: its URL, without a password.
        extra: the name of the extra that brings it.
        error: of the import.
    """
    return UnusableError(
        "broker",
        broker,
        f"its library is not installed ({error}): pip install '/path/to/oyez[{extra}]', with the path of a checkout",
    )
