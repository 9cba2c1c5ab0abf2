"""The warm child of the mail engine: reads a message and writes it as a web page or as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines._support import mail_page, mail_text, outlook
from engines._support.child import Refused, serve
from engines._support.mail_message import Message

READERS: dict[str, Callable[[Path], Message]] = {"eml": mail_text.read, "msg": outlook.read}
WRITERS: dict[str, Callable[[Message], str]] = {"html": mail_page.page, "txt": mail_page.text}


def convert(request: dict[str, Any], _percent: Callable[[float], None]) -> dict[str, Any]:
    """Do one conversion; return the name of the file made.

    :raises Refused: when the file is no message.
    """
    try:
        message = READERS[request["kind"]](Path(request["input"]))
    except (ValueError, LookupError, OSError, RecursionError) as error:
        # Whatever a reader stumbles over, it is the message's fault; the operator gets its words.
        raise Refused("OpenFailed") from error
    if not message.headers:
        raise Refused("OpenFailed")
    output = Path(request["output"])
    output.write_text(WRITERS[request["target"]](message), encoding="utf-8", errors="replace")
    return {"files": [output.name]}


if __name__ == "__main__":
    serve(convert)
