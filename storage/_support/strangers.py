"""Whoever answers may be anybody: failures of libraries that could make nothing of what they got."""

from __future__ import annotations

import traceback

_BAFFLED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_OURS = ("storage.", "jobs.")


def is_baffled(error: BaseException) -> bool:
    """Tell whether a library stumbled over an answer: by a failure that none means, outside of our code."""
    if not isinstance(error, _BAFFLED):
        return False
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return not f"{frame.f_globals.get('__name__')}.".startswith(_OURS)
