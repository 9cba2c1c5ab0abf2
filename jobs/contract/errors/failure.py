"""What every failure has: its stable code, its sentence, and how often it is worth another attempt."""

from __future__ import annotations

import enum


class Retry(enum.Enum):
    """Who is to blame for a failed attempt, and so how often it is worth another one."""

    NEVER = 1
    """The input, the options or the far side's answer: it would fail again."""
    ONCE = 2
    """The engine crashed or hung: one more attempt."""
    INFRASTRUCTURE = 3
    """Our machine or the network: up to three attempts, with pauses."""

    @property
    def attempts(self) -> int:
        """How many attempts a task gets in all."""
        return self.value


class AthanorError(Exception):
    """A failure with a code that clients may rely on and a sentence that says what helps."""

    code = "INTERNAL_ERROR"
    message = "Server Error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
