"""The SFTP protocol (version 3) over a channel: many requests under way, and no answer believed too soon."""

from __future__ import annotations

import stat
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from paramiko import sftp

from .dialing import IDLE_SECONDS
from .ssh import Connection

NO_SUCH_FILE = sftp.SFTP_NO_SUCH_FILE
PERMISSION_DENIED = sftp.SFTP_PERMISSION_DENIED
READ = sftp.SFTP_FLAG_READ
WRITE = sftp.SFTP_FLAG_WRITE
NEW = WRITE | sftp.SFTP_FLAG_CREATE | sftp.SFTP_FLAG_EXCL
RENAME = b"posix-rename@openssh.com"
FSYNC = b"fsync@openssh.com"
UNDER_WAY = 64
"""Requests not answered yet: 2 MiB, which is what a line of 100 ms and 160 Mbit/s holds."""
PIECE = 32 * 1024 - 256
"""With its headers it is one packet everywhere."""
MAX_ANSWER = 256 * 1024
"""What OpenSSH takes, too."""
LOOK_SECONDS = 0.25
_VERSION = 3
_SIZE, _OWNERS, _MODE, _TIMES, _MORE = 0x1, 0x2, 0x4, 0x8, 0x80000000

Advance = Callable[[int], None]
A = TypeVar("A")
T = TypeVar("T")


class Refusal(Exception):
    """The server said no: one of the protocol's numbers, and its own words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__("".join(char for char in words if char.isprintable()) or f"code {code}")
        self.code = code


class Broken(Exception):
    """The line broke, or nothing came for too long."""


class Nonsense(Exception):
    """What came is not SFTP."""


class Short(Exception):
    """A file ended before the size that the server had told."""


@dataclass(frozen=True)
class Facts:
    """What a server tells of a file."""

    size: int | None
    mode: int
    """Its kind and permissions; 0 when it tells none."""
    version: str
    """Its time and size: seconds are all that the protocol has."""
    modified: int
    """Seconds since 1970; 0 when it tells none."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a file, as far as the server tells: no device, pipe or socket."""
        return stat.S_ISREG(self.mode) or not stat.S_IFMT(self.mode)


class Session:
    """A server's files, by paths as it has them.

    Everything raises ``Refusal``, ``Broken`` and ``Nonsense``, and what ``heard`` raises.
    """

    def __init__(self, connection: Connection) -> None:
        """Begin."""
        self.heard: Advance = lambda _size: None
        """Called with 0 while the server is silent; raises to end the wait."""
        self.hang_up = connection.close
        self._channel = connection.channel
        self._number = 0
        self._waiting: set[int] = set()
        """Requests whose answers somebody will ask for."""
        self._answers: dict[int, tuple[int, _Reader]] = {}
        """Those that came before they were asked for."""
        self._channel.settimeout(LOOK_SECONDS)
        self._send(struct.pack(">BI", sftp.CMD_INIT, _VERSION))
        kind, hello = self._packet()
        hello.number()
        if kind != sftp.CMD_VERSION:
            raise Nonsense
        self.extensions: dict[bytes, bytes] = {}
        while hello.left:
            name = hello.text()
            self.extensions[name] = hello.text()

    # --- Names

    def facts(self, path: bytes, *, follow: bool = True) -> Facts:
        """Return what lies there; of a link, what it leads to or the link itself."""
        command = sftp.CMD_STAT if follow else sftp.CMD_LSTAT
        return self._asked(command, _text(path), sftp.CMD_ATTRS).facts()

    def real(self, path: bytes) -> bytes:
        """Return a path from the root, without links as far as the server resolves them."""
        answer = self._asked(sftp.CMD_REALPATH, _text(path), sftp.CMD_NAME)
        if answer.number() != 1:
            raise Nonsense
        return answer.text()

    def entries(self, folder: bytes) -> Iterator[tuple[bytes, Facts]]:
        """Yield what a folder holds, links as links."""
        handle = self._asked(sftp.CMD_OPENDIR, _text(folder), sftp.CMD_HANDLE).text()
        try:
            while True:
                answer = self._asked(sftp.CMD_READDIR, _text(handle), sftp.CMD_NAME)
                count = answer.number()
                if not count:
                    # Not what the protocol says, but what some servers mean by it.
                    return
                for _ in range(count):
                    name, _long = answer.text(), answer.text()
                    yield name, answer.facts()
        except Refusal as error:
            if error.code != sftp.SFTP_EOF:
                raise
        finally:
            self.let_go(handle)

    def make_folder(self, path: bytes) -> None:
        """Make one folder, with the permissions the server gives to new ones."""
        self._asked(sftp.CMD_MKDIR, _text(path) + bytes(4))

    def remove(self, path: bytes) -> None:
        """Remove a file."""
        self._asked(sftp.CMD_REMOVE, _text(path))

    def replace(self, path: bytes, wanted: bytes) -> None:
        """Rename a file, in place of what has that name.

        Servers without OpenSSH's extension cannot do that at once: there the name is gone for a moment.
        """
        names = _text(path) + _text(wanted)
        if RENAME in self.extensions:
            self._asked(sftp.CMD_EXTENDED, _text(RENAME) + names)
            return
        try:
            self._asked(sftp.CMD_RENAME, names)
        except Refusal:
            self.remove(wanted)
            self._asked(sftp.CMD_RENAME, names)

    # --- Open files

    def opened(self, path: bytes, flags: int) -> bytes:
        """Open a file, a new one with the permissions the server gives; return its handle."""
        body = _text(path) + struct.pack(">II", flags, 0)
        return self._asked(sftp.CMD_OPEN, body, sftp.CMD_HANDLE).text()

    def told(self, handle: bytes) -> Facts:
        """Return what lies behind a handle."""
        return self._asked(sftp.CMD_FSTAT, _text(handle), sftp.CMD_ATTRS).facts()

    def close(self, handle: bytes) -> None:
        """Close a file."""
        self._asked(sftp.CMD_CLOSE, _text(handle))

    def let_go(self, handle: bytes) -> None:
        """Close a file or a listing; nobody waits for the answer, or minds when the line is gone."""
        with suppress(Broken):
            self._forget(self._ask(sftp.CMD_CLOSE, _text(handle)))

    def flush(self, handle: bytes) -> None:
        """Have a file written to the server's disk, where it knows how."""
        if FSYNC in self.extensions:
            self._asked(sftp.CMD_EXTENDED, _text(FSYNC) + _text(handle))

    def read(self, handle: bytes, file: BinaryIO, size: int | None, advance: Advance) -> None:
        """Go on with a file where it ends, up to a size or else to the other's end.

        :raises Short: when that comes before the size.
        """
        at = file.tell()
        asked: deque[tuple[int, int, int]] = deque()
        while asked or size is None or at < size:
            while len(asked) < UNDER_WAY and (size is None or at < size):
                length = PIECE if size is None else min(PIECE, size - at)
                asked.append((self._ask_bytes(handle, at, length), at, length))
                at += length
            number, offset, length = asked.popleft()
            try:
                data = self._answer(number, sftp.CMD_DATA).text()
            except Refusal as error:
                self._forget(*(number for number, _, _ in asked))
                if error.code != sftp.SFTP_EOF:
                    raise
                if size is None:
                    return
                raise Short from error
            if not 0 < len(data) <= length:
                raise Nonsense
            file.write(data)
            advance(len(data))
            if left := length - len(data):
                # Some give less at a time than they are asked for.
                offset += len(data)
                asked.appendleft((self._ask_bytes(handle, offset, left), offset, left))

    def write(self, handle: bytes, file: BinaryIO, done: Advance) -> None:
        """Write a file from where it stands.

        :param done: is told of each piece that the server has, in their order.
        """
        at = file.tell()
        asked: deque[tuple[int, int]] = deque()
        while True:
            while len(asked) < UNDER_WAY and (data := file.read(PIECE)):
                body = _text(handle) + struct.pack(">Q", at) + _text(data)
                asked.append((self._ask(sftp.CMD_WRITE, body), len(data)))
                at += len(data)
            if not asked:
                return
            # Not all of them, so that the line is never idle.
            for _ in range((len(asked) + 1) // 2):
                number, length = asked.popleft()
                self._answer(number, sftp.CMD_STATUS)
                done(length)

    # --- Packets

    def _ask_bytes(self, handle: bytes, at: int, length: int) -> int:
        return self._ask(sftp.CMD_READ, _text(handle) + struct.pack(">QI", at, length))

    def _asked(self, command: int, body: bytes, kind: int = sftp.CMD_STATUS) -> _Reader:
        return self._answer(self._ask(command, body), kind)

    def _ask(self, command: int, body: bytes) -> int:
        self._number = (self._number + 1) & 0xFFFFFFFF
        self._waiting.add(self._number)
        self._send(struct.pack(">BI", command, self._number) + body)
        return self._number

    def _answer(self, number: int, wanted: int) -> _Reader:
        while number not in self._answers:
            kind, answer = self._packet()
            came = answer.number()
            if came in self._waiting:
                self._waiting.remove(came)
                self._answers[came] = kind, answer
        kind, answer = self._answers.pop(number)
        if kind == sftp.CMD_STATUS and (code := answer.number()) != sftp.SFTP_OK:
            raise Refusal(code, answer.text().decode(errors="replace") if answer.left else "")
        if kind != wanted:
            raise Nonsense
        return answer

    def _forget(self, *numbers: int) -> None:
        self._waiting.difference_update(numbers)
        for number in numbers:
            self._answers.pop(number, None)

    def _send(self, packet: bytes) -> None:
        left = memoryview(struct.pack(">I", len(packet)) + packet)
        while left:
            sent = self._patiently(self._channel.send, left)
            if not sent:
                raise Broken
            left = left[sent:]

    def _packet(self) -> tuple[int, _Reader]:
        size = int.from_bytes(self._exactly(4), "big")
        if not 5 <= size <= MAX_ANSWER:
            raise Nonsense
        data = self._exactly(size)
        return data[0], _Reader(data)

    def _exactly(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size:
            if pieces:
                self.heard(0)
            piece = self._patiently(self._channel.recv, size)
            if not piece:
                raise Broken
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _patiently(self, act: Callable[[A], T], argument: A) -> T:
        ends = time.monotonic() + IDLE_SECONDS
        while True:
            try:
                return act(argument)
            except TimeoutError:
                self.heard(0)
                if time.monotonic() > ends:
                    raise Broken from None
            except (OSError, EOFError) as error:
                raise Broken from error


class _Reader:
    """Takes an answer apart, from behind its kind."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 1

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self._take(size), "big")

    def text(self) -> bytes:
        return self._take(self.number())

    def facts(self) -> Facts:
        flags = self.number()
        size = self.number(8) if flags & _SIZE else None
        if flags & _OWNERS:
            self._take(8)
        mode = self.number() if flags & _MODE else 0
        modified = 0
        if flags & _TIMES:
            self._take(4)
            modified = self.number()
        for _ in range(self.number() if flags & _MORE else 0):
            self.text(), self.text()
        return Facts(size, mode, f"{modified}-{size}", modified)

    def _take(self, size: int) -> bytes:
        if size > self.left:
            raise Nonsense
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken


def _text(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
