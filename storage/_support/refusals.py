"""What a customer's storage refused, in sentences that name the field to look at, and never a secret."""

from __future__ import annotations

from jobs.contract.errors import StorageRefused, StorageUnreachable

LONGEST = 200


def credentials(*fields: str) -> StorageRefused:
    """Return the refusal of credentials.

    :param fields: the options they stand in.
    """
    return StorageRefused(f"The storage does not accept the credentials. Check {_listed(fields)}.")


def forbidden(field: str, value: str, doing: str) -> StorageRefused:
    """Return the refusal of something that the credentials do not allow.

    :param doing: what that is, such as ``read`` or ``write to``.
    """
    return StorageRefused(
        f"The credentials are not allowed to {doing} {_quoted(value)}. Check {field} and their permissions."
    )


def missing(field: str, value: str) -> StorageRefused:
    """Return the refusal of what is not there: a bucket, an object, a folder."""
    return StorageRefused(f"The storage has no {_quoted(value)}. Check {field}.")


def refused(words: str, *fields: str) -> StorageRefused:
    """Return any other refusal.

    :param words: the storage's own, short and without secrets, such as an error code of its protocol.
    """
    hint = f" Check {_listed(fields)}." if fields else ""
    return StorageRefused(f"The storage refused the request: {words[:LONGEST].rstrip('. ')}.{hint}")


def unreachable(where: str, *, broke_off: bool = False) -> StorageUnreachable:
    """Return that a storage did not answer in time, or broke off.

    :param where: its host.
    """
    what = "broke off" if broke_off else "did not answer"
    return StorageUnreachable(f"The storage at {where[:LONGEST]} {what}.")


def altered(key: str) -> StorageUnreachable:
    """Return that other bytes arrived than were sent: those of another version, or not all of them."""
    return StorageUnreachable(f"{_quoted(key)} changed on its way, or while it was read.")


def _quoted(value: str) -> str:
    return repr(value if len(value) <= LONGEST else f"{value[:LONGEST]}…")


def _listed(fields: tuple[str, ...]) -> str:
    return " and ".join(fields) if len(fields) < 3 else f"{', '.join(fields[:-1])} and {fields[-1]}"
