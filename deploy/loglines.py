"""How a line of the log is written: whatever strangers put into it, it stays one, and tells no secret."""

from __future__ import annotations

import logging
import re
from typing import Any

from jobs import secrets

# Line breaks and terminal codes, what turns the direction of writing, and what no stream can encode.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BAR = "  | "


class Line(logging.Formatter):
    """Writes a message on one line, and a traceback on lines that cannot be taken for messages."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        # Another handler may have left its own text of the traceback.
        record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the first line."""
        record.message = plain(secrets.redacted(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return a traceback."""
        return _barred(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        """Return a stack."""
        return _barred(super().formatStack(stack_info))


def plain(text: str) -> str:
    """Return a text with its control characters spelled out."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _barred(text: str) -> str:
    return "\n".join(f"{_BAR}{plain(line)}" for line in secrets.redacted(text).split("\n"))
