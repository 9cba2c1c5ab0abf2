"""Google's SDK by itself: with nothing of the environment, no proxy, and no thread of its own."""

from __future__ import annotations

import functools
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import google.auth
import requests
from google.auth import credentials, crypt, jwt
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud.storage import Client
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from jobs.contract import outbound
from jobs.contract.errors import StorageRefused

from . import refusals
from .door import CONNECT_SECONDS, IDLE_SECONDS
from .limits import CHUNK
from .place import Location

STORAGE = "https://storage.googleapis.com"
TOKENS = "https://oauth2.googleapis.com/token"
MOST_SECONDS = 3600
"""How long a token lives at most, whatever is said of it."""
MOST_ANSWER = 8 * 1024 * 1024
"""Bytes of a page of a listing: a thousand names of a kilobyte, which JSON may write six times as long."""
MOST_WORDS = 256 * 1024
"""Bytes of any other answer that is not an object's content."""
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_READ_WRITE = "https://www.googleapis.com/auth/devstorage.read_write"
_FULL_CONTROL = "https://www.googleapis.com/auth/devstorage.full_control"
_Session = TypeVar("_Session", bound=requests.Session)
_LATER = {408, 429, 500, 502, 503, 504}


class Account(credentials.Credentials):
    """A service account: what it has signed is exchanged for a token (RFC 7523).

    google-auth's own would ask again, up to three times and sleeping in between, and look up in a thread
    of its own, at Google wherever the endpoint is, which regions the account is for.
    """

    def __init__(self, email: str, signer: crypt.Signer, token_uri: str, scope: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._email, self._signer, self._token_uri, self._scope = email, signer, token_uri, scope

    def refresh(self, request: Callable[..., Any]) -> None:
        """Get a new token.

        :raises RefreshError: when the account is not accepted.
        """
        now = int(time.time())
        # The audience is Google's by name, wherever the door to it stands.
        claims = {"iss": self._email, "aud": TOKENS, "scope": self._scope, "iat": now, "exp": now + 3600}
        form = {"grant_type": _GRANT, "assertion": jwt.encode(self._signer, claims)}
        answer = request(
            self._token_uri,
            method="POST",
            body=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        try:
            told = json.loads(answer.data)
        except ValueError:
            told = None
        token = told.get("access_token") if isinstance(told, dict) else None
        if answer.status != 200 or not isinstance(token, str):
            later = answer.status in _LATER
            raise RefreshError(f"The token endpoint answered {answer.status}.", told, retryable=later)
        self.token = token
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=_lifetime(told))


class Door(HTTPAdapter):
    """Lets requests out: each host is looked up by our rule first, and no answer is larger than it may be."""

    def __init__(self) -> None:
        self._known: set[tuple[str, int]] = set()
        # One quick try more: what is posted twice comes to the same. The rest is the service's.
        again = Retry(
            total=1,
            redirect=0,
            other=0,
            status_forcelist=_LATER,
            allowed_methods={"GET", "POST"},
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        super().__init__(pool_maxsize=16, max_retries=again)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Trust whom the system trusts, so that an operator can add a private authority."""
        super().init_poolmanager(*args, ssl_context=_tls(), **kwargs)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send a request, with our time limits in place of the caller's.

        :raises AddressRefused: when it is for an address that we do not connect to.
        """
        del timeout, cert, proxies
        url = urlsplit(f"{request.url}")
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        if (host, port) not in self._known:
            try:
                outbound.resolve(host, port)
            except OSError as error:
                raise requests.ConnectionError(error, request=request) from error
            self._known.add((host, port))
        answer = super().send(request, stream=True, timeout=(CONNECT_SECONDS, IDLE_SECONDS), verify=verify)
        if not stream or answer.status_code >= 400:
            most = MOST_ANSWER if request.method == "GET" and answer.status_code < 400 else MOST_WORDS
            answer._content = b"".join(_at_most(most, answer.iter_content(CHUNK)))  # noqa: SLF001
        return answer


def signed_in(location: Location) -> AuthorizedSession:
    """Return a session that asks as the location's service account, or as this machine where it may.

    Several threads may use it.

    :raises StorageRefused: when the key is none, or the machine's would be shown to others than Google.
    :raises RefreshError: when the account is not accepted.
    """
    asking = _plain(requests.Session())
    ask: Any = Request(asking)
    if location.get("workload_identity"):
        # Who has a token needs nothing else.
        if not _is_googles(endpoint(location)):
            raise refusals.refused("the machine's own credentials are shown to Google only", "endpoint")
        ask = functools.partial(_trusted, ask)
        with outbound.trusted():
            account, _ = google.auth.default(scopes=[_scope(location)], request=ask)
    else:
        _mount(asking)
        account = _account(location)
    account.refresh(ask)
    # Whoever is sent away with a fresh token is sent away with the next one.
    return _mount(_plain(AuthorizedSession(account, refresh_status_codes=(), auth_request=ask)))


def client(location: Location, session: AuthorizedSession) -> Client:
    """Return the SDK's client on a session."""
    # It asks nobody but the metadata server, where that is who vouches for this machine.
    with outbound.trusted():
        made = Client(
            # No call of ours asks for a project; without one it would be looked for in the environment.
            project=location["project_id"] or "none",
            credentials=session.credentials,
            _http=session,
            client_options={"api_endpoint": endpoint(location)},
        )
    # GOOGLE_API_USE_MTLS_ENDPOINT=always would have another one taken.
    made._connection.API_BASE_MTLS_URL = endpoint(location)  # noqa: SLF001
    # A thread would ask about the bucket, for traces that nobody takes.
    made._bucket_metadata_cache = None  # noqa: SLF001
    return made


def endpoint(location: Location) -> str:
    """Return where the API is."""
    return f"{location['endpoint'] or STORAGE}".rstrip("/")


def _account(location: Location) -> Account:
    given: str = (location["private_key"] or "").strip()
    told: Mapping[str, Any] = {}
    try:
        if given.startswith("{"):
            told = json.loads(given)
            given = told["private_key"]
        # Clients send the key as it stands in its JSON file.
        signer = crypt.RSASigner.from_string(given.replace("\\n", "\n"), told.get("private_key_id"))
        signer.sign(b"")
    except (ValueError, TypeError, KeyError, AttributeError):
        # Without what it was read from, which is the secret.
        raise StorageRefused(
            "The private_key is not the key of a service account."
            " Give the whole of it, with its BEGIN and END lines, or the JSON file it came in."
        ) from None
    email = told.get("client_email") or location["client_email"] or ""
    return Account(f"{email}", signer, location["token_uri"] or TOKENS, _scope(location))


def _scope(location: Location) -> str:
    return _FULL_CONTROL if location.get("acl") else _READ_WRITE


def _is_googles(url: str) -> bool:
    there = urlsplit(url)
    return there.scheme == "https" and f"{there.hostname}".endswith(".googleapis.com")


def _lifetime(told: Mapping[str, Any]) -> float:
    try:
        return max(0.0, min(float(told["expires_in"]), MOST_SECONDS))
    except (KeyError, TypeError, ValueError):
        return MOST_SECONDS


def _trusted(ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    # Who gives this machine its identity is for the operator to say.
    with outbound.trusted():
        return ask(*args, **kwargs)


def _plain(session: _Session) -> _Session:
    session.trust_env = False
    # The API redirects nowhere; a token goes where it was meant to.
    session.max_redirects = 0
    return session


def _mount(session: _Session) -> _Session:
    for scheme in ("https://", "http://"):
        session.mount(scheme, Door())
    return session


def _at_most(most: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    left = most
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise requests.exceptions.InvalidJSONError("The answer is longer than any there is.")
        yield piece


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
