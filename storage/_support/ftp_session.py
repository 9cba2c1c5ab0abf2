"""The FTP protocol over ftplib: passive, to the host that was checked, and over TLS in one session."""

from __future__ import annotations

import ftplib
import hashlib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeVar

from jobs.contract import outbound, reach
from jobs.contract.errors import AddressRefused, StorageUnreachable

from . import dialing, refusals
from .dialing import IDLE_SECONDS
from .folders import Entry
from .ftp_listing import Facts, facts_of, guessed, listed, number

PIECE = 256 * 1024
LOOK_SECONDS = 0.25
MOST_PORTS = 5
"""How many ports a server may offer for one file before we give up."""
MAX_LINES = 1000
"""Of one answer."""
MAX_LINE = 8 * 1024

Advance = Callable[[int], None]
A = TypeVar("A")
T = TypeVar("T")
_FINAL = {"430", "452"}
"""Of the codes that tell to try again later: a wrong login, and no room."""


class Broken(Exception):
    """The line broke, or nothing came for too long."""


class Nonsense(Exception):
    """What came is not FTP."""


class Refusal(Exception):
    """The server said no, with its code and its own words."""

    def __init__(self, answer: str) -> None:
        super().__init__("".join(char for char in answer if char.isprintable()))
        self.code = answer[:3]

    @property
    def is_about_permission(self) -> bool:
        """Whether its words say so; the code is the same for what is missing."""
        return bool(re.search(r"permi|denied|allowed|access|privilege", f"{self}", re.IGNORECASE))


class Session(ftplib.FTP):
    """A login.

    Everything raises ``Refusal``, ``Broken`` and ``Nonsense``, and what ``heard`` raises.
    """

    def __init__(self, location: Mapping[str, Any]) -> None:
        """Connect and log in.

        :raises StorageRefused: when the server has another certificate than it should, or no TLS.
        :raises StorageUnreachable: when nobody answers.
        :raises AddressRefused: when we do not connect there.
        """
        super().__init__(timeout=IDLE_SECONDS)
        self.heard: Advance = lambda _size: None
        """Called with 0 while the server is silent; raises to end the wait."""
        self.features: dict[str, str] = {}
        self._pin = location["certificate"] or ""
        self._tls: ssl.SSLContext | None = None
        self.host = location["host"]
        port = location["port"] or (990 if location["tls"] == "implicit" else 21)
        line = dialing.connect(self.host, port, usual=reach.FTP)
        try:
            with self._sentences():
                self._begin(line, location["tls"])
                self._let_in(location["username"], location["password"] or "")
                self._settle()
        except BaseException:
            self.hang_up()
            line.close()
            raise

    def hang_up(self) -> None:
        """End without a word: it may be in the middle of something."""
        self.close()

    # --- Names

    def facts(self, path: str) -> Facts:
        """Return what lies there."""
        with self._sentences():
            if "MLST" in self.features:
                answer = self.sendcmd(f"MLST {path}").split("\n")
                told = facts_of(answer[1].lstrip().partition(" ")[0]) if len(answer) > 1 else {}
                return Facts(told.get("type") == "dir", number(told.get("size")), told.get("modify", ""))
            try:
                size = self._size(path)
            except ftplib.error_perm:
                self.cwd(path)
                self.cwd(self._home)
                return Facts(is_folder=True, size=None, time="")
            when = ""
            with suppress(ftplib.error_perm):
                when = self.sendcmd(f"MDTM {path}")[3:].strip()
            return Facts(False, size, when)

    def entries(self, folder: str) -> Iterator[Entry | None]:
        """Yield the files and folders in a folder; None for links, and for what is something else."""
        is_machine = "MLST" in self.features
        with self._sentences():
            self.cwd(folder or ".")
        for line in self._lines("MLSD" if is_machine else "LIST"):
            yield listed(line) if is_machine else guessed(line)
        with self._sentences():
            self.cwd(self._home)

    def make_folder(self, path: str) -> None:
        """Make one folder."""
        with self._sentences():
            self.mkd(path)

    def remove(self, path: str) -> None:
        """Remove a file."""
        with self._sentences():
            self.delete(path)

    def replace(self, path: str, wanted: str) -> None:
        """Rename a file, in place of what has that name; where the server cannot, it is gone for a moment."""
        with self._sentences():
            try:
                self.rename(path, wanted)
            except ftplib.error_perm:
                self.delete(wanted)
                self.rename(path, wanted)

    # --- Files

    @property
    def resumes(self) -> bool:
        """Whether a transfer may begin in the middle of a file."""
        return self.features.get("REST", "").upper() == "STREAM"

    def read(self, path: str, file: BinaryIO, advance: Advance) -> None:
        """Go on with a file where it ends, up to the other's end."""
        for piece in self._received(f"RETR {path}", file.tell()):
            file.write(piece)
            advance(len(piece))

    def write(self, path: str, file: BinaryIO, advance: Advance) -> None:
        """Write a file from where it stands."""
        with self._sentences():
            data = self._data(f"STOR {path}", file.tell())
            with data:
                while piece := file.read(PIECE):
                    left = memoryview(piece)
                    while left:
                        left = left[self._patiently(data.send, left) :]
                    advance(len(piece))
                if isinstance(data, ssl.SSLSocket):
                    # The server believes in an end only when it is said; its own word need not come.
                    with suppress(OSError):
                        data.unwrap()
            self.voidresp()

    def has(self, path: str) -> int | None:
        """Return how many bytes of a file the server has; None when it does not say."""
        if "SIZE" not in self.features:
            return None
        with self._sentences():
            return self._size(path)

    # --- The line

    def getmultiline(self) -> str:
        """Return an answer that has an end."""
        lines = [self.getline()]
        code = lines[0][:3]
        while lines[0][3:4] == "-" and (lines[-1][:3] != code or lines[-1][3:4] == "-"):
            lines.append(self.getline())
            if len(lines) > MAX_LINES:
                raise ftplib.error_proto("an endless answer")
        return "\n".join(lines)

    def putline(self, line: str) -> None:
        """Send one line, in which names that are no UTF-8 are as they came."""
        if re.search(r"[\r\n\0]", line):
            raise ftplib.error_perm("501 No such name can be said in FTP.")
        self._line.sendall(f"{line}\r\n".encode(errors="surrogateescape"))

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """Open the line for a file: in the control line's TLS session, which some servers insist on."""
        data, size = super().ntransfercmd(cmd, rest)
        return (self._wrapped(data) if self._tls else data), size

    def makepasv(self) -> tuple[str, int]:
        """Return where to connect for a file: always the server itself, whatever address it names.

        Many servers offer any port above 1023. One that nothing may connect to is passed over for the next.
        """
        host = self._line.getpeername()[0]
        for left in reversed(range(MOST_PORTS)):
            port = self._offered_port()
            try:
                outbound.decide(host, port, usual=frozenset())
                break
            except AddressRefused:
                if not left:
                    raise
        return host, port

    def _offered_port(self) -> int:
        try:
            return ftplib.parse229(self.sendcmd("EPSV"), self._line.getpeername())[1]
        except ftplib.error_perm:
            return ftplib.parse227(self.sendcmd("PASV"))[1]

    @property
    def _line(self) -> socket.socket:
        # It is gone once somebody hung up.
        if not self.sock:
            raise Broken
        return self.sock

    def _begin(self, line: socket.socket, tls: str) -> None:
        if tls == "implicit":
            self._tls = _context(self._pin)
            line = self._wrapped(line)
        self._listen(line)
        try:
            self.welcome = self.getresp()
        except TimeoutError as error:
            # Perhaps it waits for us to begin with TLS.
            raise StorageUnreachable(
                f"The server at {self.host} did not greet. Check host, port and tls."
            ) from error
        if tls == "explicit":
            try:
                self.voidcmd("AUTH TLS")
            except ftplib.error_perm as error:
                raise refusals.refused("The server speaks no TLS", "tls") from error
            self._tls = _context(self._pin)
            self._listen(self._wrapped(line))

    def _listen(self, line: socket.socket) -> None:
        self.sock, self.af = line, line.family
        # What is no UTF-8 goes back to the server as it came.
        self.file = line.makefile("r", encoding="utf-8", errors="surrogateescape", newline="\n")

    def _wrapped(self, line: socket.socket) -> socket.socket:
        assert self._tls
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        try:
            secured = self._tls.wrap_socket(line, server_hostname=self.host, session=session)
        except ssl.SSLCertVerificationError as error:
            raise refusals.refused(
                f"The certificate is not valid: {error.verify_message}", "certificate"
            ) from error
        except ssl.SSLEOFError:
            raise
        except ssl.SSLError as error:
            raise refusals.refused(
                f"It does not speak TLS as we do, {error.reason}", "tls", "port"
            ) from error
        shown = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
        if self._pin and shown != self._pin:
            raise refusals.refused(f"The server's certificate is {shown}", "certificate")
        return secured

    def _settle(self) -> None:
        if self._tls:
            self.voidcmd("PBSZ 0")
            self.voidcmd("PROT P")
        with suppress(ftplib.error_perm):
            for line in self.sendcmd("FEAT").split("\n")[1:-1]:
                name, _, more = line.strip().partition(" ")
                self.features[name.upper()] = more
        if "UTF8" in self.features:
            with suppress(ftplib.error_perm):
                self.sendcmd("OPTS UTF8 ON")
        self.voidcmd("TYPE I")
        self._home = self.pwd()

    def _let_in(self, username: str, password: str) -> None:
        try:
            self.login(username, password)
        except ftplib.error_perm as error:
            if re.search(r"too many|maximum", f"{error}", re.IGNORECASE):
                raise Broken from error
            raise refusals.credentials("username", "password") from error

    def _size(self, path: str) -> int | None:
        return number(self.sendcmd(f"SIZE {path}")[3:].strip())

    def _data(self, command: str, at: int) -> socket.socket:
        if at and not self.resumes:
            raise Broken
        data = self.transfercmd(command, at or None)
        data.settimeout(LOOK_SECONDS)
        return data

    def _received(self, command: str, at: int = 0) -> Iterator[bytes]:
        with self._sentences():
            with self._data(command, at) as data:
                while piece := self._patiently(data.recv, PIECE):
                    yield piece
            self.voidresp()

    def _lines(self, command: str) -> Iterator[str]:
        rest = b""
        for piece in self._received(command):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > MAX_LINE:
                raise Nonsense
            for line in lines:
                yield line.rstrip(b"\r").decode(errors="surrogateescape")

    def _patiently(self, act: Callable[[A], T], argument: A) -> T:
        ends = time.monotonic() + IDLE_SECONDS
        while True:
            try:
                return act(argument)
            except TimeoutError:
                self.heard(0)
                if time.monotonic() > ends:
                    raise Broken from None

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (ftplib.error_temp, ftplib.error_perm) as error:
            answer = f"{error}"
            if answer[:1] == "4" and answer[:3] not in _FINAL:
                raise Broken from error
            raise Refusal(answer) from error
        except (ftplib.Error, ValueError) as error:
            raise Nonsense from error
        except (EOFError, OSError) as error:
            raise Broken from error


def _context(pin: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if pin:
        # Known by itself, whoever vouches for it.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
