"""A19, the part of S3: endpoints that lie inside, and endpoints outside that lead inside."""

from __future__ import annotations

import pytest

from .canary import redirect
from .conftest import ALLOWED
from .siege import import_of
from .test_outbound import LOOPBACK, ODD, REFUSED, UNICODE

pytestmark = pytest.mark.attack
WHERE = {
    "bucket": "pail",
    "region": "eu-central-1",
    "access_key_id": "AKIATOLD",
    "secret_access_key": "told-secret-words",
    "timeout": 8,
}


def jobs_of(endpoint):
    """Return an import and an export at an endpoint."""
    where = WHERE | {"endpoint": endpoint}
    return (
        {"made": {"operation": "import/s3", "key": "a.txt", **where}},
        {"made": {"operation": "import/s3", "key_prefix": "a", **where}},
        {
            "in": import_of("words", "a.txt"),
            "made": {"operation": "export/s3", "input": "in", "key": "a.txt", **where},
        },
    )


def codes_of(siege, endpoint):
    """Return how each of the two ended: 422 where it did not begin."""
    answers = [siege.stack.api.post("/v2/jobs", json={"tasks": tasks}) for tasks in jobs_of(endpoint)]
    ends = [
        siege.end(answer.json()["data"]["id"], files=False) if answer.status_code == 201 else None
        for answer in answers
    ]
    assert all(end or answer.status_code == 422 for end, answer in zip(ends, answers, strict=True))
    for end in filter(None, ends):
        siege.harmless(end)
        assert WHERE["secret_access_key"] not in end.words
    return {end.made["code"] if end else "422" for end in ends}


@pytest.mark.parametrize(
    "texts", [LOOPBACK, ODD, UNICODE, REFUSED["a4"], REFUSED["a5"]], ids=["loop", "odd", "uni", "meta", "in"]
)
def test_a19_s3_an_endpoint_inside_is_refused(siege, texts):
    found = {text: codes_of(siege, text.format(port=siege.canary.port)) for text in texts}

    # Where nothing has an address, nobody answers.
    assert all(codes <= {"ADDRESS_REFUSED", "422", "STORAGE_UNREACHABLE"} for codes in found.values()), found
    assert "ADDRESS_REFUSED" in found[texts[0]]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a19_s3_a_redirect_leads_nowhere(siege, status):
    siege.origin.answer = lambda _path: redirect(siege.canary.url("/inside"), status)

    codes = codes_of(siege, siege.origin.url(host=ALLOWED))

    # The library makes nothing of a 303, so that it is asked again.
    assert codes == {"TIMEOUT" if status == 303 else "STORAGE_REFUSED"}
    assert siege.origin.heard


@pytest.mark.parametrize(
    "region", ["127.0.0.1:{port}/x", "@127.0.0.1:{port}#", "localhost", "us-west-2", "x" * 5000]
)
@pytest.mark.parametrize("code", ["PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed"])
def test_a19_s3_another_region_is_no_way_inside(siege, code, region):
    told = region.format(port=siege.canary.port)
    body = (
        f"<Error><Code>{code}</Code><Message>Go there.</Message><Region>{told}</Region>"
        f"<Endpoint>127.0.0.1:{siege.canary.port}</Endpoint><Bucket>pail</Bucket></Error>"
    ).encode()
    head = (
        f"HTTP/1.1 301 Moved\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
        f"Location: {siege.canary.url('/inside')}\r\nx-amz-bucket-region: {told}\r\nConnection: close\r\n\r\n"
    ).encode()
    siege.origin.answer = lambda _path: head + body

    codes = codes_of(siege, siege.origin.url(host=ALLOWED))

    assert codes == {"STORAGE_REFUSED"}


def test_a19_s3_nobody_but_an_operator_hands_out_the_machine_s_identity(siege):
    siege.origin.heard.clear()
    siege.origin.answer = lambda _path: redirect(siege.canary.url(), 403)
    where = WHERE | {"endpoint": siege.origin.url(host=ALLOWED), "workload_identity": True}

    answer = siege.stack.api.post(
        "/v2/jobs", json={"tasks": {"made": {"operation": "import/s3", "key": "a", **where}}}
    )

    if answer.status_code == 201:
        siege.end(answer.json()["data"]["id"], files=False)
        assert all("Credential=AKIATOLD/" in head for head in siege.origin.heard)
