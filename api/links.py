"""Signed forms and URLs: what lets a client without an API key upload or download one file."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from jobs import files
from jobs.contract.errors import Forbidden
from jobs.models import File, Task

UPLOADS = "/storage/uploads"
DOWNLOADS = "/storage/tasks"
_VERSION = "1"
_OURS = ("expires", "max_file_size", "key_id", "signature")
_IGNORED = "x-ignore-"


class LinkRefused(Forbidden):
    """The signature is not ours, is for something else, or its time is over."""

    message = "The link is not valid: it was altered or is incomplete."


class LinkExpired(LinkRefused):
    """It was valid once."""

    message = "The link has expired."


@dataclass(frozen=True)
class Grant:
    """What a signature allows, until when."""

    purpose: str
    task: UUID
    expires: int
    file: UUID | None = None
    disposition: str = ""
    max_size: int = 0

    def canonical(self) -> bytes:
        """Return the one spelling that is signed; lengths keep neighbours apart."""
        parts = (
            *(_VERSION, self.purpose, f"{self.task}", f"{self.file or ''}"),
            *(f"{self.expires}", self.disposition, f"{self.max_size}"),
        )
        return "".join(f"{len(part)}:{part}" for part in parts).encode()


def upload_form(task: Task) -> dict[str, object]:
    """Return the form that takes this task's file: ``url`` and ``parameters``, all of them strings."""
    expires = _unix(task.created_at + timedelta(hours=settings.ATHANOR_UPLOAD_HOURS))
    grant = Grant("upload", task.pk, expires, max_size=settings.ATHANOR_MAX_FILE_BYTES)
    key, signature = _sign(grant)
    ours = dict(zip(_OURS, (f"{grant.expires}", f"{grant.max_size}", key, signature), strict=True))
    if form := _store_s_form(task, grant, ours):
        return {"url": form.url, "parameters": dict(form.fields)}
    return {
        "url": f"{_root()}{UPLOADS}/{task.pk}",
        "parameters": {"key": f"{task.pk}/${{filename}}", "success_action_status": "201", **ours},
    }


def _store_s_form(task: Task, grant: Grant, ours: Mapping[str, str]) -> files.Form | None:
    """Return a form that the file store itself takes; to be posted there, though we take it as well."""
    redirect = task.payload.get("redirect")
    after = {"success_action_redirect": redirect} if redirect else {"success_action_status": "201"}
    # Splunk's connector posts a form to a fixed path of ours whatever its URL is; S3 ignores such fields.
    ignored = {f"{_IGNORED}{name}": text for name, text in ours.items()}
    left = grant.expires - _unix(timezone.now())
    if left <= 0:
        return None
    return files.form(task.pk, seconds=left, most=grant.max_size, fields={**after, **ignored})


def upload_url(form: Mapping[str, str], task: UUID, **upload: str) -> str:
    """Return the URL of one upload for a form: what allows it is in its query, beside what is uploaded."""
    allowed = {name: text or "" for name, text in _allowing(form).items()}
    return f"{_root()}{UPLOADS}/{task}?{urlencode({**allowed, **upload})}"


def _allowing(fields: Mapping[str, str]) -> dict[str, str | None]:
    return {name: fields.get(name, fields.get(f"{_IGNORED}{name}")) for name in _OURS}


def check_upload(fields: Mapping[str, str], *, task: UUID | None) -> Grant:
    """Return what an upload form allows.

    :param task: the one the path names, if it does; else the form's ``key`` begins with it.
    :raises LinkRefused: when the form is not one of ours as it was, or too old.
    """
    named = _id(fields.get("key", "").partition("/")[0])
    if task and named and task != named:
        raise LinkRefused
    task = task or named
    if task is None:
        raise LinkRefused
    ours = _allowing(fields)
    grant = Grant("upload", task, _number(ours["expires"]), max_size=_number(ours["max_file_size"]))
    _verify(grant, ours["key_id"], ours["signature"])
    return grant


def object_url(task: UUID, name: str) -> str:
    """Return where an uploaded file is said to lie; opens nothing without a signature."""
    return f"{_root()}{DOWNLOADS}/{task}/{quote(name, safe='')}"


def download_url(file: File, task: Task, *, inline: bool) -> str:
    """Return a URL for an ended task's file: the same whenever asked, valid as long as the file is kept."""
    expires = _unix((task.ended_at or timezone.now()) + timedelta(hours=settings.ATHANOR_RETENTION_HOURS))
    grant = Grant("download", task.pk, expires, file.pk, "inline" if inline else "attachment")
    key, signature = _sign(grant)
    # Nothing in it that a client could encode in two ways: some decode and encode it anew.
    query = {
        "file": f"{grant.file}",
        "expires": f"{grant.expires}",
        "disposition": grant.disposition,
        "key": key,
        "signature": signature,
    }
    return f"{object_url(task.pk, file.name)}?{urlencode(query)}"


def check_download(query: Mapping[str, str], *, task: UUID) -> Grant:
    """Return what a download URL allows.

    :raises LinkRefused: when the URL is not one of ours as it was, or too old.
    """
    file = _id(query.get("file", ""))
    if file is None:
        raise LinkRefused
    grant = Grant("download", task, _number(query.get("expires")), file, query.get("disposition", ""))
    _verify(grant, query.get("key"), query.get("signature"))
    return grant


def _root() -> str:
    return str(settings.ATHANOR_STORAGE_URL).rstrip("/")


def _keys() -> Iterator[tuple[str, bytes]]:
    """Yield each signing key after its id, the current one first."""
    for secret in (settings.SECRET_KEY, *settings.ATHANOR_SIGNING_KEYS):
        derived = hmac.digest(secret.encode(), b"athanor links", "sha256")
        yield hashlib.sha256(b"id of " + derived).hexdigest()[:8], derived


def _sign(grant: Grant) -> tuple[str, str]:
    key, secret = next(_keys())
    return key, hmac.new(secret, grant.canonical(), "sha256").hexdigest()


def _verify(grant: Grant, key: str | None, signature: str | None) -> None:
    secret = dict(_keys()).get(key or "", b"")
    wanted = hmac.new(secret, grant.canonical(), "sha256").hexdigest()
    if not secret or not hmac.compare_digest(wanted.encode(), (signature or "").encode()):
        raise LinkRefused
    if grant.expires < timezone.now().timestamp():
        raise LinkExpired


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())


def _number(text: str | None) -> int:
    # As we write them: another spelling of the same number was not signed.
    number = int(text) if text and len(text) < 20 and text.isascii() and text.isdigit() else 0
    return number if f"{number}" == text else 0


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
