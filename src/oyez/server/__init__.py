"""The one place where the parts meet: build (`assembly`, `routes`), start, drain and stop (`daemon`), the process."""

from oyez.server.process import run as run
