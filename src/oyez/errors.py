"""The error families: whose mistake it was, and what the other side is told.

This file knows no protocol and no part of the daemon; everything may import it.
"""


class OyezError(Exception):
    """Anything that Oyez raises on purpose."""


class ConfigError(OyezError):
    """A wrong setting: the operator's to mend. The command line ends with exit code 2.

    Attributes:
        key: dotted name of the setting, such as ``socketio.ping_interval_s``.
        value: what was given, as it was given (secrets are masked by the raiser).
        expected: what would be right, in words that can be acted on.
    """

    def __init__(self, key: str, value: object, expected: str) -> None:
        super().__init__(key, value, expected)
        self.key = key
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.key} = {_as_typed(self.value)} is wrong: expected {self.expected}"


class UnknownSettingError(ConfigError):
    """A name that no setting has; ``expected`` says which name is near. The value is not told: it may be a secret."""

    def __init__(self, key: str, expected: str) -> None:
        super().__init__(key, "", expected)

    def __str__(self) -> str:
        return f"there is no setting {self.key}; {self.expected}"


class UnusableError(ConfigError):
    """A setting that reads well, and cannot be had on this machine now; ``expected`` says why and what to do."""

    def __str__(self) -> str:
        return f"{self.key} = {self.value!r} cannot be had: {self.expected}"


class UnreadError(ConfigError):
    """Files of settings that do not come, whichever of them it is; ``expected`` says what the matter is."""

    def __init__(self, expected: str) -> None:
        super().__init__("config", "", expected)

    def __str__(self) -> str:
        return f"the file of the settings, or one of a key, {self.expected}"


class ProtocolError(OyezError):
    """The peer broke a rule of its protocol: answered, counted, and never logged with a traceback."""


class BrokerError(OyezError):
    """The broker could not take a post.

    Attributes:
        temporary: True when the same post may succeed later.
    """

    def __init__(self, message: str, *, temporary: bool) -> None:
        super().__init__(message)
        self.temporary = temporary


def _as_typed(value: object) -> str:
    """Write a wrong value as settings files and the environment have it, not as Python does."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_as_typed, value))}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)
