"""What becomes of a file whose name, or whose sender, says something else than its content."""

from __future__ import annotations

from jobs.contract import formats
from jobs.contract.errors import OpenFailed

from .finding import PLAYLIST, PROGRAM, TEXT, Finding

_WORD, _SHEET, _SLIDES = ("docx", "docm", "dotx"), ("xlsx", "xlsm", "xltx"), ("pptx", "pptm", "potx", "ppsx")
_FILM = ("mp4", "mov", "m4a", "m4v", "3gp", "3g2", "f4v", "gifv")
_RAW = ("3fr", "arw", "cr2", "dcr", "dng", "erf", "mos", "nef", "nrw", "pef", "raw", "srw")
_MPEG = ("mpeg", "vob", "mod", "m2v", "cavs", "m4v", "dat")
_PACKAGES = (
    *("zip", "jar", "cbz", "cbc", "fbz", "htmlz", "txtz", "pmlz", "oeb", "xps", "oxps", "pages", "numbers"),
    *("key", "hwpx", "vsdx"),
)
_SOUND = ("mp3", "aac", "ac3", "mp2", "mpga", "aiff", "flac")
_STREAM = ("ts", "m2ts", "mod", "dat", "tp", "trp")
_BITMAPS = ("pnm", "pbm", "pgm", "ppm", "pam")
_OPENED_ALIKE = (
    *(_WORD, _SHEET, _SLIDES, _FILM, _MPEG, _SOUND, _STREAM, _BITMAPS),
    *(("doc", "dot", "wps"), ("xls", "xlt", "et"), ("ppt", "pps", "pot", "dps")),
    *(("heic", "avif"), ("psd", "psb"), ("ps", "eps", "ai")),
    *(("webm", "mkv", "weba"), ("ogg", "ogv", "opus"), ("wmv", "wma", "asf", "dvr"), ("rm", "rmvb")),
    *(("mobi", "azw", "azw3", "azw4", "prc", "pdb"), ("otf", "ttf"), ("gz", "svgz", "tar.gz", "zabw")),
    *(("tar.bz2", "bz2", "tar.bz", "bz"), ("tar.xz", "xz"), ("tar.lz", "lz"), ("tar.z", "z")),
    *(("tar.zst", "zst"), ("tar.7z", "7z")),
)
"""Formats that the same reader opens; which one it is called is the customer's to say."""
_RELATIVES: dict[str, frozenset[str]] = {
    name: frozenset().union(*(family for family in _OPENED_ALIKE if name in family))
    for name in {name for family in _OPENED_ALIKE for name in family}
} | {
    "tiff": frozenset(_RAW),
    "pdf": frozenset({"ai"}),
    "odt": frozenset({"ott"}),
    "ods": frozenset({"ots"}),
    "odp": frozenset({"otp"}),
    "odg": frozenset({"otg"}),
    "xml": frozenset({"svg", "abw", "fb2", "fodt", "fods", "fodp", "fodg"}),
    "txt": frozenset({"xbm", "xpm", "dxf", "cgm", "eml", "pml"}),
    "rar": frozenset({"cbr"}),
    "7z": frozenset({"cb7"}),
    "cfb": frozenset(
        {
            *(
                "doc",
                "dot",
                "xls",
                "xlt",
                "ppt",
                "pps",
                "pot",
                "hwp",
                "vsd",
                "pub",
                "msg",
                "wps",
                "et",
                "dps",
            ),
            *("sdw", "sdc", "sda"),
        }
    ),
}
_PACKED_DOCUMENTS = frozenset({*_WORD, *_SHEET, *_SLIDES, "odt", "ods", "odp", "odg", "epub"})
_LOCKED = frozenset({*_WORD, *_SHEET, *_SLIDES, "doc", "xls", "ppt"})
_PLAIN = frozenset(
    {
        *("csv", "tsv", "txt", "log", "md", "rst", "tex", "org", "textile", "html", "xml", "json", "ipynb"),
        *("yaml", "yml", "sql"),
        *("srt", "ass", "ssa", "vtt"),
    }
)
"""Any text is one of these when its name says so."""
_MARKED = frozenset(
    {
        *(
            "png",
            "jpg",
            "gif",
            "webp",
            "bmp",
            "tiff",
            "psd",
            "psb",
            "ico",
            "heic",
            "avif",
            "jp2",
            "jxl",
            "pcx",
        ),
        *("ppm", "pgm", "pnm", "emf", "svgz", "svg", "xpm", "pdf", "rtf", "doc", "xls", "ppt", "wmv", "wma"),
        *_PACKED_DOCUMENTS,
        *(
            "zip",
            "7z",
            "rar",
            "tar",
            "tar.gz",
            "tar.bz2",
            "tar.xz",
            "flac",
            "ogg",
            "ogv",
            "opus",
            "wav",
            "aiff",
        ),
        *("au", "caf", "voc", "amr", "mkv", "webm", "weba", "avi", "flv", "mp4", "mov", "m4a", "3gp", "3g2"),
        *("rm", "rmvb", "swf", "mxf", "wtv", "otf", "ttf", "woff", "woff2", "eot", "pfb"),
    }
)
"""Formats that are recognised whenever a file is one: what is not, is none."""


def agrees(claimed: str, finding: Finding) -> bool:
    """Tell whether a file of this content can be taken for the format claimed."""
    found = finding.format
    if not found:
        return claimed in _LOCKED if finding.encrypted else claimed not in _MARKED
    if not claimed or found == claimed or claimed in _RELATIVES.get(found, ()):
        return True
    if found in _PACKED_DOCUMENTS or found == "zip":
        # A broken package shows no kind; which kind of document it would be, its reader finds out.
        damaged = found == "zip" and not finding.certain
        return claimed in _PACKAGES or (damaged and claimed in _PACKED_DOCUMENTS)
    if claimed in _PLAIN and _is_text(finding):
        return True
    weak = not finding.certain and finding.group != TEXT
    return weak and claimed not in _MARKED and claimed not in _PLAIN


def _is_text(finding: Finding) -> bool:
    return finding.group in {TEXT, PLAYLIST} or finding.format in {
        "script",
        "mvg",
        "msl",
        "svg",
        "fb2",
        "abw",
    }


def settled(claimed: str, finding: Finding) -> str:
    """Return the format a new file is taken for: its extension's, unless its content is certainly another.

    A name is never overruled by what is no file to convert: a web page, a playlist, a program, an archive.
    """
    if agrees(claimed, finding) and (claimed or finding.group not in {PLAYLIST, PROGRAM}):
        return claimed or finding.format
    unknown = formats.group(claimed) == "other" and claimed not in formats.MIME_TYPES
    never = {PLAYLIST, PROGRAM} if unknown else {PLAYLIST, PROGRAM, TEXT, "archive", "other"}
    return finding.format if finding.certain and finding.group not in never else claimed


def refusal(claimed: str, finding: Finding, *, asked: bool = False) -> OpenFailed | None:
    """Return why a file is not converted as the format claimed; None when nothing speaks against it.

    :param asked: the customer named the format, in ``input_format``.
    """
    if agrees(claimed, finding):
        return None
    guessed = not finding.certain and finding.format not in {"txt", "xml", "zip", "cfb"}
    if guessed or not finding.format:
        return OpenFailed()
    sentence = f"The file is {finding.reason}, not {claimed.upper()}."
    if finding.format == "html":
        sentence += (
            " The server it came from may have sent a login or error page in its place. To convert the page"
            " itself, set input_format to html."
        )
    elif finding.group == PLAYLIST:
        sentence += " It names other files, which are not followed. Send the media file itself."
    elif finding.format == "txt" and formats.group(claimed) in {"document", "spreadsheet"}:
        sentence += " To convert the text, set input_format to txt or csv."
    elif asked and finding.certain and finding.group != PROGRAM:
        sentence += f" Set input_format to {finding.format} or leave it out."
    return OpenFailed(sentence)
