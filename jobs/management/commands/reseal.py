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
        tasks, connections = services.reseal_tasks(), services.reseal_connections()
        self.stdout.write(f"Sealed the secrets of {tasks[0]} tasks and {connections[0]} connections anew.")
        if tasks[1] or connections[1]:
            raise CommandError(
                f"The secrets of {tasks[1]} tasks and {connections[1]} connections cannot be opened; the log"
                " names the keys that are missing. Give those keys after the first and run this again, or"
                " wait until the tasks are deleted and have the connections saved anew."
            )
