"""The browser client's files: are they small, typed, made of their source, and served as browsers want them?"""

import gzip
import subprocess
from pathlib import Path

import pytest

import oyez
from tests.clients.javascript import NODE
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.raw import request

ROOT = Path(__file__).parents[2]
PACKAGE = Path(oyez.__file__).parent
FOLDER = PACKAGE / "browser"
COLLECTED = PACKAGE / "django" / "static" / "oyez"  # by Django, as a site's static files
NAMES = sorted(path.name for path in COLLECTED.iterdir())
BUILT = ("event.js", "event-extras.js")

MAX_PACKED_BYTES = 4500


def test_the_client_is_small() -> None:
    packed = len(gzip.compress((FOLDER / "event.js").read_bytes(), 9))
    assert packed < MAX_PACKED_BYTES
    assert packed > MAX_PACKED_BYTES - 400, "docs/reference/javascript.md tells a size that is out of date"


def test_what_is_served_and_collected_is_what_the_source_makes(tmp_path: Path) -> None:
    into = [f"SERVED={tmp_path / 'served'}", f"COLLECTED={tmp_path / 'collected'}"]
    (tmp_path / "collected").mkdir()
    subprocess.run(["make", "--silent", "event.js", *into], cwd=ROOT, check=True)
    for name in NAMES:
        built = (tmp_path / "collected" / name).read_bytes()
        assert (FOLDER / name).read_bytes() == (COLLECTED / name).read_bytes() == built, f"{name}: run `make event.js`"
    assert {path.name for path in (tmp_path / "served").iterdir()} == set(BUILT)


@pytest.mark.slow
@pytest.mark.parametrize("project", [".", "source"])
def test_its_types_are_what_pages_need_and_its_source_keeps(project: str) -> None:
    command = ["node", str(NODE / "node_modules/typescript/bin/tsc"), "--project", str(NODE / "types" / project)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("path", ["/", "/socket.io/"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_served_as_it_is(daemon: Daemon, path: str, name: str) -> None:
    plain = request(daemon.port, "GET", f"{path}{name}")
    assert (plain.status, plain.body) == (200, (FOLDER / name).read_text("utf-8"))
    script = "text/javascript; charset=utf-8"
    assert plain.headers["content-type"] == (script if name.endswith("js") else "application/typescript; charset=utf-8")
    assert plain.headers["cache-control"] == "no-cache"
    assert plain.headers["access-control-allow-origin"] == "*"
    assert set(plain.headers["vary"].split(", ")) == {"Accept-Encoding"}


def test_it_is_packed_for_those_who_take_that_and_not_sent_to_those_who_have_it(daemon: Daemon) -> None:
    packed = request(daemon.port, "GET", "/event.js", Accept_Encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < MAX_PACKED_BYTES
    assert packed.headers["etag"].startswith('W/"')
    again = request(daemon.port, "GET", "/event.js", If_None_Match=packed.headers["etag"])
    assert (again.status, again.body) == (304, "")
    assert again.headers["etag"] == packed.headers["etag"]
    assert request(daemon.port, "GET", "/event.js", If_None_Match='W/"another"').status == 200
    assert request(daemon.port, "HEAD", "/event.js").status == 200
    assert request(daemon.port, "POST", "/event.js").status == 405


def test_pages_of_strangers_cannot_load_it_as_a_module_where_they_may_not_listen(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"http.allowed_origins": ["https://judge.example"], "socketio.path": "/live/"})
    ours = request(daemon.port, "GET", "/live/event.mjs", Origin="https://judge.example")
    assert ours.headers["access-control-allow-origin"] == "https://judge.example"
    assert set(ours.headers["vary"].split(", ")) == {"Accept-Encoding", "Origin"}
    strange = request(daemon.port, "GET", "/live/event.mjs", Origin="https://elsewhere.example")
    assert "access-control-allow-origin" not in strange.headers
