"""Do the lines that move a site to `oyez.django` work, pasted into the folder of the site's code?

The site here has what the lines touch, in the form in which the sites have it: settings that end by reading
``local_settings.py``, a poster that other modules import by its name, templates that load ``event.js``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.pages import snippets
from tests.sandbox import environment

SETTINGS = """
import os
SECRET_KEY = "for the tests"
INSTALLED_APPS = ()
INSTALLED_APPS += ("django.contrib.staticfiles", "judge")
STATIC_URL = "/static/"
STATIC_ROOT = os.path.join(os.path.dirname(__file__), "collected")
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [os.path.join(os.path.dirname(os.path.dirname(__file__)), "templates")],
        "OPTIONS": {"extensions": ["jinja2.ext.do"] + ["jinja2.ext.loopcontrols"]},
    },
]
with open(os.path.join(os.path.dirname(__file__), "local_settings.py")) as f:
    exec(f.read(), globals())
"""
OLD_POSTER = "def post(channel, message):\n    raise AssertionError('the old poster')\n\n\nlast = real = post\n"
PAGE = """<script type="text/javascript" src="{{ static('event.js') }}"></script>"""
LOOK = """
import django; django.setup()
from django.template.loader import render_to_string
from judge import event_poster as event
assert event.real is True
assert event.post("news", "hear ye") > 0
assert event.last() > 0
print(*map(render_to_string, {templates!r}))
"""
TEMPLATES = {"lqdoj": ("event-load.html",), "dmoj": ("event-load.html", "submission/status.html"), "vnoj": ()}


@pytest.mark.parametrize("site", TEMPLATES)
def test_a_site_is_moved_by_the_lines_of_its_page(site: str, tmp_path: Path, daemon: Daemon) -> None:
    page = f"docs/how-to/migrate-{site}.md"
    for name, text in {
        "dmoj/__init__.py": "", "dmoj/settings.py": SETTINGS, "judge/__init__.py": "",
        "judge/event_poster.py": OLD_POSTER,
        "templates/event-load.html": PAGE, "templates/submission/status.html": f"<head>\n    {PAGE}\n</head>",
        "manage.py": "from django.core.management import execute_from_command_line as run\nimport sys\nrun(sys.argv)\n",
    }.items():  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    local = f"EVENT_DAEMON_USE = True\nEVENT_DAEMON_URL = '{daemon.url}'\nEVENT_DAEMON_KEY = '{KEY}'\n"
    (tmp_path / "dmoj/local_settings.py").write_text(local + snippets(page, "python")[0])
    lines = [line for block in snippets(page, "sh") for line in block.splitlines() if not line.startswith("pip")]
    env = environment({"DJANGO_SETTINGS_MODULE": "dmoj.settings", "PYTHONPATH": str(tmp_path)})
    script = "\n".join(lines).replace("python manage.py", f"{sys.executable} manage.py")
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=env, check=True, timeout=2 * PATIENCE_S
    )
    look = LOOK.format(templates=TEMPLATES[site])
    done = subprocess.run(
        [sys.executable, "-c", look],
        cwd=tmp_path,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    for name in TEMPLATES[site]:
        assert "static('event.js')" not in (tmp_path / "templates" / name).read_text()
    assert done.stdout.count("/static/oyez/event.js") == len(TEMPLATES[site])
