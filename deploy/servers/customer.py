"""A made-up user with a password, for servers that ask the system: only they ever see that user."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

USERNAME = "customer"
USER_ID = 54321
PASSWORD = "correct horse, battery \N{LATIN SMALL LETTER U WITH DIAERESIS}"  # noqa: S105 - made up
_HASHED = "$6$athanor$z/Wh0PNm8uoXj/70bwq0EU9vFmdKOMVze9MUXxZ7B3EAfIquNSo6s8rz3.jsVDhYGSqRxUyC4tyDs2teACuhl."


def elsewhere(folder: Path, home: Path, command: Sequence[str | Path]) -> list[str | Path]:
    """Return the command that runs another where the user is known: in a mount namespace, which takes root.

    :param folder: where files for it may be made.
    :param home: the user's folder, which is given to it.
    """
    os.chown(home, USER_ID, USER_ID)
    line = f"{USERNAME}:x:{USER_ID}:{USER_ID}:made up:{home}:/bin/sh\n"
    (folder / "passwd").write_text(Path("/etc/passwd").read_text() + line)
    shadow = folder / "shadow"
    shadow.touch(mode=0o600)
    shadow.write_text(f"{USERNAME}:{_HASHED}:19000:0:99999:7:::\n")
    steps = [
        *(f"mount --bind {shlex.quote(f'{folder / name}')} /etc/{name}" for name in ("passwd", "shadow")),
        "mount -t tmpfs -o mode=755 none /run",
        "mkdir -m 755 -p /run/sshd /run/vsftpd/empty",
        f"exec {shlex.join(f'{part}' for part in command)}",
    ]
    return ["unshare", "--mount", "sh", "-ec", "\n".join(steps)]
