"""What S3's answers mean: whose turn it is, and which field to look at."""

from __future__ import annotations

import ssl

import pytest
from botocore import exceptions, parsers

from jobs.contract.errors import AddressRefused, AthanorError, Stopped, StorageRefused, StorageUnreachable
from storage._support.s3_answers import Asked, answered, translated

READING = Asked("s3.example.com", "pail", "key", "a/b.txt", "read")


def answer(code, status=400, headers=(), **error):
    return {
        "Error": {"Code": code, **error},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": dict(headers)},
    }


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (answer("InvalidAccessKeyId", 403), ["access_key_id", "secret_access_key"]),
        (answer("SignatureDoesNotMatch", 403), ["access_key_id", "secret_access_key"]),
        (answer("401", 401), ["access_key_id"]),
        (answer("AccessDenied", 403), ["not allowed to read 'a/b.txt'", "key"]),
        (answer("403", 403), ["not allowed to read 'a/b.txt'", "key"]),
        (answer("NoSuchBucket", 404), ["'pail'", "bucket"]),
        (answer("NoSuchKey", 404), ["'a/b.txt'", "key"]),
        (answer("404", 404), ["'a/b.txt'", "key"]),
        (
            answer("AuthorizationHeaderMalformed", Region="eu-west-1"),
            ["region is eu-west-1", "Check region."],
        ),
        (answer("PermanentRedirect", 301, {"x-amz-bucket-region": "eu-west-3"}), ["region is eu-west-3"]),
        (answer("301", 301), ["Check region and endpoint."]),
        (answer("301", 301, {"x-amz-bucket-region": "<b>x</b>"}), ["Check region and endpoint."]),
        (answer("AccessControlListNotSupported"), ["AccessControlListNotSupported", "Check acl."]),
        (answer("KMS.NotFoundException"), ["KMS.NotFoundException", "Check server_side_encryption."]),
        (answer("MetadataTooLarge"), ["Check metadata."]),
        (answer("InvalidObjectState", 403), ["Check key."]),
        (answer("InvalidRequest", Message="No\n such  thing."), ["InvalidRequest: No such thing."]),
        (answer("NotImplemented", 501, Message="Not here."), ["NotImplemented"]),
    ],
)
def test_a_no_names_what_to_look_at(response, words):
    refusal = answered(response, READING)

    assert type(refusal) is StorageRefused
    assert all(word in refusal.message for word in words), refusal.message


@pytest.mark.parametrize(
    "response",
    [
        *(answer("SlowDown", 503), answer("503", 503), answer("InternalError", 500), answer("429", 429)),
        *(answer("RequestTimeout", 400), answer("BadDigest"), answer("PreconditionFailed", 412)),
        answer("NoSuchUpload", 404),
    ],
)
def test_what_may_be_otherwise_later_is_tried_again(response):
    assert type(answered(response, READING)) is StorageUnreachable


def test_a_clock_that_is_wrong_is_not_the_customers_fault():
    failure = answered(answer("RequestTimeTooSkewed", 403), READING)

    assert type(failure) is StorageUnreachable
    assert "RequestTimeTooSkewed" in failure.message


def test_a_session_token_is_named_where_there_is_one():
    asked = Asked("s3.example.com", "pail", "key", "a", "read", token=True)

    assert "session_token" in answered(answer("ExpiredToken"), asked).message
    assert "session_token" not in answered(answer("ExpiredToken"), READING).message


@pytest.mark.parametrize(
    ("error", "wanted", "words"),
    [
        (exceptions.ReadTimeoutError(endpoint_url="x"), StorageUnreachable, "broke off"),
        (exceptions.ConnectTimeoutError(endpoint_url="x"), StorageUnreachable, "did not answer"),
        (exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), StorageUnreachable, "broke off"),
        (OSError("no such host"), StorageUnreachable, "s3.example.com did not answer"),
        (parsers.ResponseParserError("<html>"), StorageRefused, "no S3"),
        (exceptions.ParamValidationError(report="x"), StorageRefused, "bucket and key"),
    ],
)
def test_what_the_library_raises_becomes_ours(error, wanted, words):
    with pytest.raises(wanted, match=words) as raised, translated(READING):
        raise error

    assert raised.value.__cause__ is error


def test_a_certificate_that_is_not_valid_is_final():
    def fail():
        try:
            raise ssl.SSLCertVerificationError("self-signed")
        except ssl.SSLError as error:
            raise exceptions.SSLError(endpoint_url="x", error=error) from error

    with pytest.raises(StorageRefused, match=r"certificate of s3\.example\.com"), translated(READING):
        fail()


@pytest.mark.parametrize("ours", [AddressRefused(), Stopped()])
def test_what_is_ours_comes_through_what_the_library_makes_of_it(ours):
    def fail():
        try:
            raise ours
        except AthanorError as error:
            raise exceptions.HTTPClientError(error=error)  # noqa: B904 - as the library does

    with pytest.raises(type(ours)) as raised, translated(READING):
        fail()

    assert raised.value is ours
