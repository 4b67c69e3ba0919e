"""A real daemon process, and a back end that posts to it.

The process is started as an operator would start it. What it does inside is looked at only through its log.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

import socketio

from tests.inbox import PATIENCE_S, Inbox
from tests.sandbox import environment

KEY = "the key of the tests"
LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


def as_toml(value: object) -> str:
    """Write a value as a settings file has it; a mapping is a table in one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name} = {as_toml(member)}' for name, member in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(value)


class Daemon:
    """``with Daemon(directory) as daemon`` starts ``oyez serve`` and ends it; its log must hold no traceback.

    `settings` are dotted names with their values, given to the daemon in a file; `program` is the command line's, and
    `wrapper` a command that runs it.
    """

    def __init__(
        self,
        directory: Path,
        *flags: str,
        settings: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = (sys.executable, "-m", "oyez"),
        wrapper: Sequence[str] = (),
    ) -> None:
        self.key = KEY
        self.port = 0
        self.log = Inbox()
        self._flags = flags
        self._program = (*wrapper, *program)
        self._config = directory / "oyez.toml"
        self.write_settings(settings or {})
        self._env = environment(env or {})
        self._back_end: BackEnd | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            self.process.kill()
            self._forget_back_end()
        if kind is None:
            self.check_log()

    def write_settings(self, settings: Mapping[str, object]) -> None:
        """Write the settings file, which the daemon reads when it starts, and when it is asked to read it again."""
        self._config.write_text("".join(f"{name} = {as_toml(value)}\n" for name, value in settings.items()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stderr(self) -> str:
        return "".join(self.log.of("line"))

    def start(self) -> None:
        """Start the process on the port it had before, if any, and wait until it listens."""
        started = len(self.log.of("listening"))
        self.process = subprocess.Popen(self._command(), env=self._env, stderr=subprocess.PIPE, text=True)
        self._reader = Thread(target=self._read_log, args=(self.process,), daemon=True)
        self._reader.start()
        try:
            self.port = self.log.wait("listening", started + 1)[-1]
        except AssertionError:
            self.process.kill()
            raise

    def stop(self, *, within_s: float = PATIENCE_S) -> int:
        """Ask the process to end (SIGTERM) and wait for it; returns its exit code."""
        self._forget_back_end()
        self.process.terminate()
        return self._await_end(within_s)

    def kill(self) -> None:
        """End the process without a chance to tidy up (SIGKILL)."""
        self._forget_back_end()
        self.process.kill()
        self._await_end(PATIENCE_S)

    def restart(self) -> None:
        self.stop()
        self.start()

    def suspend(self) -> None:
        """Hang the process: its sockets stay open and nothing answers (SIGSTOP)."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def check_log(self) -> None:
        assert "Traceback" not in self.stderr, self.stderr

    @property
    def back_end(self) -> "BackEnd":
        """A back end with the key, connected at the first use, and anew if the machine stalled and cost it its link."""
        if self._back_end is None or not self._back_end.is_connected:
            self._back_end = BackEnd(self.url, self.key)
        return self._back_end

    def post(self, channel: str, *messages: object) -> list[dict[str, Any]]:
        """Post messages to a channel; returns the events as followers of the channel should get them."""
        return self.back_end.post((channel, message) for message in messages)

    def last(self) -> int:
        return self.back_end.last()

    def _command(self) -> list[str]:
        serve = [*self._program, "serve", "--port", str(self.port), "--key", self.key]
        broker = [] if "--broker" in self._flags else ["--broker", "memory://"]
        return [*serve, "--config", str(self._config), *broker, *self._flags]

    def _read_log(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.log.put("line", line)
                if listening := LISTENING.search(line):
                    self.log.put("listening", int(listening[1]))

    def _await_end(self, within_s: float) -> int:
        try:
            return self.process.wait(within_s)
        finally:
            self.process.kill()
            self._reader.join(PATIENCE_S)

    def _forget_back_end(self) -> None:
        if self._back_end is not None:
            self._back_end.close()
            self._back_end = None


class BackEnd:
    """A sender with acknowledgements, many posts in flight at once."""

    def __init__(self, url: str, key: str) -> None:
        self._client = socketio.Client(reconnection=False, handle_sigint=False)
        self._client.connect(url, auth={"role": "sender", "token": key}, transports=["websocket"])

    @property
    def is_connected(self) -> bool:
        return bool(self._client.connected)

    def post(self, posts: Iterable[tuple[str, object]]) -> list[dict[str, Any]]:
        """Post all without waiting in between, then wait for every answer; returns the events with their ids."""
        events = [{"channel": channel, "message": message} for channel, message in posts]
        answers: dict[int, dict[str, Any]] = {}
        answered = Event()

        def take(place: int, answer: dict[str, Any]) -> None:
            answers[place] = answer
            if len(answers) == len(events):
                answered.set()

        for place, event in enumerate(events):
            self._client.emit("post", event, callback=lambda answer, place=place: take(place, answer))
        assert answered.wait(PATIENCE_S), f"{len(answers)} of {len(events)} posts were answered"
        return [{"id": answers[place]["id"], **event} for place, event in enumerate(events)]

    def last(self) -> int:
        answer = self._client.call("last-msg", timeout=PATIENCE_S)
        return int(answer["id"])

    def close(self) -> None:
        self._client.disconnect()
