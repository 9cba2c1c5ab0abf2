"""Jobs: create, list, show, wait for, delete."""

from __future__ import annotations

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from api import lookups, pagination, representations, sync
from jobs import intake, services
from jobs.models import Job
from jobs.states import FINAL, Status

from .endpoint import Endpoint


class JobList(Endpoint):
    """``/v2/jobs``"""

    def post(self, _request: Request) -> Response:
        """Create a job."""
        draft = intake.parse_job(self.payload, owner=self.owner)
        # It reads as it was created, whatever the workers have done since: clients expect it to be waiting.
        job = services.create_job(draft, owner=self.owner, api_key=self.api_key)
        response = Response({"data": representations.job(job)}, status=201)
        # Without its form nobody could upload what the job waits for.
        waits = self.is_sync and not any(task.operation == services.UPLOAD for task in draft.tasks)
        if waits:
            sync.hold(response, kind="job", pk=job.pk, query="redirect=true" if draft.redirect else "")
        return response

    def get(self, request: Request) -> Response:
        """List the owner's jobs."""
        with_tasks = "tasks" in self.include
        rows = lookups.filtered_jobs(lookups.jobs(self.owner, tasks=with_tasks), self.filters)
        base = settings.ATHANOR_SYNC_URL if self.is_sync else None

        def represent(row: Job) -> representations.Json:
            return representations.job(row, tasks=with_tasks)

        url = representations.url("jobs", base=base)
        return Response(pagination.page(rows, represent, query=request.query_params, url=url))


class JobWait(Endpoint):
    """``/v2/jobs/{id}/wait``, from before there was a synchronous host."""

    waits = True

    def get(self, request: Request, job_id: str) -> Response:
        """Show a job, or lead to its first export."""
        job = lookups.one(lookups.jobs(self.owner, tasks=True), job_id)
        url = representations.export_url(job) if self.flag("redirect") else None
        if url and job.status == Status.FINISHED:
            return Response(status=302, headers={"Location": url})
        response = Response({"data": representations.job(job)})
        if (self.waits or self.is_sync) and job.status not in FINAL:
            sync.hold(response, kind="job", pk=job.pk, query=request.META.get("QUERY_STRING", ""))
        return response


class JobDetail(JobWait):
    """``/v2/jobs/{id}``"""

    waits = False

    def delete(self, _request: Request, job_id: str) -> Response:
        """Remove a job, its tasks and their files."""
        services.delete_job(lookups.one(self.owner.jobs.all(), job_id))
        return Response(status=204)
