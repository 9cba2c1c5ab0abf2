"""``manage.py route docx png``: the way from one format to another, and what it costs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from jobs import fleet, planner, registry, routing
from jobs.contract import formats
from jobs.contract.errors import EngineGone

from .offers import NO_DATABASE


class Command(BaseCommand):
    """Print the hops a task would take now."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what is asked for."""
        parser.add_argument("source", help="The input's format.")
        parser.add_argument("target", nargs="?", default="", help="The format wanted, if one is.")
        parser.add_argument(
            "--operation", default=planner.CONVERT, help="What is done; convert if not given."
        )
        parser.add_argument("--engine", help="One that must take part.")
        parser.add_argument("--engine-version", help="The version of it.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print a line for each hop, and the cost."""
        source, target = (formats.canonical(options[side]) for side in ("source", "target"))
        asked = {"engine": options["engine"], "version": options["engine_version"]}
        name = registry.OPERATION_ALIASES.get(options["operation"], options["operation"])
        try:
            hops = routing.way(name, [source], target, **asked)
        except EngineGone as error:
            raise CommandError(error.message) from error
        except DatabaseError as error:
            raise CommandError(f"{NO_DATABASE}.") from error
        if not hops:
            raise CommandError(f"Nobody brings {source} to {target or 'that'}.")
        live = fleet.look().live
        for hop in hops:
            who = f"{hop.operation.engine or '-'} {hop.version}".strip()
            state = "" if live.has(hop.operation) else "  (nobody alive has it)"
            self.stdout.write(f"{hop.operation.name}  {hop.source or 'any'} → {hop.target}  {who}{state}")
        self.stdout.write(f"cost {planner.cost(hops):g}")
