"""Commands that go on while a test looks at them."""

import subprocess
from collections.abc import Iterator, Mapping
from typing import Protocol

import pytest

from tests.command import Running


class StartCommand(Protocol):
    """Starts `oyez` with arguments, to be killed with the test."""

    def __call__(self, *arguments: str, env: Mapping[str, str] = {}, stdout: int = subprocess.PIPE) -> Running: ...


@pytest.fixture
def start() -> Iterator[StartCommand]:
    started: list[Running] = []

    def run(*arguments: str, env: Mapping[str, str] = {}, stdout: int = subprocess.PIPE) -> Running:
        started.append(Running(*arguments, env=env, stdout=stdout))
        return started[-1]

    yield run
    for running in started:
        running.process.kill()
        running.end()
