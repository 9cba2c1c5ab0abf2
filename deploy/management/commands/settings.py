"""``manage.py settings``: every setting, its default and what it is for."""

from __future__ import annotations

import textwrap
from typing import Any

from django.core.management.base import BaseCommand

from deploy.settings import SETTINGS, Setting

WIDTH = 100


class Command(BaseCommand):
    """List what can be set in the environment; values that were set are not shown, for some are secrets."""

    help = __doc__

    def handle(self, *_args: Any, **_options: Any) -> None:
        """List the settings by name."""
        for setting in sorted(SETTINGS, key=lambda each: each.name):
            self.stdout.write(entry(setting))


def entry(setting: Setting) -> str:
    """Return a setting's name and default, and below them what it is for."""
    about = textwrap.fill(setting.help, WIDTH, initial_indent="    ", subsequent_indent="    ")
    return f"ATHANOR_{setting.name}={_written(setting.default)}\n{about}"


def _written(default: Any) -> str:
    """Return a default as it would be written in the environment."""
    if isinstance(default, bool):
        return f"{default:d}"
    return ",".join(default) if isinstance(default, tuple | dict) else f"{default}"
