"""Whether the service lives, and can work."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import Error
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import fleet
from jobs.contract.errors import Unavailable

from .endpoint import OpenEndpoint

log = logging.getLogger(__name__)


class Alive(OpenEndpoint):
    """``/healthz``: the process answers."""

    def get(self, _request: Request) -> Response:
        """Say so."""
        return Response({"status": "ok"})


class Ready(OpenEndpoint):
    """``/readyz``: the database answers too. Work is accepted even while no worker is alive."""

    def get(self, _request: Request) -> Response:
        """Say so, and who would do the work."""
        try:
            workers = fleet.alive()
        except Error as error:
            log.warning("The database does not answer: %s", error)
            raise Unavailable("The database does not answer.") from error
        queues = sorted({queue for worker in workers for queue in worker.queues})
        return Response({"status": "ready", "database": "ok", "workers": len(workers), "queues": queues})


class Home(OpenEndpoint):
    """``/``"""

    def get(self, _request: Request) -> Response:
        """Name the service."""
        url = settings.ATHANOR_PUBLIC_URL.rstrip("/")
        return Response({"name": "Athanor", "api": f"{url}/v2", "operations": f"{url}/v2/operations"})
