from __future__ import annotations

import os
import stat

import pytest

from engines._support.collecting import collect, copy
from jobs.contract import limits
from jobs.contract.errors import ConversionFailed, TooMuchOutput


def regular(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))


def link_out(path):
    path.symlink_to("/etc/hostname")


def hard_link(path):
    regular(path.with_name("other"))
    os.link(path.with_name("other"), path)


def socket_file(path):
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{path}")


TRAPS = {
    "nothing": lambda path: None,
    "an empty file": lambda path: path.touch(),
    "a link": link_out,
    "a link to itself": lambda path: path.symlink_to(path),
    "a file with two names": hard_link,
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a socket": socket_file,
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS.keys())
def test_only_a_regular_file_with_one_name_is_taken(tmp_path, trap):
    trap(tmp_path / "made.png")

    with pytest.raises(ConversionFailed):
        collect([tmp_path / "made.png"], "png")
    with pytest.raises(ConversionFailed):
        copy(tmp_path / "made.png", tmp_path / "ours", room=10**6)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take over what another user made")
def test_what_is_taken_is_ours(tmp_path):
    regular(tmp_path / "made.png")
    os.chown(tmp_path / "made.png", 60_900, 60_900)
    (tmp_path / "made.png").chmod(0o4777)

    [path] = collect([tmp_path / "made.png"], "png")

    found = path.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (os.geteuid(), 0o644)


def test_what_was_not_promised_is_refused(tmp_path):
    (tmp_path / "made.png").write_text("<html>surprise</html>")

    with pytest.raises(ConversionFailed):
        collect([tmp_path / "made.png"], "png")


def test_too_many_and_too_large_outputs_are_refused(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        regular(tmp_path / name)
    files = [tmp_path / "a.png", tmp_path / "b.png"]

    monkeypatch.setattr(limits, "OUTPUT_BYTES", 150)
    with pytest.raises(TooMuchOutput):
        collect(files, "png")
    monkeypatch.setattr(limits, "OUTPUT_FILES", 1)
    with pytest.raises(TooMuchOutput):
        collect(files, "png")


def test_a_copy_holds_what_was_there_and_may_be_no_larger_than_there_is_room(tmp_path):
    regular(tmp_path / "made.png")

    assert copy(tmp_path / "made.png", tmp_path / "ours.png", room=1000) == 108
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "made.png").read_bytes()
    with pytest.raises(TooMuchOutput):
        copy(tmp_path / "made.png", tmp_path / "ours.png", room=107)
