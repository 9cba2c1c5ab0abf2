"""Tasks: create one on its own, list, show, wait for, cancel, retry, delete."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from api import lookups, pagination, representations, sync
from jobs import intake, registry, services
from jobs.contract.errors import NotFound
from jobs.models import Task
from jobs.states import FINAL

from .endpoint import Endpoint


class TaskCreation(Endpoint):
    """``/v2/{operation}``, for every operation on offer."""

    def initial(self, request: Request, operation: str) -> None:
        """Know the operation before the method, so that an unknown path is not found by any."""
        super().initial(request, operation)
        if not registry.named(operation) or operation in registry.hidden():
            raise NotFound

    def post(self, _request: Request, operation: str) -> Response:
        """Create a task on its own."""
        draft = intake.parse_task(operation, self.payload, owner=self.owner)
        with transaction.atomic():
            task = services.create_task(draft, owner=self.owner, api_key=self.api_key)
            return _created(self, task)


class TaskList(Endpoint):
    """``/v2/tasks``"""

    def get(self, request: Request) -> Response:
        """List the owner's tasks."""
        include = self.include
        rows = lookups.filtered_tasks(lookups.tasks(self.owner, include=include), self.filters)
        base = settings.ATHANOR_SYNC_URL if self.is_sync else None

        def represent(row: Task) -> representations.Json:
            return representations.task(row, include=include)

        url = representations.url("tasks", base=base)
        return Response(pagination.page(rows, represent, query=request.query_params, url=url))


class TaskWait(Endpoint):
    """``/v2/tasks/{id}/wait``, from before there was a synchronous host."""

    waits = True

    def get(self, request: Request, task_id: str) -> Response:
        """Show a task."""
        task = lookups.one(lookups.tasks(self.owner, include=self.include), task_id)
        response = Response({"data": representations.task(task, include=self.include)})
        if (self.waits or self.is_sync) and task.status not in FINAL:
            sync.hold(response, kind="task", pk=task.pk, query=request.META.get("QUERY_STRING", ""))
        return response


class TaskDetail(TaskWait):
    """``/v2/tasks/{id}``"""

    waits = False

    def delete(self, _request: Request, task_id: str) -> Response:
        """Remove a task and its files."""
        services.delete_task(lookups.one(lookups.mine(self.owner), task_id))
        return Response(status=204)


class TaskCancel(Endpoint):
    """``/v2/tasks/{id}/cancel``"""

    def post(self, _request: Request, task_id: str) -> Response:
        """Cancel a task; what the body says is ignored."""
        task = lookups.one(lookups.mine(self.owner), task_id)
        services.cancel(task)
        return Response({"data": representations.task(lookups.one(lookups.tasks(self.owner), f"{task.pk}"))})


class TaskRetry(Endpoint):
    """``/v2/tasks/{id}/retry``"""

    def post(self, _request: Request, task_id: str) -> Response:
        """Create a new task from one that has ended; what the body says is ignored."""
        original = lookups.one(lookups.mine(self.owner), task_id)
        with transaction.atomic():
            return _created(self, services.retry(original, api_key=self.api_key))


def _created(endpoint: Endpoint, task: Task) -> Response:
    """Return the answer to a task's creation, read before the workers can see it."""
    shown = lookups.one(lookups.tasks(endpoint.owner), f"{task.pk}")
    response = Response({"data": representations.task(shown)}, status=201)
    # Without its form nobody could upload what the task waits for.
    if endpoint.is_sync and shown.status not in FINAL and shown.operation != services.UPLOAD:
        sync.hold(response, kind="task", pk=shown.pk)
    return response
