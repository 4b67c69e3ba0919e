"""The one place where the parts meet: build (`building`, `doorway`), start, drain and stop (`daemon`), the process."""

from oyez.server.process import run as run
