"""Build the generator and the floor, and set up the peers, each by its own script: `bench/peers/NAME/install`.

All of it is kept below `.venv`, which git does not look at and `make clean` removes.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from bench.servers import ROOT

BUILT = ROOT.parent / ".venv" / "peers"
TOOLS = {
    "load": (
        *("load", "wish", "plan", "peers", "tally", "dialect"),
        *("websocket", "socketio", "raw", "centrifugo", "nats", "http", "usage", "frames"),
    ),
    "floor": ("floor", "frames"),
}


def build_tools() -> Path:
    """Compile the load generator and the floor; returns their folder."""
    folder = BUILT / "tools"
    folder.mkdir(parents=True, exist_ok=True)
    for program, parts in TOOLS.items():
        sources = [str(ROOT / "tools" / f"{part}.c") for part in parts]
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(folder / program), *sources], check=True)
    return folder


def set_up(peer: str, *, fetch: bool) -> str:
    """Set a peer up unless it is there; returns an empty text, or why it cannot be had. `fetch` allows to download."""
    folder = BUILT / peer
    folder.mkdir(parents=True, exist_ok=True)
    stamp, wanted = folder / ".installed", _fingerprint(ROOT / "peers" / peer)
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return ""
    if not fetch:
        return "not installed"
    install, environment = ROOT / "peers" / peer / "install", os.environ | {"PYTHON": sys.executable}
    ended = subprocess.run([str(install), str(folder)], env=environment, check=False, capture_output=True, text=True)
    if ended.returncode:
        said = (ended.stdout + ended.stderr).strip().splitlines()
        return said[-1] if said else f"its install ended with {ended.returncode}"
    stamp.write_text(wanted, "utf-8")
    return ""


def _fingerprint(folder: Path) -> str:
    """Return what changes when any file does that a peer is made from."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
