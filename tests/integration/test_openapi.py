"""Is the API as its OpenAPI document says, to the letter?"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from oyez.wire import api_queries, api_requests
from tests.conftest import MANY_CLIENTS, StartDaemon
from tests.daemon import Daemon
from tests.raw import request

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent

# All phases that schemathesis has and all checks that it makes by default; the same requests in every run.
RUN = ["--seed=1", "--max-examples=8", "--generation-deterministic", "--no-color"]


@pytest.mark.timeout(300)  # some 15 s on an idle machine
def test_every_request_that_schemathesis_thinks_of_is_answered_as_described(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    rule = {"match": "*closed*", "listen": "grant"}
    daemon = start_daemon(settings={**MANY_CLIENTS, "channels": [rule]})
    key = f"Authorization: Bearer {daemon.key}"
    tool = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(ROOT / "schemathesis.toml"), "run"]
    done = subprocess.run(
        [*tool, f"{daemon.url}/api/openapi.json", "-H", key, *RUN],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert (cases := re.search(r"(\d+) generated, (\d+) passed", done.stdout)) is not None, done.stdout
    assert cases[1] == cases[2]
    assert int(cases[1]) > 300


def test_the_description_has_every_path_and_the_limits(daemon: Daemon) -> None:
    document = json.loads(request(daemon.port, "GET", "/api/openapi.json").body)
    for path, operations in document["paths"].items():
        for method in operations:
            answer = request(daemon.port, method.upper(), path.replace("{name}", "x"))
            assert answer.status == (200 if operations[method].get("security") == [] else 401), path
    schemas = document["components"]["schemas"]
    assert schemas["Key"]["maxLength"] == schemas["HeaderKey"]["maxLength"] == api_requests.MAX_KEY_LENGTH
    (limit,) = (item for item in document["paths"]["/api/channels"]["get"]["parameters"] if item["name"] == "limit")
    assert (limit["schema"]["default"], limit["schema"]["maximum"]) == (
        api_queries.DEFAULT_LIMIT,
        api_queries.MAX_LIMIT,
    )


def test_the_description_has_every_error_code() -> None:
    text = (ROOT / "src" / "oyez" / "endpoints" / "api" / "openapi.json").read_text("utf-8")
    page = (ROOT / "docs" / "reference" / "api.md").read_text("utf-8")
    table = page[page.index("| API code |") :].split("\n\n")[0]
    codes = json.loads(text)["components"]["schemas"]["Error"]["properties"]["code"]["enum"]
    assert set(codes) == set(re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE))
