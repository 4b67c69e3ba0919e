"""``make dist``: builds what is published, and tries it as those who install it get it.

Into ``dist/`` come the source distribution and, built from it, the wheel. What is in them is what git has; the wheel is
installed into an empty environment, its daemon started, and that daemon examined by its own ``oyez selftest``.
Nothing is published: how that is done is in ``docs/how-to/release.md``.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.daemon import KEY, Daemon

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
TOOLS = ROOT / ".venv" / "release" / "bin" / "python"  # with requirements/release.txt

# The source of event.js; its built form is beside it.
NOT_IN_THE_WHEEL = "src/oyez/browser/event/"
# Should git ever not have these, comparing with it would not tell.
IN_THE_WHEEL = {
    "oyez/py.typed",
    "oyez/browser/event.js",
    "oyez/browser/event-extras.js",
    "oyez/browser/playground/index.html",
    "oyez/django/static/oyez/event.js",
    "oyez/endpoints/api/openapi.json",
}


class UnfitError(Exception):
    """What was built must not be published; the text says why."""


def main() -> int:
    """Build and try; returns the exit code."""
    try:
        sdist, wheel = build()
        run([TOOLS, "-m", "twine", "check", "--strict", sdist, wheel])
        say("twine", "finds nothing wrong with what an index would show")
        check_names("source distribution", names_in_sdist(sdist), files_of_git() | {"PKG-INFO"})
        check_wheel(wheel)
        with tempfile.TemporaryDirectory(prefix="oyez-dist-") as folder:
            try_installed(wheel, Path(folder))
    except UnfitError as reason:
        print(f"make dist: NOT FIT to be published: {reason}", file=sys.stderr)
        return 1
    for note in notes(wheel):
        say("note", note)
    print(f"make dist: fit to be published: {sdist.relative_to(ROOT)} {wheel.relative_to(ROOT)}")
    return 0


def build() -> tuple[Path, Path]:
    """Return the source distribution and the wheel, the only ones that are left in ``dist/``."""
    for old in [*DIST.glob("oyez-*.tar.gz"), *DIST.glob("oyez-*.whl")]:
        old.unlink()
    run([TOOLS, "-m", "build", "--outdir", DIST, ROOT])
    (sdist,), (wheel,) = DIST.glob("oyez-*.tar.gz"), DIST.glob("oyez-*.whl")
    for file in (sdist, wheel):
        say("built", f"{file.name}, {file.stat().st_size // 1024} KB")
    return sdist, wheel


def files_of_git() -> set[str]:
    """Return what git has or would add, of what is there."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    return {name for name in listed.split("\0") if name and (ROOT / name).exists()}


def names_in_sdist(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


def check_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {name for name in files_of_git() if name.startswith("src/oyez/")}
    expected = {name.removeprefix("src/") for name in sources if not name.startswith(NOT_IN_THE_WHEEL)}
    check_names("wheel", names, expected | IN_THE_WHEEL)


def check_names(what: str, names: set[str], expected: set[str]) -> None:
    wrong = [f"{name} is missing" for name in expected - names] + [f"{name} is too much" for name in names - expected]
    if wrong:
        raise UnfitError(f"{what}: {', '.join(sorted(wrong)[:10])}")
    say("contents", f"{what}: {len(names)} files, those that git has")


def try_installed(wheel: Path, folder: Path) -> None:
    """Install the wheel into an environment of its own, start its daemon and have that examined by its own command."""
    venv.create(folder / "venv", with_pip=True)
    commands = folder / "venv" / "bin"
    run([commands / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel])
    place = run([commands / "python", "-c", "import oyez; print(oyez.__file__)"], cwd=folder).strip()
    if not Path(place).is_relative_to(folder):
        raise UnfitError(f"what was installed is not what runs: {place}")
    say("installed", run([commands / "oyez", "--version"], cwd=folder).strip())
    with Daemon(folder, program=[str(commands / "oyez")], env={"PYTHONPATH": ""}) as daemon:
        report = run([commands / "oyez", "selftest", daemon.url], env={"OYEZ_KEY": KEY}, cwd=folder)
    say("selftest", report.strip().split("\n")[-1])


def notes(wheel: Path) -> list[str]:
    """Return what a person has to judge before this is published."""
    version = wheel.name.split("-")[1]
    found = []
    if run(["git", "status", "--porcelain"]):
        found.append("some of this is in no commit (git status)")
    if f"## {version}, unreleased" in (ROOT / "CHANGELOG.md").read_text("utf-8"):
        found.append(f"CHANGELOG.md calls {version} unreleased")
    if "urls" not in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]:
        found.append("pyproject.toml names no home (project.urls)")
    return found


def run(command: Sequence[str | Path], env: Mapping[str, str] = {}, cwd: Path = ROOT) -> str:
    """Return what a command prints.

    Raises:
        UnfitError: if it fails.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("OYEZ_")}
    done = subprocess.run(command, cwd=cwd, env=kept | dict(env), capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnfitError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def say(step: str, result: str) -> None:
    print(f"{step:10}  {result}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
