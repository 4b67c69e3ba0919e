"""Do the lines of the how-to pages work as they are pasted?

They run against a daemon, a folder and an nginx of the test's own. Addresses and folders are replaced, and no system
user is made.
"""

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import StartDaemon
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.integration.dialects import POLL_LISTENER, POST_LISTENER, poll_port, post_port
from tests.integration.links import eventually, metrics
from tests.nginx import Nginx
from tests.pages import snippets
from tests.raw import Call
from tests.sandbox import environment

pytestmark = pytest.mark.slow

ANY_LANGUAGE = "docs/how-to/post-from-any-language.md"
LQDOJ, DMOJ = "docs/how-to/replace-lqdoj-daemon.md", "docs/how-to/replace-dmoj-daemon.md"
OYEZ = f"{sys.executable} -m oyez"


def run(script: str, **variables: str) -> str:
    """Run lines as a shell does that stops at the first that fails; return what they print."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False, capture_output=True, text=True, timeout=2 * PATIENCE_S, env=environment(variables),
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_posting_from_any_language(own_daemon: Daemon) -> None:
    begin, *lines = snippets(ANY_LANGUAGE, "sh")
    assert begin == "export OYEZ_URL=http://127.0.0.1:15100 OYEZ_KEY=oyez-development\n"
    at = {"OYEZ_URL": own_daemon.url, "OYEZ_KEY": KEY}
    answers = [json.loads(run(line, **at)) for line in lines]
    assert all(answers), answers
    assert max(answers[-1].values()) == own_daemon.last(), "the last one asks for the newest id"


def prepare(page: str, folder: Path) -> str:
    """Return the lines of a page that set a machine up, for a folder in place of the root and without a system user."""
    script = "\n".join(block for block in snippets(page, "sh") if "useradd" in block)
    lines = [line for line in script.splitlines() if not line.startswith("useradd")]
    script = "\n".join(lines).replace(" -o oyez", "").replace("chown oyez ", "test -e ")
    return (
        script.replace("/opt/oyez/bin/oyez", OYEZ).replace("/etc/", f"{folder}/etc/").replace("/var/", f"{folder}/var/")
    )


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name in ("etc", "var/lib"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_replacing_the_daemon_of_an_lqdoj_site(machine: Path) -> None:
    said = run(prepare(LQDOJ, machine))
    settings = machine / "etc" / "oyez" / "oyez.toml"
    assert str(machine / "var/lib/oyez/events.sqlite3") in said
    key = (machine / "etc/oyez/key").read_text().strip()
    with Daemon(machine, "--broker", "memory://") as daemon:
        (locations,) = snippets(LQDOJ, "nginx")
        with Nginx(machine, locations.replace("15100", str(daemon.port))) as nginx:
            listen, post = snippets(LQDOJ, "sh")[-1].replace("/opt/oyez/bin/oyez", OYEZ).splitlines()
            url = listen.partition("#")[0].replace("https://judge.example", nginx.url)
            listener = subprocess.Popen([*url.split(), "--count", "1"], stdout=subprocess.PIPE, env=environment())
            eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 1, "listener")
            post = post.replace('"$(cat /etc/oyez/key)"', f"'{KEY}'")
            run(post, OYEZ_URL=daemon.url)
            assert "hear ye" in listener.communicate(timeout=PATIENCE_S)[0].decode()
    assert len(key) >= 40
    assert run(f"{OYEZ} check-config --config {settings}")


def test_replacing_the_three_ports_of_a_dmoj_site(machine: Path, start_daemon: StartDaemon) -> None:
    run(prepare(DMOJ, machine))
    settings = machine / "oyez.toml"
    (document,) = snippets(DMOJ, "toml")
    settings.write_text(document.replace("/var/", f"{machine}/var/"))
    assert run(f"{OYEZ} check-config --config {settings}")
    daemon = start_daemon(settings=POST_LISTENER | POLL_LISTENER)
    (locations,) = snippets(DMOJ, "nginx")
    locations = locations.replace("15100", str(daemon.port)).replace("15102", str(poll_port(daemon)))
    with Nginx(machine, locations) as nginx:
        waiting = Call(nginx.port, "GET", "/channels/news")
        eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 1, "poll")
        (post,) = [line for line in snippets(DMOJ, "sh") if line.startswith("echo")]
        run(post.replace("/opt/oyez/bin/oyez", OYEZ).replace("15101", str(post_port(daemon))))
        assert json.loads(waiting.answer().body)["message"] == "hear ye"
        settings.write_text(document.replace("15100", str(daemon.port)).replace("15101", str(post_port(daemon))))
        (doctor,) = [line for line in snippets(DMOJ, "sh") if " doctor " in line]
        doctor = doctor.replace("/etc/oyez/oyez.toml", str(settings)).replace(
            "wss://judge.example", f"ws://127.0.0.1:{nginx.port}"
        )
        assert "ok       WebSocket at --public-url: an event came" in run(doctor.replace("/opt/oyez/bin/oyez", OYEZ))


@pytest.mark.parametrize("page", [LQDOJ, DMOJ])
def test_the_service_files_start_the_daemon(page: str) -> None:
    for block in snippets(page, "ini"):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(block)
        section = parser["Service"] if parser.has_section("Service") else parser["program:wsevent"]
        command = section["ExecStart"] if "ExecStart" in section else section["command"]
        assert command == "/opt/oyez/bin/oyez serve --config /etc/oyez/oyez.toml"


def test_the_settings_of_the_reference_are_settings(tmp_path: Path) -> None:
    documents = snippets("docs/reference/settings.md", "toml")
    assert len(documents) >= 2
    for document in documents:
        files = re.findall('key_file = "(.*)"', document)
        for number, file in enumerate(files):
            (tmp_path / Path(file).name).write_text(f"key {number}\n")
        (tmp_path / "oyez.toml").write_text(document.replace("/etc/oyez/", f"{tmp_path}/"))
        assert run(f"{OYEZ} check-config --config {tmp_path}/oyez.toml")


@pytest.mark.parametrize("page", ["docs/reference/long-poll.md", "docs/reference/event-streams.md"])
def test_the_line_that_shows_a_door(own_daemon: Daemon, page: str) -> None:
    own_daemon.post("news", "hear ye")
    (line,) = snippets(page, "sh")
    line = line.replace("http://127.0.0.1:15100", own_daemon.url).replace("1795391142426", "1")
    shown = subprocess.Popen(["bash", "-c", f"exec {line}"], stdout=subprocess.PIPE, text=True, env=environment())
    assert shown.stdout is not None
    text = ""
    while "hear ye" not in text and (read := os.read(shown.stdout.fileno(), 4096)):
        text += read.decode()
    shown.kill()
    shown.wait()
    assert "hear ye" in text
