"""Orders to qpdf, in its own words: what it calls a job, as JSON."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from engines._support import pages

PASSWORDS = ("set_password", "set_owner_password")


def job(order: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Return the job that makes what is ordered of a document with so many pages.

    The order has ``input`` and ``output``, and any of: ``password``; ``pages`` to keep, in the order
    wanted; ``rotation`` of ``rotated`` pages; ``protection``, to be ``none``, ``new`` or what it is;
    ``linearize``.

    :raises ConversionFailed: when it names pages that the document does not have.
    """
    made: dict[str, Any] = {"inputFile": order["input"], "outputFile": order["output"]}
    if order.get("password"):
        made["password"] = order["password"]
    if order.get("pages"):
        wanted = pages.listed(order["pages"], count)
        made["pages"] = [{"file": ".", "range": _written(wanted)}]
    if order.get("rotation"):
        made["rotate"] = f"{order['rotation']}:{_written(pages.chosen(order.get('rotated'), count))}"
    if order.get("protection") == "new":
        made["encrypt"] = _encryption(order)
    elif order.get("protection") == "none":
        made["decrypt"] = ""
    if order.get("linearize"):
        made["linearize"] = ""
    return made


def every_page(order: Mapping[str, Any], pattern: str) -> dict[str, Any]:
    """Return the job that makes a document of every page, each protected as the whole is."""
    made = {**job({**order, "output": pattern}, 1), "splitPages": ""}
    if order.get("locked"):
        made["copyEncryption"] = order["input"]
        made["encryptionFilePassword"] = order.get("password") or ""
    return made


def _encryption(order: Mapping[str, Any]) -> dict[str, Any]:
    reader, owner = (order.get(name) or "" for name in PASSWORDS)
    return {
        "userPassword": reader,
        # Readers take whoever has the owner's password for the owner, so it must not be the reader's.
        "ownerPassword": owner or secrets.token_urlsafe(32),
        "256bit": {
            "extract": "y" if order["allow_extract"] else "n",
            "modify": order["allow_modify"],
            "print": order["allow_print"],
        },
    }


def _written(ranges: Sequence[tuple[int, int]]) -> str:
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ranges)
