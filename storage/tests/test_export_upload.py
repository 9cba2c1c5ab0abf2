from __future__ import annotations

import os
import socket
import subprocess
import sys
import tracemalloc

import pytest

from jobs.contract import Inputs, Work, reach, urls
from jobs.contract.errors import AddressRefused, Retry, Stopped, Timeout, UploadFailed
from jobs.contract.reach import Reach
from storage import export_upload
from storage._support import door

from .conftest import RunContext

pytestmark = pytest.mark.usefixtures("loopback")
[operation] = export_upload.OPERATIONS
option = {each.name: each for each in operation.options}


def send(into, url, files, context=None, headers=None, folders=()):
    """Run the export as a worker would and return what it says it sent."""
    inputs = []
    for number, (_, content) in enumerate(files):
        path = into.parent / f"in-{number}"
        path.write_bytes(content)
        inputs.append(path)
    work = Work(
        inputs=tuple(inputs),
        names=tuple(name for name, _ in files),
        folders=tuple(folders) or ("",) * len(files),
        output_dir=into,
        options={"url": option["url"].read(url), "headers": option["headers"].read(headers or {})},
    )
    result = operation.run(work, context or RunContext())
    assert [output.path for output in result.files] == inputs
    return [(output.dir, output.name) for output in result.files]


def failure(into, url, content=b"x" * 10, **more):
    with pytest.raises(UploadFailed) as caught:
        send(into, url, [("a.txt", content)], **more)
    return caught.value.message, caught.value.retry


def test_a_file_is_put_with_its_progress_type_and_length(site, into):
    context, content = RunContext(), os.urandom(3_000_000)

    sent = send(into, f"{site.url}/in/box?token=1", [("größe.pdf", content)], context)

    assert sent == [("", "größe.pdf")]
    assert site.put == {"/in/box?token=1": content}
    assert context.percents == sorted(context.percents)
    assert context.percents[-1] == 100
    [(_, headers)] = site.asked
    assert headers["content-type"] == "application/pdf"
    assert headers["content-length"] == "3000000"
    assert {"transfer-encoding", "expect"}.isdisjoint(headers)
    assert operation.inputs is Inputs.ALL


def test_an_empty_file_is_a_file(site, into):
    send(into, f"{site.url}/empty", [("a.txt", b"")])

    assert site.put == {"/empty": b""}
    assert site.asked[0][1]["content-length"] == "0"


def test_the_customer_s_headers_win(site, into):
    given = {"Content-Type": "text/x-own", "x-ms-blob-type": "BlockBlob", "Authorization": "Bearer secret"}

    send(into, f"{site.url}/a", [("a.pdf", b"x")], headers=given)

    sent = site.asked[0][1]
    assert (sent["content-type"], sent["x-ms-blob-type"]) == ("text/x-own", "BlockBlob")
    assert sent["authorization"] == "Bearer secret"
    assert option["headers"].secret


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("AWSAccessKeyId=k&Signature=s%3D&Expires=1", False),
        ("GoogleAccessId=k&Expires=1&Signature=s", False),
        ("X-Amz-Signature=s&X-Amz-SignedHeaders=host&X-Amz-Expires=1", True),
        ("sv=2024-11-04&sig=s&se=2030", True),
    ],
)
def test_a_signature_that_holds_the_type_is_not_broken_by_one(site, into, query, types):
    send(into, f"{site.url}/bucket/key?{query}", [("a.pdf", b"x")])

    path, headers = site.asked[0]
    assert path == f"/bucket/key?{query}"
    assert ("content-type" in headers) is types


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("/page-%d.txt", ["/page-1.txt", "/page-2.txt", "/page-3.txt"]),
        ("/%03d?n=%d", ["/001?n=1", "/002?n=2", "/003?n=3"]),
        (
            "/box/?token=a%2Fb",
            [
                "/box/a.txt?token=a%2Fb",
                "/box/f/gr%C3%B6%C3%9Fe%20%231%3F.txt?token=a%2Fb",
                "/box/A-2.TXT?token=a%2Fb",
            ],
        ),
    ],
)
def test_each_of_several_files_has_its_url(site, into, url, wanted):
    files = [("a.txt", b"1"), ("größe #1?.txt", b"2"), ("A.TXT", b"3")]

    sent = send(into, f"{site.url}{url}", files, folders=["", "f", ""])

    assert site.put == dict(zip(wanted, [b"1", b"2", b"3"], strict=True))
    assert sent == [("", "a.txt"), ("f", "größe #1?.txt"), ("", "A.TXT")]


@pytest.mark.parametrize(
    ("url", "wanted"),
    [("/box/", "/box/"), ("/%d", "/1"), ("/%d0%bf%D0", "/%d0%bf%D0"), ("/a%dd", "/a%dd"), ("", "/")],
)
def test_one_file_goes_to_the_url_as_it_is(site, into, url, wanted):
    send(into, f"{site.url}{url}", [("a.txt", b"1")])

    assert [*site.put] == [wanted]


def test_several_files_for_one_url_are_refused_before_any_is_sent(site, into):
    with pytest.raises(UploadFailed, match=r"^The url must have %d .* or end in a slash\.$"):
        send(into, f"{site.url}/one.txt", [("a.txt", b"1"), ("b.txt", b"2")])

    assert not site.asked


def test_a_name_never_leads_out_of_the_folder(site, into):
    names = ["../../x", "..", "/etc/passwd", "a\\b\r\nX-Evil: 1", "%2e%2e"]

    send(into, f"{site.url}/box/", [(name, b"x") for name in names])

    assert all(path.startswith("/box/") and path.count("/") == 2 for path in site.put)
    assert len(site.put) == 5
    assert not any("x-evil" in headers for _, headers in site.asked)
    assert "/box/%252e%252e" in site.put


def test_two_hundred_files(site, into):
    files = [(f"{number}.txt", b"%d" % number) for number in range(200)]

    send(into, f"{site.url}/box/", files)

    assert site.put == {f"/box/{name}": content for name, content in files}


def test_the_first_refusal_ends_the_others(site, into):
    files = [("first.txt", b"1"), *((f"{number}.txt", bytes(1_000_000)) for number in range(100))]

    with pytest.raises(UploadFailed, match="404 Not Found"):
        send(into, f"{site.url}/status/404/%d", files)

    assert len(site.asked) < 50


@pytest.mark.parametrize(
    ("status", "sentence", "retry"),
    [
        (400, "The server answered 400 Bad Request.", Retry.NEVER),
        (403, "The server answered 403 Forbidden.", Retry.NEVER),
        (404, "The server answered 404 Not Found.", Retry.NEVER),
        (301, "The server answered 301 Moved Permanently.", Retry.NEVER),
        (303, "The server answered 303 See Other.", Retry.NEVER),
        (307, "The server answered 307 Temporary Redirect.", Retry.NEVER),
        (408, "The server answered 408 Request Timeout.", Retry.INFRASTRUCTURE),
        (429, "The server answered 429 Too Many Requests.", Retry.INFRASTRUCTURE),
        (500, "The server answered 500 Internal Server Error.", Retry.INFRASTRUCTURE),
        (503, "The server answered 503 Service Unavailable.", Retry.INFRASTRUCTURE),
    ],
)
def test_a_refusal_is_final_and_a_failure_is_not(site, into, status, sentence, retry):
    assert failure(into, f"{site.url}/status/{status}?sig=secret") == (sentence, retry)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_positive_answer_is_one(site, into, status):
    send(into, f"{site.url}/status/{status}", [("a.txt", b"x")])

    assert [*site.put.values()] == [b"x"]


@pytest.mark.parametrize("page", ["early/403", "early/403/open"])
def test_an_answer_that_comes_before_all_is_sent_is_heard(site, into, page, caplog):
    message, retry = failure(into, f"{site.url}/{page}", bytes(30_000_000))

    assert (message, retry) == ("The server answered 403 Forbidden.", Retry.NEVER)
    assert "AccessDenied" in caplog.text


def test_a_presigned_url_is_not_logged_when_the_server_repeats_it(site, into, caplog):
    failure(into, f"{site.url}/echo?expires=1&sig=abc%2Fdefgh%3D")

    assert "What is /echo?" in caplog.text
    assert "defgh" not in caplog.text


@pytest.mark.parametrize("size", [0, 100_000])
def test_a_connection_that_is_cut_may_be_tried_again(site, into, size):
    message, retry = failure(into, f"{site.url}/cut/{size}", bytes(3_000_000))

    assert "127.0.0.1" in message and "broke off" in message
    assert retry is Retry.INFRASTRUCTURE
    assert not site.put


@pytest.mark.parametrize("page", ["slow", "mute"])
def test_a_server_that_takes_or_says_nothing_ends_the_attempt(site, into, monkeypatch, page):
    monkeypatch.setitem(door.TIMEOUTS, "read", 0.3)
    monkeypatch.setitem(door.TIMEOUTS, "write", 0.3)

    message, retry = failure(into, f"{site.url}/{page}", bytes(30_000_000))

    assert (message, retry) == ("The server 127.0.0.1 did not answer in time.", Retry.INFRASTRUCTURE)


@pytest.mark.parametrize("page", ["slow", "mute"])
def test_an_order_to_stop_is_heard_while_a_file_is_sent(site, into, page):
    context = RunContext(stop=lambda: "cancelled" if site.stalled.is_set() else None)

    with pytest.raises(Stopped, match="cancelled"):
        send(into, f"{site.url}/{page}", [("a", bytes(30_000_000))], context)


def test_the_deadline_ends_an_upload(site, into):
    with pytest.raises(Timeout):
        send(into, f"{site.url}/slow", [("a", bytes(30_000_000))], RunContext(seconds=0.4))


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_gets_the_file_and_the_headers_stay_with_their_origin(site, other, into, status):
    site.elsewhere = f"{other.url}/there?x=1"
    context = RunContext()

    send(into, f"{site.url}/to/{status}", [("a.txt", b"x" * 200_000)], context, headers={"X-Key": "secret"})

    assert other.put == {"/there?x=1": b"x" * 200_000}
    assert site.asked[0][1]["x-key"] == "secret"
    assert "x-key" not in other.asked[0][1]
    assert context.percents[-1] == 100


def test_a_redirect_that_never_ends_is_left(site, into):
    site.elsewhere = "/to/307"

    assert failure(into, f"{site.url}/to/307") == ("The server redirected more than 5 times.", Retry.NEVER)
    assert len(site.asked) == 6


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "http://127.0.0.1:22/"])
def test_a_redirect_inside_is_refused(site, into, target):
    site.elsewhere = target

    with pytest.raises(AddressRefused):
        send(into, f"{site.url}/to/307", [("a.txt", b"x")])


@pytest.mark.parametrize("target", ["ftp://example.com/", "file:///etc/passwd"])
def test_a_redirect_to_anything_else_is_refused(site, into, target):
    site.elsewhere = target

    assert "redirected to something" in failure(into, f"{site.url}/to/308")[0]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "[::1]", "127.1", "0x7f.1", "2130706433", "017700000001", "0"),
        *("①②⑦.⓪.⓪.①", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"),
        *("169.254.169.254", "[fd00:ec2::254]", "168.63.129.16", "10.0.0.1"),
    ],
)
def test_an_address_inside_is_refused_before_anything_is_sent(site, into, monkeypatch, host):
    monkeypatch.setattr(reach, "allowed", Reach)

    with pytest.raises(AddressRefused):
        send(into, f"http://{host}:{site.server_port}/a.txt", [("a.txt", b"x")])

    assert not site.asked


def test_nobody_listening(into):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        message, retry = failure(into, f"http://127.0.0.1:{port}/?sig=secret")

    assert (message, retry) == ("The server 127.0.0.1 could not be reached.", Retry.INFRASTRUCTURE)


def test_a_large_file_takes_little_memory(site, into):
    path = into.parent / "in-0"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    options = {"url": f"{site.url}/drain", "headers": {}}
    work = Work(inputs=(path,), names=("a",), folders=("",), output_dir=into, options=options)

    tracemalloc.start()
    try:
        operation.run(work, RunContext())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 8_000_000


class TestOverTLS:
    @pytest.fixture
    def url(self, secure):
        return f"https://localhost:{secure.server_port}"

    def test_a_file_arrives(self, secure, url, into):
        content = os.urandom(5_000_000)

        send(into, f"{url}/box", [("a.bin", content)])

        assert secure.put == {"/box": content}

    @pytest.mark.parametrize("page", ["early/403", "early/403/open"])
    def test_an_early_answer_is_heard(self, url, into, page):
        assert failure(into, f"{url}/{page}", bytes(30_000_000))[0] == "The server answered 403 Forbidden."

    def test_a_server_that_takes_nothing_ends_the_attempt(self, url, into, monkeypatch):
        monkeypatch.setitem(door.TIMEOUTS, "write", 0.3)

        message, retry = failure(into, f"{url}/slow", bytes(30_000_000))

        assert (message, retry) == ("The server localhost did not answer in time.", Retry.INFRASTRUCTURE)

    def test_a_redirect_does_not_give_up_encryption(self, secure, site, url, into):
        secure.elsewhere = f"{site.url}/box"

        assert failure(into, f"{url}/to/307")[0].endswith("without encryption.")
        assert not site.asked


@pytest.mark.parametrize("url", ["ftp://example.com/%d", "example.com", "http://user:pass@example.com/"])
def test_a_bad_url_is_refused_when_the_job_is_sent(url):
    with pytest.raises(ValueError, match=r"^The url format is invalid\.$"):
        option["url"].read(url)


@pytest.mark.parametrize("headers", [{"Content-Length": "1"}, {"X-A": "b\r\nX-C: d"}, {"X-A\n": "b"}])
def test_headers_that_would_break_the_request_are_refused(headers):
    with pytest.raises(ValueError, match=r"^The headers must .*\.$"):
        option["headers"].read(headers)


def test_a_presigned_url_keeps_every_byte_of_its_query():
    text = "https://b.example.com/k%20a/ü?X-Amz-Credential=a%2F2026&sig=a%2Bb%3D%3D&e=%7E"

    assert f"{urls.parse(text)}" == text.replace("ü", "%C3%BC")


def test_declaring_costs_no_http_client():
    code = "import sys, storage.export_upload; sys.exit('httpx' in sys.modules or 'ssl' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def s3(swift):
    import boto3
    from botocore.config import Config

    def client(version):
        return boto3.client(
            "s3",
            endpoint_url=swift.s3_endpoint,
            region_name=swift.s3_region,
            aws_access_key_id=swift.s3_access_key,
            aws_secret_access_key=swift.s3_secret_key,
            config=Config(signature_version=version, s3={"addressing_style": "path"}, proxies={}),
        )

    client("s3v4").create_bucket(Bucket="presigned")
    return client


class TestPresigned:
    """URLs that a customer's own SDK signed, at an S3 that checks what was signed."""

    @pytest.mark.parametrize("version", ["s3v4", "s3"])
    @pytest.mark.parametrize("signed", [{}, {"ContentType": "text/x-own"}])
    def test_a_presigned_url_works_as_it_is(self, s3, into, version, signed):
        where = {"Bucket": "presigned", "Key": "a folder/größe.pdf", **signed}
        url = s3(version).generate_presigned_url("put_object", where)
        given = {"Content-Type": signed["ContentType"]} if signed else {}

        send(into, url, [("a.pdf", b"hello")], headers=given)

        kept = s3("s3v4").get_object(Bucket=where["Bucket"], Key=where["Key"])
        assert kept["Body"].read() == b"hello"

    def test_one_that_was_altered_is_refused(self, s3, into):
        url = s3("s3v4").generate_presigned_url("put_object", {"Bucket": "presigned", "Key": "a"})

        assert failure(into, url.replace("/a?", "/b?")) == (
            "The server answered 403 Forbidden.",
            Retry.NEVER,
        )
