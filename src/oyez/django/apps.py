"""What Django has to know of `INSTALLED_APPS += ["oyez.django"]`.

It must not know what the checks look for.
"""

from django.apps import AppConfig
from django.core.checks import register

from oyez.django.checks import check_settings


class OyezConfig(AppConfig):
    """The application; its label is `oyez`."""

    name = "oyez.django"
    label = "oyez"
    verbose_name = "Oyez"

    def ready(self) -> None:
        """Let `manage.py check` look at the settings."""
        register(check_settings)
