"""Do the commands of the how-to for operators work, all of them and in their order?"""

import re
import subprocess
from pathlib import Path

from tests.sqlite_store import NAME, NOW_MS, ids, make, opened

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "operate-the-sqlite-store.md"


def test_the_commands_for_operators_work(tmp_path: Path) -> None:
    folder = tmp_path / "lib"
    make(folder / NAME, 200)
    (tmp_path / "backups").mkdir()
    blocks = re.findall(r"^```sh\n(.*?)^```$", HOW_TO.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 9
    script = "\n".join(blocks).replace("/var/lib/oyez", str(folder)).replace("/var/backups", str(tmp_path / "backups"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], check=False, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"│ {NOW_MS + 200} │" in done.stdout
    assert re.search(r"│ sub_7 +│ 4 +│", done.stdout)
    assert f"ok\n200|{NOW_MS + 200}\n" in done.stdout
    assert done.stdout.endswith("ok\n")
    with opened(folder / NAME, now_ms=NOW_MS + 60_000) as file:
        assert len(ids(file)) == 200
        assert file.horizon() == NOW_MS + 60_000, "after a restore everybody is told of a gap"
