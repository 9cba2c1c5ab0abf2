"""What a message says, however its file keeps it. Standard library only, for the warm child."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

SHOWN = ("From", "To", "Cc", "Date", "Subject")
"""The headers that people want to see, in this order."""


@dataclass(frozen=True)
class Picture:
    """A picture that the message shows in its text."""

    kind: str
    """Its MIME type."""
    data: bytes


@dataclass(frozen=True)
class Body:
    """One piece of what the message says."""

    words: str
    is_html: bool = False


@dataclass(frozen=True)
class Attachment:
    """A file that came with the message; it is named, never opened."""

    name: str
    size: int
    key: str = ""
    """Its Content-ID, without angle brackets: the text may show it in its midst."""


@dataclass
class Message:
    """A message: its headers, as far as they are shown, what it says, and what came with it."""

    headers: dict[str, str] = field(default_factory=dict)
    bodies: list[Body] = field(default_factory=list)
    pictures: dict[str, Picture] = field(default_factory=dict)
    """By their Content-ID, without angle brackets."""
    attachments: list[Attachment] = field(default_factory=list)

    @property
    def unseen(self) -> list[Attachment]:
        """The attachments that the text does not show in its midst."""
        pages = [body.words for body in self.bodies if body.is_html]
        return [each for each in self.attachments if not self._shows(each.key, pages)]

    def _shows(self, key: str, pages: list[str]) -> bool:
        return key in self.pictures and any(f"cid:{key}" in page for page in pages)


def decoded(data: bytes, charset: str | None) -> str:
    """Return text in the charset it claims, or, where that cannot be, in the one it must be in."""
    for name in (charset, "utf-8"):
        if name and _is_text(name):
            try:
                return data.decode(name)
            except (UnicodeError, LookupError):
                continue
    return data.decode("cp1252", errors="replace")


def _is_text(charset: str) -> bool:
    # Python knows codecs that are none of text: they would unpack bombs.
    try:
        return codecs.lookup(charset)._is_text_encoding  # noqa: SLF001 - what bytes.decode itself asks
    except (LookupError, ValueError):
        return False
