"""FTP against pyftpdlib and vsftpd, and against a server that is not honest."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

import pytest

from jobs.contract import OptionProblem
from jobs.contract.errors import AddressRefused, StorageRefused, StorageUnreachable
from storage import ftp
from storage._support import dialing, ftp_listing
from storage._support.folders import Entry

from .contract import ProviderContract
from .test_sftp import Folder


class Passage:
    """A way to an FTP server without TLS, whose files go a way that can be cut."""

    def __init__(self, target, cutter) -> None:
        self._target, self._cutter = target, cutter
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ways = []
        self._cut: tuple[int | None, int | None, int] = (None, None, 0)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def cuts(self) -> int:
        return sum(way.cuts for way in self._ways)

    def cut(self, *, up: int | None = None, down: int | None = None, times: int = 1) -> None:
        self._cut = (up, down, times)

    def end(self) -> None:
        with suppress(OSError):
            # Whoever waits in accept would keep it open.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for arguments in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=arguments, daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, is_answer: bool) -> None:
        with suppress(OSError), one, other, one.makefile("rb") as lines:
            for line in lines:
                found = re.search(rb"^229 .*\(\|\|\|(\d+)\|\)", line) if is_answer else None
                other.sendall(line if not found else b"229 Go (|||%d|)\r\n" % self._way(int(found[1])))
            with suppress(OSError):
                other.shutdown(socket.SHUT_RDWR)

    def _way(self, port: int) -> int:
        up, down, times = self._cut
        self._ways.append(self._cutter(port))
        self._ways[-1].cut(up=up, down=down, times=max(0, times - self.cuts))
        return self._ways[-1].port


class TestFTP(ProviderContract):
    operations = ftp.OPERATIONS
    one, many = "file", "path"
    wrong: ClassVar = {"password": "not that one"}
    hidden = ("password",)
    dots = False
    # A name in a folder has at most 255.
    long_name = 270

    @pytest.fixture
    def location(self, ftpd):
        return {
            "host": "127.0.0.1",
            "port": ftpd.ports["none"],
            "tls": "none",
            "username": ftpd.username,
            "password": ftpd.password,
        }

    @pytest.fixture
    def peer(self, ftpd):
        return Folder(ftpd.home)

    @pytest.fixture
    def cutting(self, cutting):
        ways = []

        def make(port):
            ways.append(Passage(port, cutting))
            return ways[-1]

        yield make
        for way in ways:
            way.end()

    def by(self, location, port):
        return {**location, "port": port}

    def port_of(self, location):
        return location["port"]

    # --- Whose server it is

    @pytest.fixture(params=["pyftpdlib explicit", "pyftpdlib implicit", "vsftpd explicit"])
    def secured(self, request):
        server, tls = request.param.split(" ")
        served = request.getfixturevalue("ftpd" if server == "pyftpdlib" else server)
        return served, {
            "host": "127.0.0.1",
            "port": served.ports[tls],
            "tls": tls,
            "username": served.username,
            "password": served.password,
            "certificate": served.fingerprint.upper(),
        }

    def test_over_tls_files_go_in_and_out(self, secured, root, tmp_path):
        served, location = secured
        peer = Folder(served.home)
        files = {"a.bin": os.urandom(3_000_000), "sub/b \xfc.txt": b"2", "sub/empty": b""}

        for _ in range(2):
            self.put(tmp_path, location, files, path=root)

        assert peer.keys(root) == {f"{root}/{name}" for name in files}
        assert peer.litter(root) == []
        assert self.bring(tmp_path, location, path=root) == files
        assert self.bring(tmp_path, location, file=f"{root}/sub/b \xfc.txt") == {"b \xfc.txt": b"2"}
        with pytest.raises(StorageRefused, match="Check file"):
            self.bring(tmp_path, location, file=f"{root}/nothing")
        with pytest.raises(StorageRefused, match=r"folder.*Check file"):
            self.bring(tmp_path, location, file=root)
        with pytest.raises(StorageRefused, match=r"folder.*Check file"):
            self.put(tmp_path, location, {"a": b"1"}, file=f"{root}/sub")
        with pytest.raises(StorageRefused, match="username and password"):
            self.bring(tmp_path, location | {"password": "wrong"}, file=f"{root}/a.bin")
        assert peer.litter(root) == []

    def test_another_certificate_is_refused_before_the_password_is_said(self, secured, root, tmp_path):
        served, location = secured

        with pytest.raises(StorageRefused, match=rf"{served.fingerprint}\. Check certificate"):
            self.bring(tmp_path, location | {"certificate": "0" * 64}, file=f"{root}/a")
        del location["certificate"]
        with pytest.raises(StorageRefused, match=r"not valid.*Check certificate"):
            self.bring(tmp_path, location, file=f"{root}/a")

    def test_a_certificate_somebody_vouches_for_is_taken(self, secured, root, tmp_path, monkeypatch):
        served, location = secured
        del location["certificate"]
        monkeypatch.setenv("SSL_CERT_FILE", f"{served.certificate}")

        self.put(tmp_path, location, {"a": b"1"}, file=f"{root}/a")

        assert Folder(served.home).get(f"{root}/a") == b"1"

    def test_a_server_without_tls_is_refused_unless_it_is_meant(self, location, root, tmp_path):
        with pytest.raises(StorageRefused, match="Check tls"):
            self.bring(tmp_path, location | {"tls": "explicit"}, file=f"{root}/a")

    def test_a_server_without_tls_from_the_first_byte_is_refused(self, lying, tmp_path):
        with pytest.raises(StorageRefused, match="Check tls and port"):
            self.bring(tmp_path, self.at(lying) | {"tls": "implicit"}, file="a")

    def test_a_server_that_waits_for_tls_is_told_as_such(self, tmp_path, monkeypatch):
        monkeypatch.setattr(dialing, "IDLE_SECONDS", 0.2)
        silent = socket.create_server(("127.0.0.1", 0))

        with silent, pytest.raises(StorageUnreachable, match="Check host, port and tls"):
            self.bring(tmp_path, {"host": "127.0.0.1", "port": silent.getsockname()[1]}, file="a")

    @pytest.mark.parametrize("text", ["00", "x" * 64, "SHA1:" + "0" * 40])
    def test_what_is_no_fingerprint_is_refused_at_intake(self, text, location):
        with pytest.raises(OptionProblem, match="certificate"):
            self.options("import", location | {"certificate": text})

    @pytest.mark.parametrize("option", ["file", "path", "username", "password"])
    @pytest.mark.parametrize("text", ["a\r\nDELE b", "a\nb", "a\u2028b", "\ud800"])
    def test_commands_in_names_are_refused_at_intake(self, option, text, location):
        with pytest.raises(OptionProblem, match=option):
            self.options("import", location | {option: text})

    # --- A server that lies

    @pytest.fixture
    def lying(self):
        served = Liar()
        yield served
        served.end()

    def at(self, lying, **given):
        return {"host": "127.0.0.1", "port": lying.port, "tls": "none", **given}

    def test_files_come_from_the_server_itself_whatever_it_names(self, lying, tmp_path):
        data = socket.create_server(("127.0.0.1", 0))
        port = data.getsockname()[1]
        lying.says |= {
            "EPSV": "500 no",
            "PASV": f"227 Entering (10,1,2,3,{port // 256},{port % 256})",
            "SIZE": "213 5",
            "RETR": "150 here\r\n226 done",
        }

        def give():
            line, _ = data.accept()
            with line:
                line.sendall(b"hello")

        threading.Thread(target=give, daemon=True).start()

        assert self.bring(tmp_path, self.at(lying), file="a") == {"a": b"hello"}
        data.close()

    @pytest.mark.parametrize("port", [6379, 25, 80])
    def test_files_never_come_by_a_port_that_is_none_for_files(self, port, lying, tmp_path):
        lying.says |= {"EPSV": f"229 Go (|||{port}|)", "SIZE": "213 5"}

        with pytest.raises(AddressRefused):
            self.bring(tmp_path, self.at(lying), file="a")

    def test_a_port_that_is_none_for_files_is_passed_over(self, lying, tmp_path):
        data = socket.create_server(("127.0.0.1", 0))
        ports = iter([6000, 6379, data.getsockname()[1]])
        lying.says |= {"EPSV": lambda: f"229 Go (|||{next(ports)}|)", "SIZE": "213 0"}
        lying.says["RETR"] = "150 here\r\n226 done"

        def give():
            data.accept()[0].close()

        threading.Thread(target=give, daemon=True).start()

        assert self.bring(tmp_path, self.at(lying), file="a") == {"a": b""}
        data.close()

    @pytest.mark.parametrize("answer", ["213", "213 5", "x" * 100_000, "213-\r\n" + "213-more\r\n" * 2000])
    def test_answers_that_make_no_sense_are_refused(self, answer, lying, tmp_path):
        lying.says |= {"SIZE": answer, "EPSV": "229 Go wherever", "PASV": "227 nowhere"}

        with pytest.raises(StorageRefused, match="does not speak FTP"):
            self.bring(tmp_path, self.at(lying), file="a")

    def test_an_answer_to_try_again_later_is_tried_again(self, lying, tmp_path):
        lying.says["SIZE"] = "421 Too busy."

        with pytest.raises(StorageUnreachable):
            self.bring(tmp_path, self.at(lying), file="a")

    def test_too_many_connections_is_no_wrong_password(self, lying, tmp_path):
        lying.says["PASS"] = "530 Sorry, too many clients."

        with pytest.raises(StorageUnreachable):
            self.bring(tmp_path, self.at(lying), file="a")

    def test_who_logs_in_as_nobody_is_anonymous(self, lying, tmp_path):
        with pytest.raises(StorageRefused):
            self.bring(tmp_path, self.at(lying), file="a")

        assert "USER anonymous" in lying.heard

    def test_what_is_refused_has_the_servers_words(self, lying, tmp_path):
        lying.says["STOR"] = "552 Quota \x1b[31mexceeded."
        data = socket.create_server(("127.0.0.1", 0))
        lying.says["EPSV"] = f"229 Go (|||{data.getsockname()[1]}|)"

        with pytest.raises(StorageRefused, match=r"552 Quota .*exceeded.*Check file") as refused:
            self.put(tmp_path, self.at(lying), {"a": b"1"}, file="a")

        assert refused.value.message.isprintable()
        data.close()


class Liar:
    """A server that says what it is told to."""

    def __init__(self) -> None:
        self.says: dict[str, str | Callable[[], str]] = {
            "USER": "331 go on",
            "PASS": "230 in",
            "TYPE": "200 yes",
            "PWD": '257 "/"',
            "MDTM": "213 20010101000000",
        }
        self.heard: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def end(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        with suppress(OSError), line, line.makefile("r", errors="replace") as lines:
            line.sendall(b"220 hello\r\n")
            for asked in lines:
                self.heard.append(asked.strip())
                answer = self.says.get((asked.split() or [""])[0], "550 no")
                line.sendall(f"{answer if isinstance(answer, str) else answer()}\r\n".encode())


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("-rw-r--r--   1 ftp      ftp        12345 Jan 01 12:00 a b.txt", Entry("a b.txt", False, 12345)),
        ("-rw-r--r--+  1 1000     1000           0 Dec 31  2020 ../x", Entry("../x", False, 0)),
        ("drwxr-xr-x    2 0 0 4096 M\xe4r  3 09:09 sub", Entry("sub", True, 4096)),
        ("01-31-24  09:09AM       <DIR>          sub dir", Entry("sub dir", True, None)),
        ("2024-01-31  09:09              77 file.bin", Entry("file.bin", False, 77)),
        ("lrwxrwxrwx 1 root root 4 Jan 01 12:00 link -> /etc", None),
        ("prw-r--r-- 1 root root 0 Jan 01 12:00 pipe", None),
        ("total 12", None),
        ("", None),
        ("x" * 8000, None),
    ],
)
def test_listings_for_people_are_read(line, entry):
    assert ftp_listing.guessed(line) == entry


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("type=file;size=5;modify=20200101000000; a b", Entry("a b", False, 5, "20200101000000-5")),
        ("Type=dir;modify=20200101000000; sub", Entry("sub", True, None, "20200101000000-None")),
        ("type=cdir;modify=20200101000000; .", None),
        ("type=file;size=" + "9" * 5000 + "; a", Entry("a", False, None, "-None")),
        ("type=OS.unix=slink:/etc; link", None),
        ("size=5; a", None),
        ("nonsense", None),
    ],
)
def test_listings_for_machines_are_read(line, entry):
    assert ftp_listing.listed(line) == entry
