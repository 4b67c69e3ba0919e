"""How the daemon is doing, and how to kill it."""

import json

from django.conf import settings
from django.shortcuts import render

from judge import channels
from oyez.django import events


def show(request):
    """Show what `start.py` wrote down about the process, and whether it answers now."""
    try:
        process = json.loads((settings.STATE_DIR / "daemon.json").read_text("utf-8"))
    except (OSError, ValueError):
        process = {}
    return render(
        request, "judge/daemon.html", {"process": process, "last": events.last(), "channel": channels.SUBMISSIONS}
    )
