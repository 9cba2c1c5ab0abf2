"""A context for running an operation outside any worker, to which nobody listens."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Quiet:
    """Lets a run go on for ten minutes."""

    owner: str = "bench"
    deadline: float = field(default_factory=lambda: time.monotonic() + 600)
    stopped: str | None = None
    loose_ends: list[str] = field(default_factory=list)

    def begun(self, loose_end: str) -> None:
        """Nothing is left by a bench."""

    def progress(self, percent: float, message: str | None = None) -> None:
        """Nobody looks."""

    def record(self, *, argv: object, output: str) -> None:
        """Nobody looks."""
