"""What customers say of a request to a web server: where it goes, and with which headers."""

from __future__ import annotations

import re

from jobs.contract import Option, OptionProblem, urls

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_OURS = {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}


def _url(text: str) -> str:
    try:
        urls.parse(text.strip())
    except urls.InvalidURL:
        raise OptionProblem("The url format is invalid.") from None
    return text.strip()


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise OptionProblem(f"The headers must not have a name like {name[:50]!r}.")
        if name.lower() in _OURS or name.lower().startswith("proxy-"):
            raise OptionProblem(f"The headers must not set {name}.")
        if any(char != "\t" and (char < " " or char == "\x7f") for char in value):
            raise OptionProblem(f"The headers must not have line breaks or control characters in {name}.")
        if not _encodes(value):
            raise OptionProblem(f"The headers must have valid text in {name}.")
    return {name: value.strip() for name, value in headers.items()}


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def options(*, where: str, example: str, headers: str) -> tuple[Option, Option]:
    """Return the options ``url`` and ``headers``.

    :param where: what is at the URL.
    :param headers: what the headers are for.
    """
    return (
        Option(name="url", help=f"{where}; http or https.", required=True, check=_url, example=example),
        Option(
            name="headers",
            type="dictionary",
            help=f"Request headers to send, {headers}; only to the host of the URL.",
            max_length=8 * 1024,
            secret=True,
            check=_headers,
        ),
    )
