"""What must be right before the service starts: keys that the embedded stack makes and operators give."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

KEY_BYTES = 32
SHORTEST = 32
"""Characters of a secret key; Django's own and those of any generator are longer."""
FEWEST = 8
"""Different characters, or bytes, below which a key was typed and not drawn."""
_SAMPLE = re.compile(
    r"change.?(me|it|this)|secret|insecure|example|sample|password|default|placeholder|your.?key|12345678",
    re.IGNORECASE,
)
MAKE_SECRET_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"  # noqa: S105 - a command
MAKE_SEALING_KEY = (
    "python3 -c 'import base64, os; print(\"k1:\" + base64.b64encode(os.urandom(32)).decode())'"
)


class SettingError(ValueError):
    """A setting cannot be used as it is."""


def refusals(
    *, secret_keys: Sequence[str], sealing_keys: Sequence[bytes], given: bool, debug: bool
) -> tuple[str, ...]:
    """Return why the service must not face customers like this, each with its remedy; empty when it may.

    :param secret_keys: the one that signs, empty when none was given, and the older ones.
    :param given: whether the sealing keys were given and not made by us.
    """
    found = []
    names = ("ATHANOR_SECRET_KEY", *["One of ATHANOR_SIGNING_KEYS"] * (len(secret_keys) - 1))
    for name, key in zip(names, secret_keys, strict=True):
        if fault := _fault(key):
            found.append(f"{name} {fault}. Make one: {MAKE_SECRET_KEY}")
    if not given:
        found.append(
            f"ATHANOR_SEALING_KEYS is not set, nor ATHANOR_SEALING_KEYS_FILE. Make a key: {MAKE_SEALING_KEY}"
        )
    elif any(len(set(key)) < FEWEST for key in sealing_keys):
        found.append(f"ATHANOR_SEALING_KEYS holds a sample key. Make one: {MAKE_SEALING_KEY}")
    if debug:
        found.append("ATHANOR_DEBUG is on: it shows strangers how we work. Unset it.")
    return tuple(found)


def sealing_keys(text: str, *, name: str) -> dict[str, bytes]:
    """Read keys as ``id:base64``, separated by commas or white space; the first seals, all open.

    :param name: where the text comes from, for the error.
    :raises SettingError: when there is none, or one is not a key. The error does not show it.
    """
    found: dict[str, bytes] = {}
    for number, word in enumerate(text.replace(",", " ").split(), 1):
        key_id, _, encoded = word.partition(":")
        try:
            key = base64.b64decode(encoded.translate(_STANDARD), validate=True)
        except ValueError:
            key = b""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id) or len(key) != KEY_BYTES or key_id in found:
            raise SettingError(
                f"Key {number} of {name} is not an id of its own and {KEY_BYTES} bytes in base64."
                f" Make one: {MAKE_SEALING_KEY}"
            )
        found[key_id] = key
    if not found:
        raise SettingError(f"{name} holds no key. Make one: {MAKE_SEALING_KEY}")
    return found


def new_sealing_key() -> str:
    """Return a new key with an id of its own."""
    return f"k{secrets.token_hex(4)}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


def kept(path: Path, text: str) -> str:
    """Return what a private file holds; the text, when we are the first to ask.

    Of several processes that start at once all return the same.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-") as new:
            new.write(text)
            new.flush()
            with contextlib.suppress(FileExistsError):
                os.link(new.name, path)
    return path.read_text()


def _fault(key: str) -> str:
    if not key:
        return "is not set"
    if len(key) < SHORTEST:
        return f"has only {len(key)} characters of at least {SHORTEST}"
    return "is a sample" if _SAMPLE.search(key) or len(set(key)) < FEWEST else ""


_STANDARD = str.maketrans("-_", "+/")
