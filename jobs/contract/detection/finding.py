"""What a look at a file's content found."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.contract import formats

TEXT, PLAYLIST, PROGRAM = "text", "playlist", "program"

_WORDS = {
    "html": "a web page (HTML)",
    "txt": "plain text",
    "xml": "XML text",
    "zip": "a ZIP archive",
    "gz": "a gzip archive",
    "cfb": "a Microsoft compound file of an unknown kind",
    "m3u8": "a playlist (HLS)",
    "mpd": "a playlist (DASH)",
    "sdp": "a playlist (SDP)",
    "ffconcat": "a playlist (ffconcat)",
    "playlist": "a playlist",
    "mvg": "a drawing script (MVG)",
    "msl": "a script (MSL)",
    "miff": "a file of ImageMagick's own (MIFF)",
    "exe": "a program",
    "script": "a script",
}
_GROUPS = {
    **dict.fromkeys(("txt", "xml", "html", "vtt"), TEXT),
    **dict.fromkeys(("m3u8", "mpd", "sdp", "ffconcat", "playlist"), PLAYLIST),
    **dict.fromkeys(("exe", "script", "mvg", "msl", "miff"), PROGRAM),
}


@dataclass(frozen=True)
class Finding:
    """What a file is by its content, whatever it is called."""

    format: str = ""
    """Canonical; empty when nothing is recognised."""
    certain: bool = True
    """Whether no other kind of file looks like this."""
    encrypted: bool = False
    """Whether nobody reads it without its password."""

    @property
    def group(self) -> str:
        """The kind of format: one of ``formats.GROUPS``, or text, playlist, program, other."""
        return _GROUPS.get(self.format) or formats.group(self.format)

    @property
    def reason(self) -> str:
        """What it is, in words that fit into a sentence."""
        return _WORDS.get(self.format) or (self.format.upper() if self.format else "of no kind we recognise")
