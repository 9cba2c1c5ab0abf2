"""The inner side of a warm child: JSON lines in, JSON lines out. Standard library only, any Python 3.9+."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any


class Refused(Exception):
    """The engine cannot do this; ``code`` names a class in ``jobs.contract.errors``."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message


def serve(
    handle: Callable[[dict[str, Any], Callable[[float], None]], dict[str, Any]],
    rest: Callable[[], None] = lambda: None,
) -> None:
    """Say that we are ready, then answer one request after the other until standard input ends.

    ``handle`` is given the request and a function that tells percent; it returns the answer. ``rest`` is
    called after each answer, when nobody waits; what it raises ends the child.
    """
    # Engines print; only our own lines may reach the worker, so standard output becomes standard error.
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    tell({"ready": True})
    for line in sys.stdin:
        try:
            tell({"done": handle(json.loads(line), lambda percent: tell({"percent": percent}))})
        except Refused as refusal:
            tell({"refused": refusal.code, "message": refusal.message})
        except Exception as error:  # noqa: BLE001 - the worker must hear of whatever went wrong
            traceback.print_exc()
            tell({"failed": f"{type(error).__name__}: {error}"})
        rest()
