"""`make matrix`: oyez.django on every Django and Python that are supported, as far as this machine has them."""

import nox

SUPPORTED = {
    "4.2": ("3.11", "3.12"),
    "5.2": ("3.11", "3.12", "3.13", "3.14"),
    "6.0": ("3.12", "3.13", "3.14"),
}

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False


@nox.session
@nox.parametrize(
    ("python", "django"), [(python, django) for django, pythons in SUPPORTED.items() for python in pythons]
)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests of oyez.django, and of the client that it posts with."""
    session.install("-r", "requirements/dev.txt")
    session.install("--no-deps", "-e", ".")
    session.install(f"django=={django}.*")
    session.run("python", "-m", "pytest", "tests/django", env={"DJANGO": django})
