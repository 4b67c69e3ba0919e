"""Do the examples of the client's reference run as they are printed?"""

import re
from pathlib import Path

import pytest

from tests.daemon import KEY, Daemon

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page in (ROOT / "docs" / "reference" / "client.md", ROOT / "README.md")
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    )
    if "oyez.client" in code
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_example_runs(module_daemon: Daemon, code: str) -> None:
    module_daemon.post("news", "so that there is something to hear")
    code = code.replace("http://127.0.0.1:15100", module_daemon.url).replace('"oyez-development"', repr(KEY))
    exec(compile(code, "example", "exec"), {"__name__": "example"})
