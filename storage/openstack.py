"""import/openstack, export/openstack: OpenStack Swift, by Keystone v3 and v2 or by Swift's own v1."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from jobs.contract import Option, OptionProblem, urls
from jobs.contract.errors import AthanorError, StorageRefused, StorageUnreachable

from ._support import limits, refusals
from ._support import openstack_identity as identity
from ._support import openstack_segments as segments
from ._support.lanes import LARGE
from ._support.openstack_streams import Download, Portion, version
from ._support.place import Advance, Item, Location, Trail
from ._support.transfers import transfers

if TYPE_CHECKING:
    from ._support.openstack_wire import Line

PAGE = 1000
FOLDER = "application/directory"


class Swift:
    """A container. A file goes in one request, or in segments when it is larger than Swift takes."""

    shared: ClassVar[bool] = True
    lanes: ClassVar[int] = 8

    def __init__(self, location: Location, trail: Trail) -> None:
        """Log in."""
        self._location, self._trail = location, trail
        self._container: str = location["container"]
        self._entering = threading.Lock()
        self._entry = identity.enter(location)
        self._idle: list[Line] = []
        self._known: segments.Bounds | None = None

    def check(self) -> None:
        """Return if the container is there.

        :raises StorageRefused: when it is not, or we may not look into it.
        """
        from swiftclient import client

        self._ask(client.head_container, self._container)

    def find(self, key: str) -> Item:
        """Return what lies under a key.

        :raises StorageRefused: when nothing does.
        """
        from swiftclient import client

        headers = self._ask(client.head_object, self._container, key)
        length = headers.get("content-length", "")
        return Item(key, int(length) if re.fullmatch(r"\d{1,19}", length) else 0, version(headers))

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield the objects whose names begin so, without those that stand for folders and our segments."""
        for entry in self._listed(self._container, prefix):
            key, size, kind = entry["name"], entry["bytes"], entry.get("content_type")
            hidden = key.startswith(segments.HIDDEN) and not prefix.startswith(segments.HIDDEN)
            if not hidden and (size or kind != FOLDER):
                yield Item(key, size, f"{entry.get('slo_etag') or entry.get('hash') or ''}".strip('"'))

    def fetch(self, item: Item, target: Path, advance: Advance) -> None:
        """Write an object to a new file. When the connection breaks off, it goes on from there by another.

        :raises StorageUnreachable: when it is not the item any more, or not what Swift meant to send.
        """
        with target.open("xb") as file:
            download = Download(item, file.write, advance)
            while not download.is_whole:
                before = download.size
                try:
                    self._ask(download, self._container, item.key)
                except StorageUnreachable:
                    if download.size == before:
                        raise
        download.compare()

    def store(self, source: Path, key: str, advance: Advance) -> None:
        """Put a file under a key. What it replaces goes, with the segments that were its own."""
        size = source.stat().st_size
        replaced = self._segments_of(key)
        if size < LARGE or size <= self._bounds.file_bytes:
            self._put((self._container, key), Portion(source, 0, size), advance)
        else:
            self._put_in_segments(source, key, advance)
        # The file is there, whatever becomes of these.
        with suppress(AthanorError):
            self._delete(replaced)

    def tidy(self, loose_end: str) -> None:
        """Delete the segments of an attempt that died, unless it had come to its end."""
        container, first, second, key = loose_end.split("/", 3)
        prefix = f"{first}/{second}/"
        if any(name.startswith(prefix) for _, name in self._segments_of(key)):
            return
        with suppress(StorageRefused):
            self._delete([(container, entry["name"]) for entry in self._listed(container, prefix)])

    def close(self) -> None:
        """Hang up."""
        while self._idle:
            self._idle.pop().close()

    # --- Large objects

    def _put_in_segments(self, source: Path, key: str, advance: Advance) -> None:
        from swiftclient import client

        portions = [Portion(source, *each) for each in segments.cut(source.stat().st_size, self._bounds)]
        container, prefix = self._segments_place()
        names = [(container, f"{prefix}/{number:08}") for number in range(len(portions))]
        self._trail.begun(f"{container}/{prefix}/{key}")
        try:
            etags = segments.side_by_side(
                lambda number, moved: self._put(names[number], portions[number], moved), len(names), advance
            )
            self._ask(
                client.put_object,
                *(self._container, key),
                contents=segments.manifest(names, [portion.size for portion in portions], etags),
                query_string="multipart-manifest=put",
                doing="write to",
            )
        except BaseException:
            with suppress(AthanorError):
                self._delete(names)
            raise

    def _segments_place(self) -> tuple[str, str]:
        """Return the container for segments, made if need be, and how the names of new ones begin."""
        from swiftclient import client

        container, prefix = segments.place(self._container)
        headers = self._ask(client.head_container, self._container, doing="write to")
        policy = {name: headers[name] for name in ("x-storage-policy",) if name in headers}
        try:
            if self._ask(client.head_container, container, quiet=(404,)) is None:
                self._ask(client.put_container, container, headers=policy)
        except StorageRefused:
            # Whose credentials reach one container only.
            return self._container, segments.hidden()
        return container, prefix

    def _segments_of(self, key: str) -> list[tuple[str, str]]:
        """Return the container and name of each segment that the object under a key has to itself."""
        from swiftclient import client

        headers = self._ask(client.head_object, self._container, key, quiet=(403, 404)) or {}
        if "x-static-large-object" not in headers:
            return []
        _, text = self._ask(client.get_object, self._container, key, query_string="multipart-manifest=get")
        return segments.of_manifest(text, self._container)

    def _delete(self, names: Sequence[tuple[str, str]]) -> None:
        from swiftclient import client

        segments.side_by_side(
            lambda number, _moved: self._ask(client.delete_object, *names[number], quiet=(404,)), len(names)
        )

    @property
    def _bounds(self) -> segments.Bounds:
        from swiftclient import client

        def ask(url: str, _token: str, *, http_conn: Any) -> Any:
            about = re.sub(r"/v\d+(\.\d+)?(/.*)?$", "/info", url)
            return client.get_capabilities((urlsplit(about), http_conn[1]))

        if not self._known:
            try:
                self._known = segments.bounds(self._ask(ask))
            except (StorageRefused, ValueError):
                self._known = segments.Bounds()
        return self._known

    # --- Requests

    def _put(self, name: tuple[str, str], portion: Portion, advance: Advance) -> str:
        """Put a part of a file and return its MD5, which is what Swift says to have got."""
        from swiftclient import client

        def put(*where: Any, http_conn: Any) -> str:
            with portion.opened(advance) as body:
                # A body of no bytes would be sent in chunks.
                sent = {"contents": body if portion.size else b"", "content_length": portion.size}
                try:
                    told = client.put_object(*where, **sent, http_conn=http_conn)
                except client.ClientException:
                    body.take_back()
                    raise
                if told and told != body.digest.hexdigest():
                    raise refusals.altered(name[1])
                return body.digest.hexdigest()

        etag: str = self._ask(put, *name, doing="write to")
        return etag

    def _listed(self, container: str, prefix: str) -> Iterator[dict[str, Any]]:
        for page in limits.pages(self._pages(container, prefix), "file_prefix"):
            yield from page

    def _pages(self, container: str, prefix: str) -> Iterator[list[dict[str, Any]]]:
        from swiftclient import client

        plain = {"Accept-Encoding": "identity"}
        marker = ""
        while True:
            page: dict[str, Any] = {"prefix": prefix, "marker": marker, "limit": PAGE, "headers": plain}
            try:
                _, entries = self._ask(client.get_container, container, **page)
                is_list = all(isinstance(each["name"], str) and each["bytes"] >= 0 for each in entries)
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                raise _unreadable() from error
            if not is_list:
                raise _unreadable()
            if not entries:
                return
            yield entries
            marker = entries[-1]["name"]

    def _ask(
        self,
        request: Callable[..., Any],
        *where: str,
        doing: str = "read",
        quiet: Sequence[int] = (),
        **more: Any,
    ) -> Any:
        """Send a request of the SDK; once more with a new token when Swift no longer takes the one there is.

        :param where: the container, and the object if it is about one.
        :param quiet: statuses to return None for.
        """
        from swiftclient.client import ClientException

        for is_last in (False, True):
            entry = self._entered()
            try:
                with self._line(entry) as line:
                    return request(f"{entry.storage}", entry.token, *where, http_conn=line, **more)
            except ClientException as error:
                status = error.http_status or 0
                if status in quiet:
                    return None
                if status != 401 or is_last:
                    raise self._refusal(status, where, doing) from error
                self._enter_again(entry)
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _line(self, entry: identity.Entry) -> Iterator[tuple[Any, Line]]:
        from ._support.openstack_wire import Line, unbroken

        url = f"{entry.storage}"
        try:
            line = self._idle.pop()
        except IndexError:
            line = Line(url)
        try:
            with unbroken(entry.storage.host):
                yield line.parsed_url, line
        except BaseException:
            # There may be more of an answer on it.
            line.close()
            raise
        self._idle.append(line)

    def _entered(self) -> identity.Entry:
        entry = self._entry
        return self._enter_again(entry) if entry.is_stale else entry

    def _enter_again(self, old: identity.Entry) -> identity.Entry:
        with self._entering:
            if self._entry is old:
                self._entry = identity.enter(self._location)
            return self._entry

    def _refusal(self, status: int, where: Sequence[str], doing: str) -> AthanorError:
        from ._support import openstack_wire as wire

        host = self._entry.storage.host
        if wire.is_temporary(status):
            return wire.busy(host, status)
        if status in {412, 416, 422} and where:
            return refusals.altered(where[-1])
        if status == 404 and where:
            return self._missing(*where)
        known = {
            401: refusals.credentials("username", "password"),
            403: refusals.forbidden("container", self._container, doing),
        }
        return known.get(status) or refusals.refused(f"it answered {status}", "container")

    def _missing(self, container: str, key: str = "") -> StorageRefused:
        if key:
            # It may be the container that is not there.
            self.check()
        return refusals.missing("file", key) if key else refusals.missing("container", container)


def _unreadable() -> StorageRefused:
    return refusals.refused("its list of objects cannot be read", "auth_url")


def _auth_url(text: str) -> str:
    text = text.strip()
    text = text if "://" in text else f"https://{text}"
    try:
        target = urls.parse(text).target
    except urls.InvalidURL:
        target = "?"
    if "?" in target:
        raise OptionProblem(
            "The auth_url must be an http or https URL, such as https://keystone.example.com:5000."
        )
    return text


OPERATIONS = transfers(
    "openstack",
    Swift,
    called="OpenStack Swift",
    location=(
        Option(
            name="auth_url",
            required=True,
            check=_auth_url,
            help="The identity service: with its version (/v3, /v2.0, /auth/v1.0), or the newest is used.",
        ),
        Option(name="username", required=True, help="The user; with v1 as account:user."),
        Option(name="password", required=True, secret=True, help="The user's password, or key."),
        Option(name="region", required=True, help="The region whose object storage is meant; v1 has none."),
        Option(
            name="container",
            required=True,
            inside=True,
            pattern="[^/]+",
            example="my-container",
            help="The container, which must exist.",
        ),
        Option(
            name="project",
            help="The user's project, by name. Without one: the user's default, or the only one there is.",
        ),
        Option(name="project_id", help="The project by its id, in place of its name."),
        Option(name="tenant_name", help="What older clouds call the project."),
        Option(name="user_domain", help="The name of the user's domain; by default the cloud's default one."),
        Option(name="project_domain", help="The name of the project's domain; by default the default one."),
        Option(
            name="auth_version",
            type="enum",
            values=("3", "2", "1"),
            aliases={"3.0": "3", "v3": "3", "2.0": "2", "v2": "2", "v2.0": "2", "1.0": "1", "v1": "1"},
            help="The version of the identity service, where the auth_url does not say and v3 is not meant.",
        ),
    ),
    one=Option(name="file", help="The name of the object to fetch."),
    many=Option(name="file_prefix", help="Fetch all objects whose names begin so, with their folders."),
)
