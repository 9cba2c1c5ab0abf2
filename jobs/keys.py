"""API keys: made once, kept as a hash, found by it, revoked at once."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from .models import Account, ApiKey

SCOPES = ("user.read", "user.write", "task.read", "task.write", "webhook.read", "webhook.write")
MIN_LENGTH, MAX_LENGTH = 32, 4096
"""Of an imported key: long enough not to be guessed, and room for the tokens that other services give out."""
SEEN_EVERY = timedelta(minutes=1)


def make_key(
    owner: Account, *, name: str, scopes: Iterable[str] = SCOPES, key: str | None = None
) -> tuple[ApiKey, str]:
    """Create a key and return it with its text, which cannot be had again.

    :param key: an existing key to go on using, instead of a new random one.
    :raises ValueError: when that key cannot be used, or a scope is unknown.
    """
    asked = set(scopes)
    if unknown := sorted(asked - set(SCOPES)):
        raise ValueError(f"There is no scope {unknown[0]!r}.")
    text = key or secrets.token_urlsafe(48)
    check(text)
    row = ApiKey.objects.create(
        owner=owner,
        name=name,
        prefix=text[:8],
        digest=_digest(text),
        scopes=[scope for scope in SCOPES if scope in asked],
    )
    return row, text


def check(text: str) -> None:
    """Accept a text that a key can be made of.

    :raises ValueError: when none can, saying why.
    """
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH or not re.fullmatch(r"[!-~]+", text):
        raise ValueError(f"A key has {MIN_LENGTH} to {MAX_LENGTH} visible ASCII characters and no space.")
    if ApiKey.objects.filter(digest=_digest(text)).exists():
        raise ValueError("This key is known already.")


def find(text: str) -> ApiKey | None:
    """Return the key, with its owner; None when it is unknown, revoked, or its owner locked out."""
    usable = ApiKey.objects.filter(revoked_at=None, owner__is_active=True)
    return usable.select_related("owner").filter(digest=_digest(text)).first()


def seen(key: ApiKey) -> None:
    """Note that the key was used; at most once a minute, for every request comes by here."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > SEEN_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def revoke(key: ApiKey) -> bool:
    """End the key's life at once; False when that was done before."""
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
