"""Run a worker process."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import files, registry
from workers import station, tasks


class Command(BaseCommand):
    """Takes tasks of some or all queues until told to stop (SIGTERM drains it)."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare ``--queues``."""
        parser.add_argument("--queues", default="", help="Comma-separated; all when not given.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run until told to stop."""
        if settings.ATHANOR_REFUSALS:
            raise CommandError("\n".join(settings.ATHANOR_REFUSALS))
        if objection := files.objection():
            raise CommandError(objection)
        try:
            station.own_work_folder()
        except OSError as error:
            raise CommandError(f"The work folder cannot be used: {error}") from error
        asked = tuple(name for name in options["queues"].split(",") if name) or settings.ATHANOR_QUEUES
        known = registry.queues()
        if unknown := sorted({*asked, *settings.ATHANOR_SLOTS}.difference(known)):
            raise CommandError(f"There is no queue {', '.join(unknown)}; there are: {', '.join(known)}.")
        try:
            slots = station.slots_for(asked)
        except registry.confinement().Unsafe as error:
            raise CommandError(f"{error}") from error
        worker = station.Worker(slots)
        tasks.serve(worker, log_level=settings.ATHANOR_LOG_LEVEL)
