"""Google Cloud Storage: objects of a bucket, as a service account."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jobs.contract import Option, OptionProblem, formats, urls
from jobs.contract.errors import TooMuchOutput
from jobs.contract.limits import OUTPUT_BYTES

from ._support import inflate, limits, refusals
from ._support.place import Advance, Item, Location, Trail
from ._support.transfers import transfers

if TYPE_CHECKING:
    from ._support.google_pieces import Incoming, Outgoing

SMALL = 256 * 1024
"""Bytes up to which an object goes in one request. What is larger goes in a session, and may go on in it."""
TRIES = 3
"""How often in a row a line may break without having carried anything."""
MOST_NAME = 1024
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")
_MADE, _INCOMPLETE, _GONE = {200, 201}, 308, {404, 410}
_PERMISSIONS = ["storage.objects.create", "storage.objects.get"]


class GoogleCloudStorage:
    """A bucket."""

    shared: ClassVar[bool] = True
    lanes: ClassVar[int] = 8

    def __init__(self, location: Location, trail: Trail) -> None:
        from ._support import google, google_failures, google_pieces

        del trail  # see tidy()
        self._failures, self._pieces = google_failures, google_pieces
        self._location = location
        self._name: str = location["bucket"]
        self._unpacked, self._unpacking = 0, threading.Lock()
        if not _BUCKET.fullmatch(self._name):
            raise refusals.missing("bucket", self._name)
        with self._failures.failures(location, "use"):
            self._session = google.signed_in(location)
            self._client = google.client(location, self._session)
            self._bucket = self._client.bucket(self._name)

    def check(self) -> None:
        """Return if the bucket is there and the account may do anything with its objects."""
        from google.api_core.exceptions import Forbidden

        with self._failures.failures(self._location, "use"):
            try:
                self._look()
            except Forbidden:
                # Who only writes cannot list.
                if not self._bucket.test_iam_permissions(_PERMISSIONS, retry=None):
                    raise

    def find(self, key: str) -> Item:
        """Return what lies under a key."""
        with self._failures.failures(self._location, "read"):
            found = self._bucket.get_blob(self._blob(key).name, retry=None)
            if found is None:
                raise self._missing(key)
            return self._item(found)

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield everything whose key begins with a prefix."""
        _look_at(prefix, "file_prefix")
        with self._failures.failures(self._location, "list"):
            listed = self._client.list_blobs(
                self._bucket,
                prefix=prefix,
                fields="items(name,size,generation,crc32c),nextPageToken",
                retry=None,
            )
            for page in limits.pages(listed.pages, "file_prefix"):
                for blob in page:
                    yield self._item(blob)

    def fetch(self, item: Item, target: Path, advance: Advance) -> None:
        """Write the bytes of an object's generation; what is kept packed for browsers is unpacked."""
        from google.api_core.exceptions import NotFound

        generation, _, checksum = item.version.partition(" ")
        blob = self._blob(item.key, int(generation))
        with target.open("xb") as file, self._failures.failures(self._location, "read"):
            incoming = self._pieces.Incoming(file, item, advance)
            try:
                self._receive(blob, incoming)
            except NotFound:
                # It was deleted, or overwritten.
                self.find(item.key)
                raise refusals.altered(item.key) from None
        if incoming.left or (checksum and incoming.crc32c != checksum):
            raise refusals.altered(item.key)
        if blob.content_encoding == "gzip" and not item.key.lower().endswith(inflate.PACKED):
            self._pieces.unpack(target, advance)
            self._limit(target)

    def store(self, source: Path, key: str, advance: Advance) -> None:
        """Put a file under a key; Google holds it against its checksum before anybody sees it."""
        blob, size = self._blob(key), source.stat().st_size
        for name in ("cache_control", "content_disposition", "metadata"):
            if (value := self._location[name]) is not None:
                setattr(blob, name, value)
        said = {
            "content_type": self._location["content_type"] or formats.mime_type(key),
            "predefined_acl": self._location["acl"],
            "checksum": None,
            "retry": None,
        }
        with source.open("rb") as file, self._failures.failures(self._location, "write to", key):
            checksum = blob.crc32c = self._pieces.checksum(file, advance)
            if size <= SMALL:
                blob.upload_from_file(file, size=size, **said)
                advance(size)
                made = blob.crc32c
            else:
                session = blob.create_resumable_upload_session(size=size, **said)
                made = self._send(session, self._pieces.Outgoing(file, size, advance)).get("crc32c")
            if made != checksum:
                raise refusals.altered(key)

    def tidy(self, loose_end: str) -> None:
        """Do nothing: a session that was left is seen by nobody, and Google ends it after a week.

        Its address is all that is needed to write to it, so it is not written down.
        """

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _blob(self, key: str, generation: int | None = None) -> Any:
        # Either of the two would lead to another address of the API.
        if key in {".", ".."}:
            raise _impossible("file")
        _look_at(key, "file")
        return self._bucket.blob(key, generation=generation)

    def _item(self, blob: Any) -> Item:
        if not blob.name or blob.size is None or blob.generation is None:
            raise self._failures.stranger()
        return Item(blob.name, blob.size, f"{blob.generation} {blob.crc32c or ''}")

    def _missing(self, key: str) -> Exception:
        from google.api_core.exceptions import Forbidden

        # The same answer tells of a missing bucket and of a missing object.
        with self._failures.failures(self._location, "list"), suppress(Forbidden):
            self._look()
        return refusals.missing("file", key)

    def _look(self) -> None:
        next(self._client.list_blobs(self._bucket, max_results=1, retry=None).pages, None)

    def _receive(self, blob: Any, incoming: Incoming) -> None:
        tries = 0
        while True:
            before = incoming.size
            try:
                # As it is stored: what is unpacked on the way has neither size nor checksum.
                blob.download_to_file(
                    incoming, start=before or None, raw_download=True, checksum=None, retry=None
                )
            except Exception as error:
                tries = 1 if incoming.size > before else tries + 1
                if tries >= TRIES or not self._failures.is_broken(error):
                    raise
                if incoming.left:
                    continue
            return

    def _send(self, session: str, outgoing: Outgoing) -> dict[str, Any]:
        try:
            return self._sent(session, outgoing)
        except BaseException:
            with suppress(Exception):
                self._session.delete(session)
            raise

    def _sent(self, session: str, outgoing: Outgoing) -> dict[str, Any]:
        from google.api_core.exceptions import from_http_response

        tries = 0
        while tries < TRIES:
            answer = self._put(session, outgoing)
            if answer.status_code in _MADE:
                made = answer.json()
                return made if isinstance(made, dict) else {}
            if answer.status_code in _GONE:
                break
            if answer.status_code != _INCOMPLETE:
                raise from_http_response(answer)
            tries = 0 if outgoing.go_on(answer.headers.get("Range", "")) else tries + 1
        raise self._failures.broken(self._location)

    def _put(self, session: str, outgoing: Outgoing) -> Any:
        """Send the rest and return the answer; if the line breaks, the answer to how much has arrived."""
        try:
            return self._session.put(session, data=outgoing, headers={"Content-Range": outgoing.range})
        except Exception as error:
            if not self._failures.is_broken(error):
                raise
        return self._session.put(session, headers={"Content-Range": f"bytes */{outgoing.size}"})

    def _limit(self, target: Path) -> None:
        """Hold what was unpacked to what a task may bring; what is packed has been looked at before."""
        with self._unpacking:
            self._unpacked += target.stat().st_size
            if self._unpacked > OUTPUT_BYTES:
                raise TooMuchOutput


def _look_at(key: str, field: str) -> None:
    try:
        is_possible = len(key.encode()) <= MOST_NAME
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise _impossible(field)


def _impossible(field: str) -> Exception:
    return refusals.refused("there can be no object with such a name", field)


def _url(name: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            return f"{urls.parse(text.strip())}"
        except urls.InvalidURL:
            raise OptionProblem(f"The {name} format is invalid.") from None

    return check


OPERATIONS = transfers(
    "google-cloud-storage",
    GoogleCloudStorage,
    has_identity=True,
    called="Google Cloud Storage",
    one=Option(name="file", help="The object's name.", example="reports/2026.pdf"),
    many=Option(name="file_prefix", help="How the objects' names begin."),
    location=(
        Option(name="project_id", help="The project the bucket belongs to.", required=True, credential=True),
        Option(name="bucket", help="The bucket's name.", required=True, inside=True),
        Option(
            name="client_email", help="The service account's e-mail address.", required=True, credential=True
        ),
        Option(
            name="private_key",
            help="The service account's key with its BEGIN and END lines, or the whole JSON file it came in.",
            required=True,
            secret=True,
        ),
        Option(
            name="endpoint",
            help="Another address of the API, such as that of a private access to it.",
            check=_url("endpoint"),
            example="https://storage.europe-west3.rep.googleapis.com",
        ),
        Option(name="token_uri", help="Where tokens are got instead of Google's.", check=_url("token_uri")),
    ),
    export=(
        Option(
            name="content_type",
            help="The MIME type; by default that of the object's name.",
            pattern=r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?",
            example="application/pdf",
            max_length=255,
        ),
        Option(name="cache_control", help="For how long it may be kept by whoever reads it over the web."),
        Option(name="content_disposition", help="What browsers do with it, such as attachment."),
        Option(name="metadata", type="dictionary", help="Words of your own to keep with the object."),
        Option(
            name="acl",
            type="enum",
            help="Who may read it, where the bucket leaves that to its objects.",
            values=(
                "private",
                "publicRead",
                "authenticatedRead",
                "projectPrivate",
                "bucketOwnerRead",
                "bucketOwnerFullControl",
            ),
        ),
    ),
)
