"""What axe finds wrong with a page, by day and by night, on a phone and on a desk.

Knows axe-core, which is one of the JavaScript packages of the tests. Must not know any page.
"""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize

AXE = Path(__file__).parents[1] / "clients" / "node" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = {"moderate", "serious", "critical"}
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}


def complaints(page: Page) -> list[str]:
    """Return what is moderate or worse: the rule, and where, for each look of the page."""
    found: list[str] = []
    page.evaluate(AXE.read_text("utf-8"))
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            result = page.evaluate("axe.run()")
            assert result["passes"], "axe has looked at nothing"
            found += [
                f"{size['width']} {scheme}: {_told(each)}" for each in result["violations"] if each["impact"] in GRAVE
            ]
    return found


def _told(violation: dict[str, Any]) -> str:
    places = ", ".join(str(node["target"][0]) for node in violation["nodes"][:3])
    return f"{violation['id']} ({violation['impact']}) at {places}: {violation['nodes'][0]['failureSummary']}"
