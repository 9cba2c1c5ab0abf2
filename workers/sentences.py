"""What a task's message says while it runs, where the engine has no words of its own."""

from __future__ import annotations

from jobs.registry import Hop


def doing(hop: Hop, *, number: int = 1, of: int = 1) -> str:
    """Return what is being done, to which of how many files."""
    operation = hop.operation
    kind, _, place = operation.name.partition("/")
    if kind in {"import", "export"} and place:
        said = f"{kind.capitalize()}ing"
    elif operation.name == "convert":
        said = f"Converting {hop.source.upper()} to {hop.target.upper()} with {operation.engine}"
    else:
        said = f"Running {operation.name}" + (f" with {operation.engine}" if operation.engine else "")
    return f"{said}, file {number} of {of}" if of > 1 else said
