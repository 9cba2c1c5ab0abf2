"""FTP, with TLS unless it is told otherwise: files are renamed to their names when they are whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from jobs.contract import Option, OptionProblem

from ._support import dialing, refusals
from ._support.folders import Unfinished, above, going_on, let_age, walk
from ._support.place import Advance, Item, Location, Trail
from ._support.transfers import transfers

if TYPE_CHECKING:
    from ._support.ftp_session import Session


class FTP:
    """A login at a server, over one connection; it is made anew where it breaks while bytes move."""

    shared: ClassVar[bool] = False
    lanes: ClassVar[int] = 4

    def __init__(self, location: Location, trail: Trail) -> None:
        """Connect and log in."""
        self._location = location
        self._field = "file" if location.get("file") else "path"
        self._unfinished = Unfinished(trail)
        self._live: Session | None = None
        with self._sentences("", "log in to"):
            self._session()

    def check(self) -> None:
        """Return if there is a folder one logs in to."""
        # It was asked for when we logged in.

    def find(self, key: str) -> Item:
        """Return the file."""
        with self._sentences(key, "read"):
            facts = self._session().facts(_sent(key))
        if facts.is_folder:
            raise refusals.refused(f"{key!r} is a folder, which path imports", self._field)
        return Item(key, facts.size, facts.version)

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield the files below a folder."""
        with self._sentences(prefix, "read"):
            yield from walk(prefix, lambda folder: self._session().entries(_sent(folder)))

    def fetch(self, item: Item, target: Path, advance: Advance) -> None:
        """Bring a file, if it is the same before and after."""
        with target.open("xb") as file, self._sentences(item.key, "read"):
            self._going_on(lambda session: self._read(session, item, file, advance), file.tell, advance)

    def store(self, source: Path, key: str, advance: Advance) -> None:
        """Put a file beside its name, then rename it."""
        temporary = self._unfinished.beside(key)
        with source.open("rb") as file, self._sentences(key, "write to"):
            try:
                self._going_on(
                    lambda session: self._write(session, file, key, temporary, advance), file.tell, advance
                )
                self._replace(temporary, key)
            except BaseException:
                # It may be in the middle of anything.
                self.close()
                with suppress(Exception):
                    self.tidy(temporary)
                raise

    def tidy(self, loose_end: str) -> None:
        """Remove what was not whole; whoever may not, or finds nothing, leaves it."""
        from ._support.ftp_session import Refusal

        with self._sentences(loose_end, "remove"), suppress(Refusal):
            self._session().remove(_sent(loose_end))

    def close(self) -> None:
        """Hang up."""
        if self._live:
            self._live.hang_up()
        self._live = None

    def _session(self) -> Session:
        from ._support.ftp_session import Session

        if not self._live:
            self._live = Session(self._location)
        return self._live

    def _going_on(self, step: Callable[[Session], None], moved: Callable[[], int], advance: Advance) -> None:
        """Do something, and go on with it on a new connection as long as each brings it further."""
        from ._support.ftp_session import Broken

        def attempt() -> None:
            session = self._session()
            session.heard = advance
            step(session)

        going_on(attempt, moved, broken=Broken, hang_up=self.close)

    def _read(self, session: Session, item: Item, file: BinaryIO, advance: Advance) -> None:
        path = _sent(item.key)
        before = session.facts(path)
        let_age(before.modified, advance)
        # A listing for people tells no version.
        if item.version in {"", before.version}:
            session.read(path, file, advance)
        after = session.facts(path)
        if not after.version == before.version == (item.version or before.version):
            raise refusals.altered(item.key)
        if after.size not in {None, file.tell()}:
            raise refusals.altered(item.key)

    def _write(self, session: Session, file: BinaryIO, key: str, temporary: str, advance: Advance) -> None:
        from ._support.ftp_session import Refusal

        if sent := file.tell():
            # Less may have arrived than was sent.
            arrived = min(sent, session.has(_sent(temporary)) or 0) if session.resumes else 0
            file.seek(arrived)
            advance(arrived - sent)
        try:
            session.write(_sent(temporary), file, advance)
        except Refusal:
            if file.tell() or not above(key):
                raise
            _make_folders(session, above(key))
            session.write(_sent(temporary), file, advance)
        if session.has(_sent(temporary)) not in {None, file.tell()}:
            raise refusals.altered(key)

    def _replace(self, temporary: str, key: str) -> None:
        from ._support.ftp_session import Refusal

        session = self._session()
        try:
            session.replace(_sent(temporary), _sent(key))
        except Refusal:
            with suppress(Refusal):
                if session.facts(_sent(key)).is_folder:
                    raise refusals.refused(f"{key!r} is a folder", self._field) from None
            raise

    @contextmanager
    def _sentences(self, key: str, doing: str) -> Iterator[None]:
        """Turn what the protocol says into sentences."""
        from ._support import ftp_session as protocol

        host = self._location["host"]
        try:
            yield
        except protocol.Broken as error:
            raise refusals.unreachable(host, broke_off=True) from error
        except protocol.Nonsense as error:
            raise refusals.refused("What answers there does not speak FTP", "host", "port", "tls") from error
        except protocol.Refusal as error:
            if error.is_about_permission:
                raise refusals.forbidden(self._field, key, doing) from error
            if error.code == "550" and doing == "read":
                raise refusals.missing(self._field, key) from error
            raise refusals.refused(f"{error}, asked to {doing} {key!r}", self._field) from error


def _make_folders(session: Session, folder: str) -> None:
    from ._support.ftp_session import Refusal

    parts = folder.split("/")
    for number in range(1, len(parts) + 1):
        # Those that are there are refused; whether all are is seen when the file is written.
        with suppress(Refusal):
            session.make_folder(_sent("/".join(parts[:number])))


def _sent(key: str) -> str:
    """Return a path as the server has it; relative ones begin where one logs in to."""
    return key.removeprefix("~").lstrip("/") if key == "~" or key.startswith("~/") else key


def _pin(text: str) -> str:
    digits = re.sub(r"^sha-?256:|[\s:]", "", text.strip().lower())
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise OptionProblem("The certificate must be the SHA-256 fingerprint of one: 64 hexadecimal digits.")
    return digits


OPERATIONS = transfers(
    "ftp",
    FTP,
    called="an FTP server",
    location=(
        Option(name="host", help="The server's name or address.", required=True, check=dialing.host),
        Option(
            name="port",
            help="Its port; by default 21, or 990 where tls is implicit.",
            type="integer",
            minimum=1,
            maximum=65535,
        ),
        Option(
            name="username",
            help="Who logs in.",
            default="anonymous",
            max_length=256,
            check=partial(dialing.plain, "username"),
        ),
        Option(name="password", help="The password.", secret=True, check=partial(dialing.plain, "password")),
        Option(
            name="tls",
            help=(
                "How the connection is secured: after the greeting (explicit), from the first byte (implicit)"
                " or not at all (none), when the password and the files can be read on their way."
            ),
            type="enum",
            values=("explicit", "implicit", "none"),
            default="explicit",
        ),
        Option(
            name="certificate",
            help=(
                "The SHA-256 fingerprint of the certificate the server must have, in place of one that"
                " an authority vouches for."
            ),
            check=_pin,
        ),
    ),
    one=Option(
        name="file",
        help="The file's path; a relative one begins at the folder one logs in to.",
        check=partial(dialing.plain, "file"),
    ),
    many=Option(
        name="path",
        help="A folder: every file below it is imported.",
        check=partial(dialing.plain, "path"),
    ),
    is_folder=True,
)
