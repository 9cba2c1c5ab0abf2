"""SFTP, with a password or a key: files are renamed to their names when they are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from jobs.contract import Option

from ._support import dialing, refusals, ssh_keys
from ._support.folders import Entry, Unfinished, above, going_on, let_age, walk
from ._support.place import Advance, Item, Location, Trail
from ._support.transfers import transfers

if TYPE_CHECKING:
    from ._support.sftp_session import Facts, Session


class SFTP:
    """A login at a server, over one connection; it is made anew where it breaks while bytes move."""

    shared: ClassVar[bool] = False
    lanes: ClassVar[int] = 4

    def __init__(self, location: Location, trail: Trail) -> None:
        """Connect and log in."""
        self._location = location
        self._field = "file" if location.get("file") else "path"
        self._unfinished = Unfinished(trail)
        self._live: Session | None = None
        with self._sentences("", "log in"):
            self._session()

    def check(self) -> None:
        """Return if there is a folder one logs in to."""
        with self._sentences(".", "read"):
            self._session().facts(b".")

    def find(self, key: str) -> Item:
        """Return the file, or what a link with that name leads to."""
        with self._sentences(key, "read"):
            facts = self._session().facts(_sent(key))
        if facts.is_folder:
            raise refusals.refused(f"{key!r} is a folder, which path imports", self._field)
        if not facts.is_file:
            raise refusals.refused(f"{key!r} is no file", self._field)
        return Item(key, facts.size, facts.version)

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield the files below a folder; devices, pipes, and links that lead elsewhere are passed over."""
        with self._sentences(prefix, "read"):
            top = self._session().real(_sent(prefix))
            yield from walk(prefix, partial(self._listed, top.rstrip(b"/") + b"/"))

    def fetch(self, item: Item, target: Path, advance: Advance) -> None:
        """Bring a file, if it is the same before and after."""
        with target.open("xb") as file, self._sentences(item.key, "read"):
            self._going_on(lambda session: self._read(session, item, file, advance), file.tell, advance)

    def store(self, source: Path, key: str, advance: Advance) -> None:
        """Put a file beside its name, then rename it."""
        temporary = self._unfinished.beside(key)
        with source.open("rb") as file, self._sentences(key, "write to"):
            upload = _Upload(self._field, file, source.stat().st_size, key, temporary, advance)
            try:
                self._going_on(upload.go_on, lambda: upload.at, advance)
            except BaseException:
                with suppress(Exception):
                    self.tidy(temporary)
                raise

    def tidy(self, loose_end: str) -> None:
        """Remove what was not whole; whoever may not, or finds nothing, leaves it."""
        from ._support.sftp_session import Refusal

        with self._sentences(loose_end, "remove"), suppress(Refusal):
            session = self._session()
            session.heard = lambda _size: None
            session.remove(_sent(loose_end))

    def close(self) -> None:
        """Hang up."""
        if self._live:
            self._live.hang_up()
        self._live = None

    def _session(self) -> Session:
        from ._support.sftp_session import Session
        from ._support.ssh import Connection

        if not self._live:
            self._live = Session(Connection(self._location))
        return self._live

    def _going_on(self, step: Callable[[Session], None], moved: Callable[[], int], advance: Advance) -> None:
        """Do something, and go on with it on a new connection as long as each brings it further."""
        from ._support.sftp_session import Broken

        def attempt() -> None:
            session = self._session()
            session.heard = advance
            step(session)

        going_on(attempt, moved, broken=Broken, hang_up=self.close)

    def _read(self, session: Session, item: Item, file: BinaryIO, advance: Advance) -> None:
        from ._support.sftp_session import READ

        handle = session.opened(_sent(item.key), READ)
        try:
            before = session.told(handle)
            let_age(before.modified, advance)
            if before.version == item.version:
                session.read(handle, file, item.size, advance)
            if session.told(handle).version != item.version:
                raise refusals.altered(item.key)
        finally:
            session.let_go(handle)

    def _listed(self, top: bytes, folder: str) -> Iterator[Entry | None]:
        session, path = self._session(), _sent(folder)
        for name, facts in session.entries(path):
            each = facts if not facts.is_link else self._led_to(top, path.rstrip(b"/") + b"/" + name)
            is_meant = each and (each.is_file or (each.is_folder and not facts.is_link))
            text = name.decode(errors="surrogateescape")
            yield Entry(text, each.is_folder, each.size, each.version) if each and is_meant else None

    def _led_to(self, top: bytes, link: bytes) -> Facts | None:
        """Return what a link leads to, if that is below the folder that is imported."""
        from ._support.sftp_session import Refusal

        try:
            session = self._session()
            return session.facts(link) if session.real(link).startswith(top) else None
        except Refusal:
            # It leads nowhere.
            return None

    @contextmanager
    def _sentences(self, key: str, doing: str) -> Iterator[None]:
        """Turn what the protocol says into sentences."""
        from ._support import sftp_session as protocol

        host = self._location["host"]
        try:
            yield
        except protocol.Broken as error:
            raise refusals.unreachable(host, broke_off=True) from error
        except protocol.Nonsense as error:
            raise refusals.refused("What answers there does not speak SFTP", "host", "port") from error
        except protocol.Short as error:
            raise refusals.altered(key) from error
        except protocol.Refusal as error:
            if error.code == protocol.NO_SUCH_FILE:
                raise refusals.missing(self._field, key) from error
            if error.code == protocol.PERMISSION_DENIED:
                raise refusals.forbidden(self._field, key, doing) from error
            raise refusals.refused(f"{error}, asked to {doing} {key!r}", self._field) from error


@dataclass
class _Upload:
    """A file on its way, as far as the server has it."""

    field: str
    file: BinaryIO
    size: int
    key: str
    temporary: str
    advance: Advance
    at: int = 0
    is_whole: bool = False
    """It may have been renamed, though nobody heard."""

    def go_on(self, session: Session) -> None:
        """Send what is left, then give the file its name."""
        from ._support.sftp_session import NO_SUCH_FILE, Refusal

        path, temporary = _sent(self.key), _sent(self.temporary)
        if self.is_whole:
            try:
                session.facts(temporary)
            except Refusal as error:
                if error.code == NO_SUCH_FILE:
                    return
                raise
        else:
            self._send(session, temporary)
        try:
            session.replace(temporary, path)
        except Refusal:
            if session.facts(path).is_folder:
                raise refusals.refused(f"{self.key!r} is a folder", self.field) from None
            raise

    def _send(self, session: Session, temporary: bytes) -> None:
        handle = self._opened(session, temporary)
        self.file.seek(self.at)
        session.write(handle, self.file, self._done)
        session.flush(handle)
        if session.told(handle).size not in {self.size, None}:
            raise refusals.altered(self.key)
        session.close(handle)
        self.is_whole = True

    def _done(self, size: int) -> None:
        self.at += size
        self.advance(size)

    def _opened(self, session: Session, temporary: bytes) -> bytes:
        from ._support.sftp_session import NEW, NO_SUCH_FILE, WRITE, Refusal

        if self.at:
            return session.opened(temporary, WRITE)
        try:
            return session.opened(temporary, NEW)
        except Refusal as error:
            if error.code != NO_SUCH_FILE:
                raise
        _make_folders(session, above(self.key))
        return session.opened(temporary, NEW)


def _make_folders(session: Session, folder: str) -> None:
    from ._support.sftp_session import Refusal

    parts = folder.split("/")
    for number in range(1, len(parts) + 1):
        path = _sent("/".join(parts[:number]))
        try:
            # Quicker than to ask first: there is seldom more than one to make.
            session.make_folder(path)
        except Refusal:
            if number < len(parts):
                continue
            with suppress(Refusal):
                if session.facts(path).is_folder:
                    return
            raise


def _sent(key: str) -> bytes:
    """Return a path as the server has it; relative ones begin where one logs in to."""
    path = key.removeprefix("~").lstrip("/") if key == "~" or key.startswith("~/") else key
    return path.encode(errors="surrogateescape") or b"."


OPERATIONS = transfers(
    "sftp",
    SFTP,
    called="an SFTP server",
    location=(
        Option(name="host", help="The server's name or address.", required=True, check=dialing.host),
        Option(name="port", help="Its port.", type="integer", default=22, minimum=1, maximum=65535),
        Option(
            name="username",
            help="Who logs in.",
            required=True,
            max_length=256,
            check=partial(dialing.plain, "username"),
        ),
        Option(name="password", help="The password; this or private_key must be given.", secret=True),
        Option(
            name="private_key",
            help="A private key to log in with: ed25519, ecdsa or rsa, in OpenSSH's format or PEM.",
            secret=True,
            max_length=ssh_keys.MAX_LENGTH,
        ),
        Option(name="passphrase", help="Opens an encrypted private_key.", secret=True, max_length=1024),
        Option(
            name="host_key",
            help=(
                "The public keys the server may have, as OpenSSH writes them, or their SHA256: fingerprints;"
                " several with commas or line breaks between. By default any key is taken."
            ),
            check=ssh_keys.pins,
            example="SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
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
    one_of=(("password", "private_key"),),
    is_folder=True,
)
