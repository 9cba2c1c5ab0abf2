"""The rows: accounts, connections, jobs, tasks, files, workers and so on. ``services`` changes them."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models

from .states import Status


class Account(AbstractUser):
    """A customer or an operator; owns keys, jobs and tasks."""


class ApiKey(models.Model):
    """A bearer key, kept as its SHA-256: a key of 256 random bits needs no slow hash."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"{self.name or 'key'} ({self.prefix}…)"


class Connection(models.Model):
    """A storage of a customer's, saved under a name that jobs give in place of credentials."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="connections")
    name = models.CharField(max_length=100)
    provider = models.CharField(max_length=50)
    """The kind of storage, as the records of its operations name it."""
    options = models.JSONField(default=dict)
    """What these records call the place, as it was given; each secret of it is sealed by itself."""
    workload_identity = models.BooleanField(default=False)
    """Whether it is asked as this service's own machine; only an operator can allow that."""
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["owner", "name"], name="one_connection"),)

    def __str__(self) -> str:
        return self.name


class Job(models.Model):
    """The customer's graph of tasks."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="jobs")
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="jobs")
    tag = models.CharField(max_length=1024, null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    webhook_url = models.TextField(null=True, blank=True)
    redirect = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["owner", "-created_at"]),
            models.Index(fields=["status", "created_at"]),
            models.Index(fields=["ended_at"]),
        )

    def __str__(self) -> str:
        return f"{self.id}"


class Task(models.Model):
    """One node of a job, or a task on its own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tasks")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, null=True, related_name="tasks")
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=255, blank=True)
    position = models.PositiveIntegerField(default=0)
    operation = models.CharField(max_length=50)
    payload = models.JSONField(default=dict)
    """What the customer sent, inputs normalised, contents left out."""
    connection = models.UUIDField(null=True, editable=False)
    """The saved connection it was accepted with, whatever that is called now, or whether it is there."""
    ignore_error = models.BooleanField(default=False)
    timeout = models.PositiveIntegerField(default=18000)
    priority = models.SmallIntegerField(default=50)

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    plan = models.JSONField(default=list)
    """The hops to take, each a key of ``jobs.registry``; empty until the inputs are there."""
    hop = models.PositiveSmallIntegerField(default=0)
    """The one it is at."""
    engine = models.CharField(max_length=50, null=True)
    engine_version = models.CharField(max_length=50, null=True)
    pin = models.CharField(max_length=50, blank=True)
    """The only version of the engine that may take its hop; empty for any."""
    queue = models.CharField(max_length=50, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    """The fencing token: counts claims. Whoever holds an older number has lost the task."""
    tries = models.PositiveSmallIntegerField(default=0)
    """Failed or lost attempts at the current hop."""
    ready_at = models.DateTimeField(null=True)
    """Not to be claimed before; set when another attempt waits."""
    rung_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(null=True)
    """When its timeout, or the wait for its upload, runs out."""
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, blank=True)
    host_name = models.CharField(max_length=100, null=True)

    percent = models.PositiveSmallIntegerField(default=100)
    message = models.TextField(null=True, blank=True)
    code = models.CharField(max_length=50, null=True)
    contents = models.JSONField(default=dict)
    """Options whose value is a file, to its key in the file store."""
    result = models.JSONField(default=dict)
    """More than files: ``metadata``, ``output``."""
    credits = models.PositiveIntegerField(null=True)
    arguments = models.TextField(blank=True)
    """The command lines of the last attempt, for the operator."""
    output = models.TextField(blank=True)
    """The tail of what the tools said, for the operator."""
    suspect = models.JSONField(null=True)
    """What its engine works on, or did last in this attempt: ``fingerprint``, ``sha256``, ``size``."""
    loose_ends = models.JSONField(default=list)
    """What its attempts began in a customer's storage, for a later one to end, such as an upload's id."""
    retry_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="retries")

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["owner", "-created_at"]),
            models.Index(fields=["status", "queue", "-priority", "owner", "created_at"], name="task_claim"),
            models.Index(fields=["status", "lease_until"], name="task_lease"),
            models.Index(fields=["ended_at"]),
        )

    def __str__(self) -> str:
        return f"{self.operation} {self.name or self.id}"


class Link(models.Model):
    """A task needs another's files: as its input, or for the option named."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="needs")
    needed = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="needed_by")
    option = models.CharField(max_length=50, default="input")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=["task", "needed", "option"], name="one_link"),)

    def __str__(self) -> str:
        return f"{self.task_id} needs {self.needed_id}"


class File(models.Model):
    """A published file of a task, or one between two of its hops."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="files")
    position = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=255)
    dir = models.CharField(max_length=1024, blank=True)
    format = models.CharField(max_length=20, blank=True)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    """Where it lies in the file store."""
    done = models.BooleanField(default=True)
    """False between two hops: not yet a result."""
    origin = models.CharField(max_length=80, blank=True)
    """Between two hops: the fingerprint of the run that made it, and which of its files it is."""
    came_as = models.CharField(max_length=20, blank=True)
    """Between two hops: the format in which what it was made of came into the task."""

    class Meta:
        ordering = ("position",)

    def __str__(self) -> str:
        return self.name


class Worker(models.Model):
    """A worker process that is alive, or was within a day."""

    id = models.CharField(primary_key=True, max_length=100)
    host_name = models.CharField(max_length=100)
    queues = models.JSONField(default=list)
    tools = models.JSONField(default=dict)
    """Each engine it has to the versions of it, the one it uses unasked first; to none where none is told."""
    running = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    """When it said that it is gone."""

    def __str__(self) -> str:
        return self.id


class Lock(models.Model):
    """A lease on something only one process may do at a time."""

    name = models.CharField(primary_key=True, max_length=50)
    holder = models.CharField(max_length=100)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """An e-mail owed to an account that used a deprecated version of an engine; it is told once."""

    owner = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="notices")
    engine = models.CharField(max_length=50)
    version = models.CharField(max_length=50)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    ready_at = models.DateTimeField(auto_now_add=True)
    """Not to be sent before; later after every failure."""

    class Meta:
        constraints = (models.UniqueConstraint(fields=["owner", "engine", "version"], name="one_notice"),)

    def __str__(self) -> str:
        return f"{self.engine} {self.version}"


class Poison(models.Model):
    """An input that stopped an engine; with enough strikes in a row nobody's task tries it again.

    It outlives the task and the files it was learned from, and names them without keeping them.
    """

    fingerprint = models.CharField(primary_key=True, max_length=64)
    strikes = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=50)
    """How the last attempt failed."""
    operation = models.CharField(max_length=50)
    engine = models.CharField(max_length=50)
    engine_version = models.CharField(max_length=50, null=True)
    source = models.CharField(max_length=20, blank=True)
    target = models.CharField(max_length=20, blank=True)
    sha256 = models.TextField()
    """The digests of the inputs, a line each, in order."""
    size = models.BigIntegerField()
    task_id = models.UUIDField()
    """The last task that failed on it."""
    owner = models.CharField(max_length=150)
    """Whose that was."""
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(null=True)
    released_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = "quarantined input"

    def __str__(self) -> str:
        return self.fingerprint[:12]
