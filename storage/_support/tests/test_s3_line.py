"""What comes over the line is bounded, whole, and heard as it comes."""

from __future__ import annotations

import socketserver
import threading

import pytest

from jobs.contract.errors import StorageRefused, StorageUnreachable
from storage import s3
from storage._support import limits, s3_line
from storage._support.place import Item


class Peer(socketserver.ThreadingTCPServer):
    """Says what it is told to, to whoever connects."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Say)
        self.says = lambda: ()
        self.heard = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Say(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.heard.append(self.request.recv(65536))
        try:
            for piece in self.server.says():
                self.request.sendall(piece)
        except OSError:
            return


@pytest.fixture
def peer():
    with Peer() as server:
        yield server
        server.shutdown()


@pytest.fixture
def place(peer, loopback):
    location = {
        "bucket": "pail",
        "region": "us-east-1",
        "endpoint": f"http://127.0.0.1:{peer.server_address[1]}",
        "access_key_id": "A",
        "secret_access_key": "B",
        "session_token": None,
    }
    opened = s3.S3(location, None)
    yield opened
    opened.close()


def said(body, *, length=None, status=200, more=""):
    """Return an answer."""
    told = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status} X\r\nContent-Length: {told}\r\nConnection: close\r\n{more}\r\n"
    ).encode() + body


def test_a_list_that_does_not_end_is_not_kept(place, peer, monkeypatch):
    monkeypatch.setattr(s3_line, "MOST_BYTES", 1024 * 1024)
    sent = []

    def says():
        yield said(b"", length=10**12)
        while True:
            sent.append(1)
            yield b"x" * 65536

    peer.says = says

    with pytest.raises(StorageUnreachable):
        place.check()

    assert len(sent) < 500


def test_an_error_s_words_that_do_not_end_are_not_kept(place, peer, monkeypatch, tmp_path):
    monkeypatch.setattr(s3_line, "MOST_BYTES", 1024 * 1024)
    peer.says = lambda: [said(b"", length=10**12, status=403), b"x" * 2 * 1024 * 1024]

    with pytest.raises(StorageUnreachable):
        place.fetch(Item("a", 5, '"e"'), tmp_path / "a", lambda _: None)


def test_a_list_that_comes_in_drops_is_not_waited_for(place, peer, monkeypatch):
    monkeypatch.setattr(s3_line, "MOST_SECONDS", 0.0)
    peer.says = lambda: [said(b"<List", length=100), b"Buck"]

    with pytest.raises(StorageUnreachable):
        place.check()


def test_a_list_that_is_cut_is_asked_for_again(place, peer):
    whole = b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"
    answers = [said(whole[:20], length=len(whole)), said(whole)]
    peer.says = lambda: [answers.pop(0)]

    place.check()

    assert len(peer.heard) == 2


def test_a_list_whose_pages_do_not_end_is_left(place, peer, monkeypatch):
    monkeypatch.setattr(limits, "MOST_PAGES", 5)

    def says():
        token = f"<NextContinuationToken>{len(peer.heard)}</NextContinuationToken>"
        yield said(f"<ListBucketResult><IsTruncated>true</IsTruncated>{token}</ListBucketResult>".encode())

    peer.says = says

    with pytest.raises(StorageRefused, match="key_prefix"):
        list(place.items("a"))

    assert len(peer.heard) == 6


def test_a_piece_is_told_when_it_comes_and_not_when_more_has_come(place, peer, tmp_path):
    told = threading.Event()

    def says():
        yield said(b"a", length=2, more='ETag: "e"\r\n')
        assert told.wait(20)
        yield b"b"

    peer.says = says

    place.fetch(Item("a", 2, '"e"'), tmp_path / "a", lambda _: told.set())

    assert (tmp_path / "a").read_bytes() == b"ab"


@pytest.mark.parametrize("body", [b"<html>Welcome</html", b"SSH-2.0", b"{}"])
def test_what_cannot_be_read_is_no_answer(body, place, peer):
    peer.says = lambda: [said(body)]

    with pytest.raises(StorageUnreachable):
        place.check()


def test_a_head_without_a_length_is_none_of_s3(place, peer):
    peer.says = lambda: [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"]

    with pytest.raises(StorageRefused, match="endpoint"):
        place.find("a")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_nor_looked_into(status, place, peer):
    peer.says = lambda: [said(b"", status=status, more="Location: http://127.0.0.1:9/\r\n")]

    with pytest.raises(StorageRefused, match="region and endpoint"):
        place.find("a")

    assert len(peer.heard) == 2
