"""Sites for the doctor: settings as their admins write them, and what the doctor says of them."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from oyez.cli.doctor.report import choose_report, take_steps
from oyez.cli.doctor.site import Site
from oyez.cli.doctor.walk import Walk
from oyez.probe.dialer import STEP_S
from tests.command import Done, oyez_in
from tests.daemon import KEY
from tests.nginx import FORWARDED, Nginx, location, pass_to

NOWHERE = 1  # a port that nothing listens on
MODULE = "site_settings"
# The doctor may say these of any site on the machine of the tests.
HARMLESS = {"public-url-local", "event-late"}

Settings = Mapping[str, object]


class Diagnosis(NamedTuple):
    """What the doctor said, by the codes of its findings."""

    exit_code: int
    output: str
    findings: dict[str, dict[str, str]]
    steps: list[dict[str, str]]

    @property
    def codes(self) -> set[str]:
        return self.findings.keys() - HARMLESS

    @property
    def errors(self) -> set[str]:
        return {code for code, finding in self.findings.items() if finding["weight"] == "error"}


def run(directory: Path, *arguments: str, **variables: str) -> Done:
    return oyez_in(directory, "doctor", *arguments, **variables)


def write(directory: Path, settings: Settings | str) -> None:
    lines = settings if isinstance(settings, str) else "".join(f"{name} = {v!r}\n" for name, v in settings.items())
    (directory / f"{MODULE}.py").write_text(lines)


def examine(directory: Path, settings: Settings, *flags: str, **variables: str) -> Diagnosis:
    """Let the doctor look at a site; by the command if that is given anything, else by its steps."""
    return (
        examine_by_command(directory, settings, *flags, **variables) if flags or variables else examine_here(settings)
    )


def examine_by_command(directory: Path, settings: Settings, *flags: str, **variables: str) -> Diagnosis:
    write(directory, settings)
    done = run(directory, "--django-settings", MODULE, "--json", *flags, **variables)
    assert done.stderr == ""
    return read_json(done.stdout, done.returncode)


def examine_here(settings: Settings, step_s: float = STEP_S) -> Diagnosis:
    """Let the doctor take its steps in this process; each waits for an answer as long as it is told."""
    output = io.StringIO()
    with redirect_stdout(output):
        is_well = take_steps(Walk(Site(settings), step_s).steps(), choose_report(as_json=True))
    return read_json(output.getvalue(), 0 if is_well else 1)


def read_json(output: str, exit_code: int) -> Diagnosis:
    print(output)  # pytest shows it if the test fails
    assert KEY not in output
    said = json.loads(output)
    findings = {finding["code"]: finding for finding in said["findings"]}
    assert said["ok"] is (exit_code == 0)
    assert exit_code == int(any(finding["weight"] == "error" for finding in findings.values()))
    for finding in findings.values():
        assert finding["setting"] in finding["cure"], finding
    return Diagnosis(exit_code, output, findings, said["steps"])


def lqdoj_settings(url: str, public_url: str, **others: object) -> dict[str, object]:
    return {
        "EVENT_DAEMON_USE": True,
        "EVENT_DAEMON_URL": url,
        "EVENT_DAEMON_PUBLIC_URL": public_url,
        "EVENT_DAEMON_KEY": KEY,
        **others,
    }


def dmoj_settings(post: int, public: int, **others: object) -> dict[str, object]:
    return {
        "EVENT_DAEMON_USE": True,
        "EVENT_DAEMON_POST": f"ws://127.0.0.1:{post}/",
        "EVENT_DAEMON_GET": f"ws://127.0.0.1:{public}/event/",
        "EVENT_DAEMON_POLL": "/channels/",
        "EVENT_DAEMON_KEY": None,
        **others,
    }


@contextmanager
def proxied(directory: Path, *locations: str) -> Iterator[Nginx]:
    with Nginx(directory, "".join(locations)) as nginx:
        yield nginx


def without_upgrade(path: str, port: int) -> str:
    return location(path, pass_to(port), FORWARDED)
