"""Saved connections to customers' storages: save, list, show, replace, delete, try."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from api import lookups, pagination, representations, sync
from jobs import connections, registry, services
from jobs.models import Connection

from .endpoint import Endpoint


class OfConnections(Endpoint):
    """What the endpoints have in common: they are for who administers the account, not for who makes jobs."""

    resource = "user"

    def one(self, text: str) -> Connection:
        """Return the owner's connection with this id."""
        return lookups.one(self.owner.connections.all(), text)


class ConnectionList(OfConnections):
    """``/v2/connections``"""

    def post(self, _request: Request) -> Response:
        """Save a new connection."""
        draft = connections.parse(self.payload, owner=self.owner)
        row = services.save_connection(draft, owner=self.owner)
        return Response({"data": representations.connection(row)}, status=201)

    def get(self, request: Request) -> Response:
        """List the owner's connections by name."""
        rows = self.owner.connections.order_by("name")
        url = representations.url("connections")
        return Response(
            pagination.page(rows, representations.connection, query=request.query_params, url=url)
        )


class ConnectionDetail(OfConnections):
    """``/v2/connections/{id}``"""

    def get(self, _request: Request, connection_id: str) -> Response:
        """Show a connection."""
        return Response({"data": representations.connection(self.one(connection_id))})

    def put(self, _request: Request, connection_id: str) -> Response:
        """Save another connection in its place, whole: else a new host could be given an old secret."""
        known = self.one(connection_id)
        draft = connections.parse(self.payload, owner=self.owner, known=known)
        row = services.save_connection(draft, owner=self.owner, known=known)
        return Response({"data": representations.connection(row)})

    def delete(self, _request: Request, connection_id: str) -> Response:
        """Remove a connection."""
        services.delete_connection(self.one(connection_id))
        return Response(status=204)


class ConnectionTest(OfConnections):
    """``/v2/connections/{id}/test``"""

    def post(self, _request: Request, connection_id: str) -> Response:
        """Let a worker try a connection, and answer with what it found, on either host."""
        row = self.one(connection_id)
        task = services.try_connection(row, self.payload, api_key=self.api_key)
        then = f"/v2/connections/{row.pk}/test/{task.pk}"
        return sync.hold(
            Response(status=202), kind="task", pk=task.pk, then=then, within=services.TEST_SECONDS
        )


class ConnectionTested(OfConnections):
    """``/v2/connections/{id}/test/{task_id}``, which ``waiting.py`` asks when the trial is over."""

    verb = "write"

    def get(self, _request: Request, connection_id: str, task_id: str) -> Response:
        """Show what was found, this once."""
        row = self.one(connection_id)
        # Only what tried it: others with this connection are the customer's own.
        trials = self.owner.tasks.filter(operation__in=registry.hidden(), connection=row.pk)
        task = lookups.one(trials, task_id)
        services.delete_task(task)
        return Response({"data": representations.tested(task)})
