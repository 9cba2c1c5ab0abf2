"""A context for running an operation in a test, outside any worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class RunContext:
    """Records what a run tells; set ``stopped`` to stop it."""

    owner: str = "owner"
    seconds: float = 60
    stopped: str | None = None
    percents: list[float] = field(default_factory=list)
    messages: list[str | None] = field(default_factory=list)
    loose_ends: list[str] = field(default_factory=list)
    recorded: list[tuple[list[str], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.seconds

    def progress(self, percent: float, message: str | None = None) -> None:
        self.percents.append(percent)
        self.messages.append(message)

    def begun(self, loose_end: str) -> None:
        self.loose_ends.append(loose_end)

    def record(self, *, argv: Sequence[str], output: str) -> None:
        self.recorded.append((list(argv), output))
