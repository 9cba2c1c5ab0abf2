"""The paths of the API. With or without a slash at the end, for a redirect would break clients."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from .views import connections, health, jobs, operations, tasks, users

ID = r"(?P<{}_id>[^/]+)"
JOB, TASK, CONNECTION = ID.format("job"), ID.format("task"), ID.format("connection")


def _path(route: str, view: type, **settings: object) -> URLPattern:
    return re_path(rf"^{route}/?$", view.as_view(**settings))  # type: ignore[attr-defined]


urlpatterns = [
    _path("v2/jobs", jobs.JobList),
    _path(f"v2/jobs/{JOB}", jobs.JobDetail),
    _path(f"v2/jobs/{JOB}/wait", jobs.JobWait),
    _path("v2/tasks", tasks.TaskList),
    _path(f"v2/tasks/{TASK}", tasks.TaskDetail),
    _path(f"v2/tasks/{TASK}/wait", tasks.TaskWait),
    _path(f"v2/tasks/{TASK}/cancel", tasks.TaskCancel),
    _path(f"v2/tasks/{TASK}/retry", tasks.TaskRetry),
    _path("v2/users/me", users.Me),
    _path("v2/connections", connections.ConnectionList),
    _path(f"v2/connections/{CONNECTION}", connections.ConnectionDetail),
    _path(f"v2/connections/{CONNECTION}/test", connections.ConnectionTest),
    _path(f"v2/connections/{CONNECTION}/test/{TASK}", connections.ConnectionTested),
    _path("v2/operations", operations.OperationList),
    _path("v2/operations/plan", operations.Plan),
    _path("v2/convert/formats", operations.OperationList, only="convert"),
    # Last: every other path may be an operation's name.
    _path(r"v2/(?P<operation>[a-z0-9/-]+?)", tasks.TaskCreation),
    _path("healthz", health.Alive),
    _path("readyz", health.Ready),
    _path("", health.Home),
]
