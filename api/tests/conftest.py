"""An account with a key, another one, and a client that speaks JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from api.tests.offers import offers
from jobs import files, keys, services
from jobs.models import Account

__all__ = ["offers"]


@dataclass
class Caller:
    """A client with a key."""

    account: Account
    key: str
    sync: bool = False

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if self.key:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        if self.sync:
            headers["Athanor-Sync"] = "1"
        text = body if isinstance(body, str | bytes) else json.dumps(body) if body is not None else ""
        kind = headers.pop("content_type", "application/json" if body is not None else "")
        client = Client(raise_request_exception=False)
        return client.generic(method, path, text, content_type=kind, headers=headers)

    def get(self, path: str, **headers: str) -> Any:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self("POST", path, body, **headers)

    def delete(self, path: str) -> Any:
        return self("DELETE", path)

    def job(self, tasks: Any, **more: Any) -> Any:
        answer = self.post("/v2/jobs", {"tasks": tasks, **more})
        assert answer.status_code == 201, answer.content
        return answer.json()["data"]


def caller(name: str, *scopes: str) -> Caller:
    account, _ = Account.objects.get_or_create(username=name, defaults={"email": f"{name}@example.test"})
    _, text = keys.make_key(account, name="test", scopes=scopes or keys.SCOPES)
    return Caller(account, text)


@pytest.fixture
def me(db: None, offers: Any) -> Caller:
    return caller("me")


@pytest.fixture
def other(db: None, offers: Any) -> Caller:
    return caller("other")


@pytest.fixture
def nobody(db: None, offers: Any) -> Caller:
    return Caller(Account(), "")


@pytest.fixture
def sync(me: Caller) -> Caller:
    return Caller(me.account, me.key, sync=True)


def work(queue: str, *names: str, error: Any = None, **more: Any) -> Any:
    """Do the next task of a queue as a worker would: it leaves files of these names, or fails."""
    tools = {"office": ["25.2"], "pages": ["22.12"], "archiver": (), "browser": (), "slowpages": ()}
    task = services.claim(queue, worker="w1", host_name="dulce", tools=tools)
    assert task, f"nothing to do in {queue}"
    if error:
        services.fail(task, error)
    else:
        stored = [files.Stored(files.new_key(task.pk), 100 + n, "0" * 64) for n, _ in enumerate(names)]
        staged = [services.Staged(each, name) for each, name in zip(stored, names, strict=True)]
        services.finish(task, staged, **more)
    return task
