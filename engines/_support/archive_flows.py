"""The inner side of unpacking: the programs that open archives, and what they write to their outputs."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import termios
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from engines._support.child import Refused
from engines._support.unpacked_tree import damaged

SEVEN_ZIP = {
    "7z": "7z",
    "bz": "bzip2",
    "bz2": "bzip2",
    "gz": "gzip",
    "lzma": "lzma",
    "xz": "xz",
    "z": "Z",
    "zst": "zstd",
}
"""What 7-Zip calls the formats of single files; a 7z may hold one tar."""
SAID_BYTES = 16 * 1024
LINE_BYTES = 128 * 1024
"""Of a listing; no kind of archive has longer names."""
ASK_SECONDS = 0.02
_WRONG = re.compile(r"(?i)wrong password|requires a password|enter password|break signaled")
"""Where there is nobody to ask, 7-Zip takes it for a break."""
_MEMBER = re.compile(r"(?m)^ERROR: [^:\n]+ : (.+)$|^  (.+?)  \([^()]*\)\.\.\. Failed!")
"""How 7-Zip and unar name the member they failed at."""


def decompressor(kind: str, archive: Path) -> list[str]:
    """Return the command that writes the content of a compressed file to its output."""
    if program := {"lz": "lzip", "lzo": "lzop"}.get(kind):
        return [program, "-d", "-c", "--", f"{archive}"]
    return ["7z", "x", "-so", "-bd", f"-t{SEVEN_ZIP[kind]}", "--", f"{archive}"]


def refusal(words: str, name: str = "") -> Refused:
    """Return why a program did not unpack an archive, from what it said and the member it was at.

    What it said is printed for the operator; indented, so that no line of it passes for one of ours.
    """
    sys.stderr.write(textwrap.indent(words, "  "))
    if _WRONG.search(words):
        return Refused("PasswordRequired")
    if "No space left on device" in words:
        return Refused("DiskFull")
    named = _MEMBER.search(words)
    return damaged((named[1] or named[2]) if named else name)


class Flow:
    """A program that writes to its standard output what we read; use it as a context manager."""

    def __init__(self, argv: Sequence[str], *, password: str = "") -> None:
        self._takes_warnings = argv[0] == "7z"
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when we leave
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if password else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        assert self._process.stdout
        self._pipe: IO[bytes] = self._process.stdout
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
                pipe.write(f"{password}\n".encode())

    def __enter__(self) -> Flow:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.wait()
        self._said.close()

    def read(self, size: int) -> bytes:
        """Return what comes next; less than asked for only at the end."""
        return self._pipe.read(size)

    def lines(self) -> Iterator[bytes]:
        """Yield its lines, none of them longer than a name may be."""
        while line := self._pipe.readline(LINE_BYTES):
            yield line

    @property
    def words(self) -> str:
        """The end of what it said to people."""
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - SAID_BYTES))
        return self._said.read().decode(errors="replace")

    @property
    def is_locked(self) -> bool:
        """Whether it said that the password is not the right one, or that there must be one."""
        return bool(_WRONG.search(self.words))

    def finish(self, name: str = "") -> None:
        """Read on to its end, and wait for that.

        :param name: the member that was last read, to blame where it does not say.
        :raises Refused: when it failed.
        """
        while self.read(SAID_BYTES):
            pass
        # 1 is a warning of 7-Zip's, such as of bytes behind the end.
        if self._process.wait() not in ({0, 1} if self._takes_warnings else {0}):
            raise refusal(self.words, name)


def unar(archive: Path, into: Path, *, password: str = "") -> None:
    """Unpack an archive below a folder; links and all, which is why nobody else may look there.

    :raises Refused: when it cannot be unpacked.
    """
    argv = ["unar", "-no-recursion", "-no-directory", "-force-rename", "-forks", "skip"]
    argv += ["-output-directory", f"{into}", "--", f"{archive}"]
    code, words = _talk(argv, _named_user(into.with_name("users")), password)
    if code or "No files extracted" in words:
        refused = refusal(words)
        # To a wrong password some old RAR files look damaged.
        raise Refused("PasswordRequired") if password else refused


def _named_user(table: Path) -> dict[str, str]:
    """Return an environment in which we have a name: in here is no table of users, and unar wants one."""
    table.write_text(f"engine:x:{os.getuid()}:{os.getgid()}::/tmp:/bin/false\n")
    named = {
        "LD_PRELOAD": "libnss_wrapper.so",
        "NSS_WRAPPER_PASSWD": f"{table}",
        "NSS_WRAPPER_GROUP": f"{table}",
    }
    return {**os.environ, **named}


def _talk(argv: Sequence[str], environment: Mapping[str, str], password: str) -> tuple[int, str]:
    """Run a program, at a terminal where it may ask for the password, so that no command line shows it."""
    if not password:
        run = subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return run.returncode, run.stdout.decode(errors="replace")
    try:
        ours, theirs = os.openpty()
    except OSError:
        sentence = "Archives of this kind with a password cannot be opened on this worker."
        raise Refused("OpenFailed", sentence) from None
    process = subprocess.Popen(argv, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    threading.Thread(target=_answer, args=(ours, process, password), daemon=True).start()
    words = b""
    with contextlib.suppress(OSError):  # how a terminal ends
        while piece := os.read(ours, SAID_BYTES):
            words = (words + piece)[-SAID_BYTES:]
    return process.wait(), words.decode(errors="replace").replace("\r\n", "\n")


def _answer(terminal: int, process: subprocess.Popen[bytes], password: str) -> None:
    # What is typed before the echo is off is thrown away.
    with contextlib.suppress(OSError, termios.error):
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            if process.poll() is not None:
                return
            time.sleep(ASK_SECONDS)
        os.write(terminal, f"{password}\n".encode())
