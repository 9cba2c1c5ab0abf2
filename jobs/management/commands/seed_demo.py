"""Creates the accounts and keys to try the service with."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import keys
from jobs.models import Account

ADMIN = "admin"
READ = tuple(scope for scope in keys.SCOPES if scope.endswith(".read"))
WANTED = {
    "api_key": ("demo", keys.SCOPES),
    "api_key_readonly": ("demo", READ),
    "api_key_other": ("other", keys.SCOPES),
}


class Command(BaseCommand):
    """Create what is missing and print it; safe to repeat."""

    help = "Create a demo account with two keys, another with one, and an operator; print them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="Print JSON.")
        parser.add_argument(
            "--keep", type=Path, help="A JSON file of an earlier run, whose keys and password stay valid."
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Create what is missing and print it."""
        kept = _read(options["keep"])
        made = {field: _key(field, kept.get(field)) for field in WANTED}
        made |= {"admin_user": ADMIN, "admin_password": _operator(kept.get("admin_password"))}
        lines = [f"{field}: {value}" for field, value in made.items()]
        self.stdout.write(json.dumps(made) if options["json"] else "\n".join(lines))


def _read(path: Path | None) -> dict[str, Any]:
    if not path or not path.exists():
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CommandError(f"{path} is not JSON: remove it to start afresh.") from error
    return kept if isinstance(kept, dict) else {}


def _key(field: str, kept: Any) -> str:
    """Return a working key: the kept one if it is usable, else a new one."""
    username, scopes = WANTED[field]
    owner = _account(username)
    known = keys.find(kept) if isinstance(kept, str) else None
    if known and known.owner == owner and known.scopes == list(scopes):
        return str(kept)
    if isinstance(kept, str):
        try:
            return keys.make_key(owner, name=field, scopes=scopes, key=kept)[1]
        except ValueError:
            pass  # revoked, or somebody else's
    return keys.make_key(owner, name=field, scopes=scopes)[1]


def _operator(kept: Any) -> str:
    operator = _account(ADMIN, is_staff=True, is_superuser=True)
    if isinstance(kept, str) and kept and operator.check_password(kept):
        return kept
    password = kept if isinstance(kept, str) and kept else secrets.token_urlsafe(12)
    operator.set_password(password)
    operator.save()
    return password


def _account(username: str, **rights: bool) -> Account:
    about = {"email": f"{username}@localhost", "is_active": True, **rights}
    account, is_new = Account.objects.update_or_create(username=username, defaults=about)
    if is_new:
        account.set_unusable_password()
        account.save()
    return account
