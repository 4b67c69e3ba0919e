"""Where a user's programs keep what has to outlive them: the XDG Base Directory Specification's state folder.

Knows the environment. Must not know what is kept there.
"""

import os
from pathlib import Path


def find() -> Path | None:
    """Return Oyez's folder there, which may not exist yet; None for a user without a home.

    What is not absolute counts as not set, as the specification has it: it would be another folder at each start.
    """
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if state.is_absolute():
        return state / "oyez"
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor an entry in passwd: an arbitrary user in a container
        return None
    return home / ".local" / "state" / "oyez" if home.is_absolute() else None
