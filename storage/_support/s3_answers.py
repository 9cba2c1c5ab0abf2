"""What an S3 answers when it does not do what it is asked, in our words."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jobs.contract.errors import AthanorError, StorageUnreachable, TaskError

from . import refusals
from .strangers import is_baffled

CREDENTIALS = {
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "Unauthorized", "401"),
    *("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidClientTokenId"),
}
REGIONS = {
    *("PermanentRedirect", "TemporaryRedirect", "Redirect", "301", "302", "307", "308"),
    *("AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
}
LATER = {
    *(
        "SlowDown",
        "ServiceUnavailable",
        "InternalError",
        "RequestTimeout",
        "Throttling",
        "ThrottlingException",
    ),
    *("RequestLimitExceeded", "TooManyRequests", "OperationAborted", "IncompleteBody", "NoSuchUpload"),
}
ALTERED = {"BadDigest", "XAmzContentSHA256Mismatch", "PreconditionFailed", "InvalidRange", "412", "416"}
FIELDS = {
    "InvalidBucketName": "bucket",
    "InvalidObjectState": "key",
    "KeyTooLongError": "key",
    "AccessControlListNotSupported": "acl",
    "InvalidBucketAclWithObjectOwnership": "acl",
    "InvalidEncryptionAlgorithmError": "server_side_encryption",
    "InvalidTag": "tagging",
    "MetadataTooLarge": "metadata",
}
"""What to look at, where an answer's code says it."""


@dataclass(frozen=True)
class Asked:
    """What was asked of it, for the sentence that says that it was refused."""

    where: str
    """Its host."""
    bucket: str
    field: str
    value: str
    doing: str
    token: bool = False
    """Whether a session token is among the credentials."""


@contextmanager
def translated(asked: Asked) -> Iterator[None]:
    """Raise our own failures in place of those of the library.

    :raises StorageRefused: when it says no.
    :raises StorageUnreachable: when it says nothing, or to come again.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise answered(error.response, asked) from error
    except (BotoCoreError, ResponseParserError, HTTPError, KeyError, OSError) as error:
        if ours := next((each for each in _chain(error) if isinstance(each, AthanorError)), None):
            raise ours from None
        raise _failed(error, asked) from error
    except Exception as error:
        if not is_baffled(error):
            raise
        raise _stranger() from error


def answered(response: Mapping[str, Any], asked: Asked) -> TaskError:
    """Return what an answer means that is an error; of a HEAD there is only its status."""
    error, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = f"{error.get('Code', '')}", int(meta.get("HTTPStatusCode") or 0)
    if code in CREDENTIALS or status == 401:
        token = ("session_token",) if asked.token else ()
        return refusals.credentials("access_key_id", "secret_access_key", *token)
    if code in REGIONS:
        return _elsewhere(code, error, meta.get("HTTPHeaders", {}))
    if code in {"RequestTimeTooSkewed", "RequestExpired"}:
        return StorageUnreachable(f"The storage at {asked.where} has another time than this service: {code}.")
    if code in ALTERED:
        return refusals.altered(asked.value)
    if code in LATER or status in {408, 425, 429} or (status >= 500 and status != 501):
        return refusals.unreachable(asked.where)
    return _refused(code, status, error, asked)


def _refused(code: str, status: int, error: Mapping[str, Any], asked: Asked) -> TaskError:
    if code == "NoSuchBucket":
        return refusals.missing("bucket", asked.bucket)
    if code in {"NoSuchKey", "404"}:
        return refusals.missing(asked.field, asked.value)
    if code in {"AccessDenied", "AllAccessDisabled", "403"}:
        return refusals.forbidden(asked.field, asked.value, asked.doing)
    field = "server_side_encryption" if code.startswith("KMS") else FIELDS.get(code)
    # Its own words help where the code alone could mean anything.
    words = " ".join(f"{error.get('Message', '')}".split())
    return refusals.refused(
        f"{code or status}: {words}" if words and not field else code, *filter(None, [field])
    )


def _elsewhere(code: str, error: Mapping[str, Any], headers: Mapping[str, str]) -> TaskError:
    told = f"{error.get('Region') or headers.get('x-amz-bucket-region') or ''}"
    right = f", the region is {told}" if re.fullmatch(r"[A-Za-z0-9-]{1,63}", told) else ""
    return refusals.refused(f"{code}{right}", "region", *(() if right else ("endpoint",)))


def _failed(error: Exception, asked: Asked) -> TaskError:
    from botocore import exceptions, parsers
    from urllib3.exceptions import HTTPError

    if any(isinstance(each, ssl.SSLCertVerificationError) for each in _chain(error)):
        return refusals.refused(f"the certificate of {asked.where} is not valid", "endpoint")
    if isinstance(error, exceptions.ParamValidationError):
        return refusals.refused("it cannot be asked for this", "bucket", "key")
    if isinstance(error, parsers.ResponseParserError | KeyError):
        return _stranger()
    broke = (
        exceptions.ConnectionClosedError,
        exceptions.ReadTimeoutError,
        exceptions.ResponseStreamingError,
        exceptions.IncompleteReadError,
        HTTPError,
    )
    return refusals.unreachable(asked.where, broke_off=isinstance(error, broke))


def _stranger() -> TaskError:
    return refusals.refused("what answers is no S3", "endpoint")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
