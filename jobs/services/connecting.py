"""What is done to saved connections: save, delete, try, seal anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs import connections, intake, secrets
from jobs.contract.errors import InvalidData, Retry
from jobs.models import Account, ApiKey, Connection, Task

from .accepting import create_task

TEST_SECONDS = 30
"""How long a try may take, and who asked for it waits."""


def save_connection(
    draft: connections.Draft,
    *,
    owner: Account,
    known: Connection | None = None,
    workload_identity: bool = False,
) -> Connection:
    """Save a new connection, or another in the place of a known one, which keeps its id.

    :param workload_identity: only ever what an operator says.
    :raises InvalidData: when somebody else has just taken the name.
    """
    row = known or Connection(owner=owner, provider=draft.provider)
    row.name = draft.name
    row.options = secrets.sealed(draft.options, row=row.pk)
    row.workload_identity = workload_identity
    row.changed_at = timezone.now()
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise InvalidData({"name": ["The name is that of another connection."]}) from error
    return row


def delete_connection(connection: Connection) -> None:
    """Remove a connection; tasks that were accepted with it and have not run yet will fail."""
    Connection.objects.filter(pk=connection.pk).delete()


def try_connection(connection: Connection, said: Mapping[str, Any], *, api_key: ApiKey | None = None) -> Task:
    """Let a worker open the storage of a connection; return the task, which nobody is shown.

    :param said: what a job may say beside the connection, such as the bucket.
    :raises InvalidData: when that is not enough, or too much.
    """
    operation = connections.testers()[connection.provider].name
    given = {**said, connections.CONNECTION.name: f"{connection.pk}", "timeout": TEST_SECONDS}
    draft = intake.parse_task(operation, given, owner=connection.owner, hidden=True)
    # Whoever waits for the answer wants the first one.
    return create_task(
        draft, owner=connection.owner, api_key=api_key, tries=Retry.INFRASTRUCTURE.attempts - 1
    )
