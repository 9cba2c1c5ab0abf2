"""Seals every stored secret anew, after the keys have changed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs import services


class Command(BaseCommand):
    """Seal with the first key what another sealed, or none; safe to repeat, beside the service."""

    help = (
        "Seal every stored secret with the first of ATHANOR_SEALING_KEYS. When it ends well, no other key is"
        " needed any more, once every process has been started with the new first key."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        """Seal and tell."""
        done, lost = services.reseal()
        self.stdout.write(f"Sealed the secrets of {done} tasks anew.")
        if lost:
            raise CommandError(
                f"The secrets of {lost} tasks cannot be opened; the log names the keys that are missing."
                " Give those keys after the first and run this again, or wait until the tasks are deleted."
            )
