"""The example's settings. All that is about events stands in the last paragraph."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).parent.parent
STATE_DIR = Path(os.environ.get("EXAMPLE_STATE", BASE_DIR / "var"))

DEBUG = True  # a site to play with, on one's own machine
SECRET_KEY = "an example has nothing to hide"
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["django.contrib.staticfiles", "oyez.django", "judge"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "judge.middleware.sign_in",
    "judge.middleware.content_security_policy",
]
ROOT_URLCONF = "config.urls"
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request", "judge.middleware.page"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "site.sqlite3",
        # Site and bridge write at the same time.
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode = WAL"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
USE_TZ = True
TIME_ZONE = os.environ.get("TZ", "UTC")

# Events. Site and bridge post to the first address, browsers listen at the second: behind nginx that is the site's own.
EVENT_DAEMON_USE = True
EVENT_DAEMON_URL = os.environ.get("EVENT_DAEMON_URL", "http://127.0.0.1:15100")
EVENT_DAEMON_PUBLIC_URL = os.environ.get("EVENT_DAEMON_PUBLIC_URL", EVENT_DAEMON_URL)
EVENT_DAEMON_KEY = os.environ.get("EVENT_DAEMON_KEY", "oyez-development")
# So many may wait while the daemon is away: all that the simulated people do in some minutes.
EVENT_DAEMON_QUEUE = 10_000
