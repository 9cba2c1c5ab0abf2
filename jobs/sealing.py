"""Sealing: at rest a secret is a text that opens with our keys only, and only where it was put."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Sequence
from typing import Any

from django.conf import settings

VERSION = "1"
NONCE_BYTES = 12
_SEALED = re.compile(rf"sealed:{VERSION}:([A-Za-z0-9_-]+):([A-Za-z0-9_-]+)")


class CannotOpen(Exception):
    """Sealed with a key we do not have, or not as we sealed it; the text is for the operator."""


def seal(value: Any, *, place: Sequence[str]) -> str:
    """Return a JSON value as a text that tells nothing, not even to us in another place.

    The first of ``ATHANOR_SEALING_KEYS`` seals; the text names it.
    """
    key_id = next(iter(settings.ATHANOR_SEALING_KEYS))
    nonce = os.urandom(NONCE_BYTES)
    closed = _cipher(key_id).encrypt(nonce, json.dumps(value).encode(), _bound(key_id, place))
    return f"sealed:{VERSION}:{key_id}:{base64.urlsafe_b64encode(nonce + closed).decode().rstrip('=')}"


def opened(value: Any, *, place: Sequence[str]) -> Any:
    """Return what was sealed; what is no sealed text, from before there was sealing, as it is.

    :raises CannotOpen: when the key is not among ours, or it was altered or belongs to another place.
    """
    key_id = _key_id(value)
    if key_id is None:
        return value
    if key_id not in settings.ATHANOR_SEALING_KEYS:
        raise CannotOpen(f"It is sealed with the key {key_id!r}, which is not among ATHANOR_SEALING_KEYS.")
    from cryptography.exceptions import InvalidTag

    closed = value.rpartition(":")[2]
    try:
        raw = base64.urlsafe_b64decode(f"{closed}{'=' * (-len(closed) % 4)}")
        return json.loads(
            _cipher(key_id).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound(key_id, place))
        )
    except (ValueError, InvalidTag) as error:
        raise CannotOpen(f"It was altered, moved, or sealed with another key called {key_id!r}.") from error


def is_fresh(value: Any) -> bool:
    """Return whether a value is sealed with the key that seals now."""
    return _key_id(value) == next(iter(settings.ATHANOR_SEALING_KEYS))


def _key_id(value: Any) -> str | None:
    found = _SEALED.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def _cipher(key_id: str) -> Any:
    # Slow to import, and most jobs have no secret.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(settings.ATHANOR_SEALING_KEYS[key_id])


def _bound(key_id: str, place: Sequence[str]) -> bytes:
    return json.dumps([VERSION, key_id, *place]).encode()
