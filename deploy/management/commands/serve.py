"""``manage.py serve``: run the web process."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import files


class Command(BaseCommand):
    """Serve the API, uploads and downloads, and the synchronous API."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare host and ports; by default those of the public URLs."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--port", type=int, default=_port(settings.ATHANOR_PUBLIC_URL, 8000))
        parser.add_argument(
            "--sync-port",
            type=int,
            default=_port(settings.ATHANOR_SYNC_URL, None),
            help="Second port, on which every request is for the synchronous API.",
        )
        parser.add_argument("--access-log", action="store_true", help="Log a line for every request.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve until told to stop."""
        if settings.ATHANOR_REFUSALS:
            raise CommandError("\n".join(settings.ATHANOR_REFUSALS))
        if objection := files.objection():
            raise CommandError(objection)
        from deploy.serve import serve

        sync_port = None if options["sync_port"] == options["port"] else options["sync_port"]
        serve(options["host"], port=options["port"], sync_port=sync_port, access_log=options["access_log"])


def _port(url: str, default: int | None) -> int | None:
    return urlsplit(url).port or default
