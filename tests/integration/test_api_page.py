"""Do the lines on the API's page work as they are pasted?"""

import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from tests.daemon import Daemon
from tests.raw import Answer, request

PAGE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "api.md").read_text("utf-8")
DOCUMENTED = "127.0.0.1:15100"


def run(line: str, port: int) -> Answer:
    """Do what curl does with these few options."""
    words = iter(shlex.split(line)[1:])
    headers: dict[str, str] = {}
    url, body = "", None
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name.replace("-", "_")] = value
        elif word == "-d":
            body = next(words)
        else:
            url = word
    parts = urlsplit(url)
    assert parts.netloc == DOCUMENTED
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return request(port, "GET" if body is None else "POST", target, body, **headers)


def test_every_line_is_answered(tmp_path: Path) -> None:
    lines = re.findall(r"^curl .*$", PAGE, re.MULTILINE)
    assert len(lines) >= 8
    daemon = Daemon(tmp_path, settings={"channels": [{"match": "tickets", "listen": "observe"}]})
    daemon.key = "oyez-development"
    with daemon:
        for line in lines:
            answer = run(line, daemon.port)
            assert answer.status == 200, line
            assert json.loads(answer.body)
