"""`make up`: the embedded stack until Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .places import ROOT
from .stack import AlreadyRunning, Cancelled, Stack
from .supervisor import Died, Signals

TRY = {
    "tasks": {
        "text": {"operation": "import/raw", "file": "Hello, Athanor!", "filename": "hello.txt"},
        "pdf": {"operation": "convert", "input": "text", "output_format": "pdf"},
        "link": {"operation": "export/url", "input": "pdf"},
    }
}


def main() -> int:
    """Run until told to stop; return the exit status."""
    begun = time.monotonic()
    data_dir = Path(os.environ.get("ATHANOR_DATA_DIR") or ROOT / "var")
    stack = Stack(data_dir, ports=_asked_ports(), say=_say)
    with Signals().caught() as signals:
        _say("starting Athanor")
        try:
            stack.start(cancelled=lambda: signals.endings > 0)
        except AlreadyRunning:
            _say(f"already running: {_where(data_dir)}")
            return 0
        except Cancelled:
            return 130
        except (Died, OSError) as error:
            _say(f"{error}")
            return 1
        _say(welcome(stack, time.monotonic() - begun))
        signals.wait()
        _say("stopping; what runs may finish (Ctrl-C again stops at once)")
        stack.stop(hurry=lambda: signals.endings > 1)
    return 0


def welcome(stack: Stack, seconds: float) -> str:
    """Return what a newcomer needs to know, ready to paste."""
    about: Mapping[str, Any] = stack.about
    return f"""Athanor is ready ({seconds:.1f} s).

  API        {about["url"]}/v2
  sync API   {about["sync_url"]}/v2   (answers when the job has ended)
  API key    {about["api_key"]}
  admin      {about["url"]}/admin/   {about["admin_user"]} / {about["admin_password"]}
  logs       {stack.logs}

Try it:

  curl -s {about["sync_url"]}/v2/jobs -H 'Authorization: Bearer {about["api_key"]}' \\
    -H 'Content-Type: application/json' -d '{json.dumps(TRY)}'

{_allowed(stack.allows)}
All this is in {stack.data_dir / "athanor.json"}. Ctrl-C stops everything.
"""


def _allowed(allows: str) -> str:
    if not allows:
        return "URLs in jobs may lead to the public internet only.\n"
    return f"""URLs in jobs may lead to {allows} and to the public internet.
That is for trying out; ATHANOR_OUTBOUND_ALLOW= (empty) allows the public internet only.
"""


def _asked_ports() -> tuple[int | None, int | None]:
    port, sync_port = os.environ.get("ATHANOR_PORT"), os.environ.get("ATHANOR_SYNC_PORT")
    return int(port) if port else None, int(sync_port) if sync_port else None


def _where(data_dir: Path) -> str:
    try:
        about = json.loads((data_dir / "athanor.json").read_text())
        return f"{about['url']} (sync {about['sync_url']}), see {data_dir / 'athanor.json'}"
    except (OSError, ValueError, KeyError):
        return f"it is just starting or stopping, on {data_dir}"


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        # The terminal has gone; the stack still stops in order.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123


if __name__ == "__main__":
    sys.exit(main())
