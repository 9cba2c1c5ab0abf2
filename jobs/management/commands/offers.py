"""``manage.py offers``: every operation and pair of formats, with who does it, and how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from jobs import fleet, planner, registry, versions
from jobs.crew import Crew

NO_DATABASE = "The database tells who is alive, and cannot be read: check the settings, run manage.py migrate"


class Command(BaseCommand):
    """List what can be asked for now, as far as live workers have it."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--declared", action="store_true", help="What is declared, whoever is alive.")
        parser.add_argument("--summary", action="store_true", help="Only the numbers.")
        parser.add_argument("--operation", default="", help="Only this operation.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the table, and the numbers below it."""
        try:
            crew = None if options["declared"] else fleet.look().live
        except DatabaseError as error:
            raise CommandError(f"{NO_DATABASE}, or ask with --declared.") from error
        names = [options["operation"]] if options["operation"] else list(dict.fromkeys(_names()))
        counts: Counter[str] = Counter()
        for name in names:
            for source, target, engine, cost, hops in rows(name, crew):
                counts[f"{name} in {hops} hop{'s' * (hops > 1)}"] += 1
                if not options["summary"]:
                    who = f"{engine or '-'} {_versions(engine, crew)}".strip()
                    way = f"{source or 'any'} → {target or 'the same'}"
                    self.stdout.write(f"{name}  {way}  {who}  {cost:g}  {hops}")
        for name, count in sorted(counts.items()):
            self.stdout.write(f"{count:6} {name}")
        self.stdout.write(f"{counts.total():6} in all, {len(list(_engines(crew)))} engines")


def rows(name: str, crew: Crew | None) -> Iterator[tuple[str | None, str | None, str | None, float, int]]:
    """Yield source, target, engine, cost and hops of every pair an operation can be asked for."""
    for source, target, hops in planner.ways(name, crew):
        yield source, target, hops[-1].operation.engine, planner.cost(hops), len(hops)


def _names() -> Iterator[str]:
    return (record.name for record in registry.public())


def _engines(crew: Crew | None) -> Iterator[str]:
    return (name for name, record in registry.engines().items() if crew is None or crew.has(record))


def _versions(engine: str | None, crew: Crew | None) -> str:
    return ",".join(each.version for each in versions.listed(engine, crew)) if engine and crew else ""
