"""gcp-storage-emulator with what Google has and it lacks: it asks who is there, and keeps to a generation.

It runs in the servers' own environment: ``gcs_server.py PORT PUBLIC_KEY BUCKET``.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import secrets
import sys
import threading
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from functools import partialmethod
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from gcp_storage_emulator import server
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.storage import Storage

AUDIENCE = "https://oauth2.googleapis.com/token"
ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ALL = {f"storage.objects.{each}" for each in ("get", "list", "create", "delete")}
ACCOUNTS = {
    "athanor": ALL,
    "reader": {"storage.objects.get", "storage.objects.list"},
    "creator": {"storage.objects.create"},
    "nobody": set[str](),
}
QUANTUM = 256 * 1024
"""What is kept of an upload that breaks off is a multiple of this."""
TOKENS: dict[str, set[str]] = {}
"""What the bearer of each may do."""
BUSY: dict[str, threading.Lock] = defaultdict(threading.Lock)
"""Held while a session's request is served."""
ENDED: dict[str, dict[str, Any]] = {}
"""The objects that sessions have made: who asks again is told again."""
HELD: dict[str, str] = {}
"""Why an object may not be replaced: a hold, a retention policy."""
Handle = Callable[[Any, Any, Any], None]


class Files(Storage):  # type: ignore[misc]
    """Keeps objects under names of its own: any key will do, and ``/a`` is not ``a``."""

    def _object_path(self, bucket_name: str, file_name: str) -> str:
        return f"{bucket_name}/{hashlib.sha256(file_name.encode()).hexdigest()}"

    def _write_config_to_file(self) -> None:
        # Everything is in memory, and it would be written for every object.
        pass

    def _list_live_candidates(self, bucket_name: str, prefix: str | None = None) -> list[tuple[str, Any]]:
        # Others write meanwhile.
        files = list(self.objects.get(bucket_name, {}).items())
        return [(name, file) for name, file in files if name.startswith(prefix or "")]

    def delete_file(self, bucket_name: str, file_name: str) -> None:
        """Delete an object for good, and not for seven days only."""
        self._hard_delete_file(bucket_name, file_name)


class Door(server.RequestHandler):  # type: ignore[misc]
    """Lets in who has a token, and hands on whole requests."""

    protocol_version = "HTTP/1.1"
    public_key: rsa.RSAPublicKey
    rfile: Any

    def handle_one_request(self) -> None:
        """Serve one request of a connection; what breaks it, ends it."""
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def serve(self, method: str) -> None:
        """Answer a request; those of one session one after the other."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        session = query.get("upload_id", [""])[0]
        with BUSY[session] if session else nullcontext():
            self._serve(method, query)

    def _serve(self, method: str, query: dict[str, list[str]]) -> None:
        url = urllib.parse.urlsplit(self.path)
        self.wanted = int(self.headers.get("Content-Length") or 0)
        body = self._body()
        if method == "POST" and url.path == "/token":
            self._answer(*signed_in(urllib.parse.parse_qs(body.decode()), self.public_key))
            return
        if self.wanted > len(body):
            # The line broke off; what has come is kept.
            body = body[: len(body) - len(body) % QUANTUM]
            if "upload_id" not in query:
                return
        allowed = TOKENS.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if objection := objecting(method, url.path, query, body, allowed):
            self._answer(*objection)
            return
        if url.path.endswith("/iam/testPermissions"):
            asked = query.get("permissions", [])
            self._answer(200, {"permissions": [each for each in asked if each in (allowed or ())]})
            return
        connection, self.rfile = self.rfile, io.BytesIO(body)
        self.headers.replace_header("Content-Length", f"{len(body)}") if self.wanted else None
        try:
            server.Router(self).handle(method)
        finally:
            self.rfile = connection

    def _body(self) -> bytes:
        body = bytearray()
        try:
            while len(body) < self.wanted:
                piece = self.rfile.read1(min(1 << 20, self.wanted - len(body)))
                if not piece:
                    break
                body += piece
        except OSError:
            pass
        self.close_connection = self.close_connection or len(body) < self.wanted
        return bytes(body)

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", f"{len(data)}")
        self.end_headers()
        self.wfile.write(data)


for way in ("GET", "POST", "PUT", "DELETE"):
    setattr(Door, f"do_{way}", partialmethod(Door.serve, way))


def signed_in(form: dict[str, list[str]], key: rsa.RSAPublicKey) -> tuple[int, dict[str, Any]]:
    """Return the answer to an assertion: a token, if the account's key has signed it and it is fresh."""
    if form.get("grant_type") != [ASSERTION]:
        return 400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"}
    try:
        head, payload, signature = form["assertion"][0].split(".")
        header, claims = (json.loads(_decoded(each)) for each in (head, payload))
        key.verify(_decoded(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError, KeyError):
        return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    now, name = time.time(), claims["iss"].partition("@")[0]
    if name not in ACCOUNTS:
        return 400, {"error": "invalid_grant", "error_description": "Invalid grant: account not found"}
    fresh = claims["iat"] - 10 <= now < claims["exp"] <= claims["iat"] + 3600
    if header["alg"] != "RS256" or claims["aud"] != AUDIENCE or not fresh or not claims.get("scope"):
        return 400, {"error": "invalid_grant", "error_description": "Invalid JWT."}
    token = f"ya29.{secrets.token_urlsafe(32)}"
    TOKENS[token] = ACCOUNTS[name]
    return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}


def objecting(
    method: str, path: str, query: dict[str, list[str]], body: bytes, allowed: set[str] | None
) -> tuple[int, dict[str, Any]] | None:
    """Return why a request is refused, in Google's words, or None."""
    _, _, rest = path.partition("/b/")
    bucket, _, tail = rest.partition("/")
    if "upload_id" in query or path.startswith("/test/"):
        # A session's address is all that is needed to send to it.
        return None
    if allowed is None:
        return _error(401, "authError", "Invalid Credentials")
    if tail.startswith("iam/"):
        return None
    return _forbidding(method, bucket, tail, _key_of(query, body) if method == "POST" else "", allowed)


def _forbidding(
    method: str, bucket: str, tail: str, key: str, allowed: set[str]
) -> tuple[int, dict[str, Any]] | None:
    wanted = {"POST": "create", "DELETE": "delete"}.get(method, "list" if tail == "o" else "get")
    if wanted == "create" and "storage.objects.create" in allowed and key in FILES.objects.get(bucket, {}):
        wanted = "delete"
    if f"storage.objects.{wanted}" not in allowed:
        return _error(
            403,
            "forbidden",
            f"somebody@project.iam.gserviceaccount.com does not have storage.objects.{wanted} access to the"
            f" Google Cloud Storage object. Permission 'storage.objects.{wanted}' denied on resource"
            " (or it may not exist).",
        )
    if key in HELD:
        return _error(403, HELD[key], f"Object '{bucket}/{key}' is subject to a retention policy or a hold")
    if bucket not in FILES.buckets:
        return _error(404, "notFound", "The specified bucket does not exist.")
    return None


def _key_of(query: dict[str, list[str]], body: bytes) -> str:
    if query.get("uploadType") == ["resumable"]:
        return f"{json.loads(body)['name']}"
    found = body.partition(b"\r\n\r\n")[2].partition(b"\r\n")[0]
    # A copy is asked for without a body.
    return f"{json.loads(found).get('name')}" if found else ""


def _error(code: int, reason: str, message: str) -> tuple[int, dict[str, Any]]:
    each = {"domain": "global", "reason": reason, "message": message}
    return code, {"error": {"code": code, "message": message, "errors": [each]}}


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def of_its_generation(handle: Handle) -> Handle:
    """Make a handler say that a generation asked for is not there any more."""

    def checked(request: Any, response: Any, storage: Any) -> None:
        asked = request.query.get("generation")
        file = storage.objects.get(request.params["bucket_name"], {}).get(request.params["object_id"])
        if file is None or (asked and asked != [file["generation"]]):
            response.status = HTTPStatus.NOT_FOUND
            response.json(_error(404, "notFound", f"No such object: {request.params['object_id']}")[1])
            return
        handle(request, response, storage)

    return checked


def download(request: Any, response: Any, storage: Any) -> None:
    """Send an object; one kept packed is unpacked for who does not take it packed."""
    objects.download(request, response, storage)
    file = storage.get_file_obj(request.params["bucket_name"], request.params["object_id"])
    if file.get("contentEncoding") == "gzip":
        response["X-Goog-Stored-Content-Encoding"] = "gzip"
        if "gzip" in request.get_header("Accept-Encoding", ""):
            response["Content-Encoding"] = "gzip"
        else:
            response.status = HTTPStatus.OK
            response.write_file(gzip.decompress(storage.get_file(file["bucket"], file["name"])))


def send(request: Any, response: Any, storage: Any) -> None:
    """Take a piece of a session's upload, or tell how far it is."""
    session = request.query["upload_id"][0]
    if session in ENDED:
        response.json(ENDED[session])
        return
    try:
        pending = storage.get_resumable_file_obj(session)
    except NotFound:
        response.status = HTTPStatus.GONE
        return
    objects.upload_partial(request, response, storage)
    if response.status == HTTPStatus.OK:
        ENDED[session] = pending
    elif not storage.get_resumable_byte_count(session):
        # The emulator would say that a byte has come.
        response._headers.pop("Range", None)  # noqa: SLF001


def cancel(request: Any, response: Any, storage: Any) -> None:
    """End a session."""
    try:
        storage.delete_resumable_file_obj(request.query["upload_id"][0])
        response.status = _Ended.CLIENT_CLOSED
    except NotFound:
        response.status = HTTPStatus.GONE


class _Ended:
    class CLIENT_CLOSED:  # noqa: N801
        value, phrase = 499, "Client Closed Request"


def sessions(_request: Any, response: Any, storage: Any) -> None:
    """Tell, to tests, which objects have a session open."""
    response.json([file["name"] for file in storage.resumable.values()])


def hold(request: Any, response: Any, _storage: Any) -> None:
    """Have an object kept from now on, for tests."""
    HELD[request.query["key"][0]] = request.query["reason"][0]
    response.json({})


BUCKET, OBJECT = r"/b/(?P<bucket_name>[-.\w]+)/o", r"/(?P<object_id>.*[^/]+)"
TARGET = r"/b/(?P<dest_bucket_name>[-.\w]+)/o/(?P<dest_object_id>.*[^/]+)"
ROUTES: tuple[tuple[str, dict[str, Handle]], ...] = (
    (rf"^/storage/v1{BUCKET}{OBJECT}/rewriteTo{TARGET}$", {"POST": objects.rewrite}),
    (rf"^/download/storage/v1{BUCKET}{OBJECT}$", {"GET": of_its_generation(download)}),
    (
        rf"^/storage/v1{BUCKET}{OBJECT}$",
        {"GET": of_its_generation(objects.get), "DELETE": of_its_generation(objects.delete)},
    ),
    (rf"^/upload/storage/v1{BUCKET}$", {"POST": objects.insert, "PUT": send, "DELETE": cancel}),
    (r"^/test/sessions$", {"GET": sessions}),
    (r"^/test/hold$", {"POST": hold}),
)
FILES = Files(use_memory_fs=True)


def main(port: str, public_key: str, bucket: str) -> None:
    """Serve until killed."""
    key = load_pem_public_key(Path(public_key).read_bytes())
    assert isinstance(key, rsa.RSAPublicKey)
    Door.public_key = key
    server.HANDLERS = (*ROUTES, *server.HANDLERS)
    buckets.create_bucket(bucket, FILES)
    listener = ThreadingHTTPServer(("127.0.0.1", int(port)), lambda *args: Door(FILES, *args))
    listener.daemon_threads = True
    listener.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
