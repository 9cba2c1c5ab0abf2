"""SFTP against OpenSSH's own server, and against one that is not honest."""

from __future__ import annotations

import base64
import itertools
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from jobs.contract import OptionProblem
from jobs.contract.errors import Stopped, StorageRefused, StorageUnreachable, TooMuchOutput
from storage import sftp
from storage._support import folders, sftp_session, ssh, ssh_keys

from .conftest import RunContext
from .contract import LARGE, MB, ProviderContract
from .sftp_liar import HOST_KEY, PASSWORD, liar


class Folder:
    """A login folder as its owner sees it, by the server's own files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key, content):
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        # In place, as most programs do.
        path.write_bytes(content)
        self.give()

    def get(self, key):
        return self._path(key).read_bytes()

    def keys(self, prefix):
        return {name for name in self._names(prefix) if not name.endswith(".part")}

    def litter(self, prefix):
        return [name for name in self._names(prefix) if name.endswith(".part")]

    def give(self):
        """Have all of it belong to who owns the folder."""
        if os.geteuid() == 0:
            owner = self.root.stat()
            for path in self.root.rglob("*"):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _path(self, key):
        return self.root / key.lstrip("/")

    def _names(self, prefix):
        found = (self.root / prefix).rglob("*")
        return sorted(f"{path.relative_to(self.root)}" for path in found if not path.is_dir())


class TestSFTP(ProviderContract):
    operations = sftp.OPERATIONS
    one, many = "file", "path"
    wrong: ClassVar = {"username": "nobody-of-that-name"}
    hidden = ("private_key",)
    leading_slash = False
    dots = False
    # A name in a folder has at most 255.
    long_name = 270

    @pytest.fixture
    def location(self, sshd):
        return {
            "host": "127.0.0.1",
            "port": f"{sshd.port}",
            "username": sshd.username,
            "private_key": sshd.private_key(),
            "host_key": sshd.host_keys["ed25519"],
        }

    @pytest.fixture
    def peer(self, sshd):
        return Folder(sshd.home)

    def by(self, location, port):
        return {**location, "port": port}

    def port_of(self, location):
        return int(location["port"])

    # --- Logging in

    @pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
    @pytest.mark.parametrize(
        "written",
        [
            lambda sshd, kind: {"private_key": sshd.private_key(kind)},
            lambda sshd, kind: {"private_key": sshd.private_key(kind).replace("\n", "\\n")},
            lambda sshd, kind: {"private_key": " ".join(sshd.private_key(kind).split("\n"))},
            lambda sshd, kind: {"private_key": sshd.private_key(kind), "passphrase": "not needed"},
            lambda sshd, kind: {
                "private_key": sshd.private_key(kind, passphrase="only ours"),
                "passphrase": "only ours",
            },
        ],
        ids=["as-it-is", "literal-n", "one-line", "needless-passphrase", "encrypted"],
    )
    def test_every_kind_of_key_lets_in(self, kind, written, sshd, location, peer, root, tmp_path):
        self.put(tmp_path, location | written(sshd, kind), {"a": b"1"}, file=f"{root}/a")

        assert peer.get(f"{root}/a") == b"1"

    @pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
    def test_keys_in_pem_let_in(self, kind, sshd, location, peer, root, tmp_path):
        location["private_key"] = sshd.private_key(kind, pem=True)

        self.put(tmp_path, location, {"a": b"1"}, file=f"{root}/a")

        assert peer.get(f"{root}/a") == b"1"

    def test_a_password_lets_in(self, sshd, location, peer, root, tmp_path):
        if not sshd.password:
            pytest.skip("only root can have sshd check one")
        del location["private_key"]
        location["password"] = sshd.password

        self.put(tmp_path, location, {"a": b"1"}, file=f"{root}/a")

        assert peer.get(f"{root}/a") == b"1"
        with pytest.raises(StorageRefused, match="Check username and password") as refused:
            self.put(tmp_path, location | {"password": "not that one"}, {"a": b"1"}, file=f"{root}/a")
        assert "not that one" not in refused.value.message

    def test_a_key_that_needs_another_passphrase_is_refused(self, sshd, location, root, tmp_path):
        location["private_key"] = sshd.private_key(passphrase="only ours")

        with pytest.raises(StorageRefused, match="Give its passphrase"):
            self.bring(tmp_path, location, file=f"{root}/a")
        with pytest.raises(StorageRefused, match="Check private_key and passphrase"):
            self.bring(tmp_path, location | {"passphrase": "wrong"}, file=f"{root}/a")

    @pytest.mark.parametrize("text", ["hello", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END"])
    def test_what_is_no_key_is_refused(self, text, location, root, tmp_path):
        with pytest.raises(StorageRefused, match=r"^The private_key (must begin|cannot be read)"):
            self.bring(tmp_path, location | {"private_key": text}, file=f"{root}/a")

    @pytest.mark.parametrize("host", ["sftp.example.com:22", "sftp://a", "a/b", "me@a", "", "[::1]:22"])
    def test_a_host_is_a_host_alone(self, host, location):
        with pytest.raises(OptionProblem, match="host"):
            self.options("import", location | {"host": host})

    # --- Whose server it is

    @pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
    def test_any_of_the_servers_keys_may_be_pinned(self, kind, sshd, location, root, peer, tmp_path):
        print_of = ssh_keys.pins(sshd.host_keys[kind])
        for pinned in (
            sshd.host_keys[kind],
            f"example.com {sshd.host_keys[kind]} a comment",
            print_of,
            f"{another_key()}\n{print_of}",
        ):
            self.put(tmp_path, location | {"host_key": pinned}, {"a": b"1"}, file=f"{root}/a")

        assert peer.get(f"{root}/a") == b"1"

    def test_another_server_is_refused_and_its_key_told(self, sshd, location, root, tmp_path):
        with pytest.raises(StorageRefused, match="Check host_key") as refused:
            self.bring(tmp_path, location | {"host_key": another_key()}, file=f"{root}/a")

        # It has three keys, and each is looked at.
        assert all(ssh_keys.pins(key) in refused.value.message for key in sshd.host_keys.values())

    def test_another_server_does_not_hear_who_we_are(self, lying, tmp_path):
        lying.files[b"a"] = bytearray(b"1")

        with pytest.raises(StorageRefused, match="Check host_key"):
            self.bring(tmp_path, self.at(lying) | {"host_key": another_key()}, file="a")
        assert lying.usernames == []
        pinned = self.at(lying) | {"host_key": ssh_keys.fingerprint(HOST_KEY)}
        assert self.bring(tmp_path, pinned, file="a") == {"a": b"1"}
        assert lying.usernames == ["customer"]

    @pytest.mark.parametrize("text", ["SHA256:short", "ssh-ed25519", "ssh-dss AAAA", "MD5:00:11"])
    def test_what_pins_nothing_is_refused_at_intake(self, text):
        with pytest.raises(OptionProblem, match="host_key"):
            ssh_keys.pins(text)

    # --- Files and folders

    def test_relative_paths_and_the_tilde_begin_where_one_logs_in(self, location, peer, root, tmp_path):
        self.put(tmp_path, location, {"a": b"1"}, file=f"~/{root}/a")
        self.put(tmp_path, location, {"b": b"2"}, path=f"{peer.root}/{root}/sub")

        assert peer.keys(root) == {f"{root}/a", f"{root}/sub/b"}
        for path in (root, f"~/{root}", f"{peer.root}/{root}/"):
            assert self.bring(tmp_path, location, path=path) == {"a": b"1", "sub/b": b"2"}

    def test_links_that_lead_out_of_the_folder_are_passed_over(self, location, peer, root, tmp_path):
        peer.put(f"{root}/x/real.txt", b"real")
        peer.put(f"{root}/outside.txt", b"outside")
        folder = peer.root / root / "x"
        (folder / "inside.txt").symlink_to("real.txt")
        (folder / "out.txt").symlink_to("../outside.txt")
        (folder / "far.txt").symlink_to("/etc/hostname")
        (folder / "dead.txt").symlink_to("nothing")
        (folder / "loop").symlink_to(".")
        os.mkfifo(folder / "pipe")
        peer.give()

        brought = self.bring(tmp_path, location, path=f"{root}/x")

        assert brought == {"inside.txt": b"real", "real.txt": b"real"}

    def test_a_folder_is_no_file(self, location, peer, root, tmp_path):
        peer.put(f"{root}/x/a.txt", b"1")

        with pytest.raises(StorageRefused, match=r"folder.*Check file"):
            self.bring(tmp_path, location, file=f"{root}/x")
        for name in (f"{root}/x", f"{root}/x/"):
            with pytest.raises(StorageRefused, match=r"folder.*Check file"):
                self.put(tmp_path, location, {"a": b"1"}, file=name)
        assert peer.litter(root) == []
        assert peer.keys(root) == {f"{root}/x/a.txt"}

    def test_what_the_login_may_not_do_is_refused(self, sshd, location, peer, root, tmp_path):
        if os.geteuid():
            # To whom files of others can be given.
            pytest.skip("needs root")
        (peer.root / root).mkdir(mode=0o755)
        secret = peer.root / root / "secret.txt"
        secret.touch(mode=0o600)

        with pytest.raises(StorageRefused, match=r"not allowed to read.*secret\.txt.*Check file"):
            self.bring(tmp_path, location, file=f"{root}/secret.txt")
        for name in ("new.txt", "new folder/new.txt"):
            with pytest.raises(StorageRefused, match=r"not allowed to write to.*new\.txt.*Check file"):
                self.put(tmp_path, location, {"a": b"1"}, file=f"{root}/{name}")

    def test_new_files_have_the_permissions_of_the_server(self, location, peer, root, tmp_path):
        self.put(tmp_path, location, {"a": b"1"}, file=f"{root}/a")

        umask = os.umask(0)
        os.umask(umask)
        assert (peer.root / root / "a").stat().st_mode & 0o777 == 0o666 & ~umask

    # --- A server that lies

    @pytest.fixture
    def lying(self):
        with liar() as served:
            yield served

    def at(self, lying):
        return {"host": "127.0.0.1", "port": lying.port, "username": "customer", "password": PASSWORD}

    def test_a_wrong_password_is_refused(self, lying, tmp_path):
        with pytest.raises(StorageRefused, match="Check username and password"):
            self.bring(tmp_path, self.at(lying) | {"password": "wrong"}, file="a")

    def test_a_server_that_takes_no_keys_says_what_it_takes(self, sshd, lying, tmp_path):
        location = self.at(lying) | {"private_key": sshd.private_key()}
        del location["password"]

        with pytest.raises(StorageRefused, match=r"password only.*private_key"):
            self.bring(tmp_path, location, file="a")

    def test_answers_in_pieces_and_out_of_order_make_the_same_file(self, lying, tmp_path):
        content = os.urandom(500_000)
        lying.files[b"a"] = bytearray(content)
        lying.most = 10_000

        assert self.bring(tmp_path, self.at(lying), file="a") == {"a": content}
        lying.most, lying.is_backwards = 1 << 20, True
        lying.files[b"a"] = bytearray(content[: 8 * (32 * 1024 - 256)])
        assert self.bring(tmp_path, self.at(lying), file="a") == {"a": bytes(lying.files[b"a"])}

    def test_a_server_without_extensions_gets_the_file_too(self, lying, tmp_path):
        for content in (b"first", b"second"):
            self.put(tmp_path, self.at(lying), {"a": content}, file="a")

            assert lying.files == {b"a": bytearray(content)}

    @pytest.mark.parametrize("sizes", [[10, 10, 20], [10, 20], [1000]])
    def test_a_size_that_is_not_true_is_no_file(self, sizes, lying, tmp_path):
        lying.files[b"a"] = bytearray(b"0123456789")
        lying.sizes[b"a"] = sizes

        with pytest.raises(StorageUnreachable, match="'a' changed"):
            self.bring(tmp_path, self.at(lying), file="a")

    def test_an_upload_that_is_not_whole_is_never_renamed(self, lying, tmp_path):
        lying.files[b"a"] = bytearray(b"old")
        lying.refusals[paramiko.sftp.CMD_WRITE] = (paramiko.sftp.SFTP_FAILURE, b"disk quota\x1b[31m exceeded")

        with pytest.raises(StorageRefused, match=r"disk quota.*exceeded.*Check file") as refused:
            self.put(tmp_path, self.at(lying), {"a": b"new"}, file="a")

        assert lying.files == {b"a": bytearray(b"old")}
        assert refused.value.message.isprintable()

    def test_more_than_was_asked_for_is_no_answer(self, lying, tmp_path):
        lying.files[b"a"] = bytearray(b"0123456789")
        lying.more = b"!"

        with pytest.raises(StorageRefused, match="does not speak SFTP"):
            self.bring(tmp_path, self.at(lying), file="a")

    def test_names_that_are_none_are_passed_over(self, lying, tmp_path):
        names = [b"..", b".", b"", b"a/b", b"/etc/passwd", b"x\0y", b"good"]
        lying.names = lambda: iter(names)
        lying.files[b"f/good"] = bytearray(b"1")

        assert self.bring(tmp_path, self.at(lying), path="f") == {"good": b"1"}

    def test_a_name_of_a_megabyte_is_no_answer(self, lying, tmp_path):
        lying.names = lambda: iter([b"x" * 1_000_000])

        with pytest.raises(StorageRefused, match="does not speak SFTP"):
            self.bring(tmp_path, self.at(lying), path="f")

    def test_an_endless_listing_ends(self, lying, tmp_path, monkeypatch):
        monkeypatch.setattr(folders, "MAX_ENTRIES", 1000)
        lying.names = lambda: (b"%d" % number for number in itertools.count())

        with pytest.raises(TooMuchOutput):
            self.bring(tmp_path, self.at(lying), path="f")

    def test_a_flood_beside_the_files_breaks_the_line(self, lying, tmp_path, monkeypatch):
        monkeypatch.setattr(ssh, "MAX_AHEAD", 100_000)
        lying.files[b"a"] = bytearray(b"1")
        lying.flood = b"x" * 30_000

        with pytest.raises(StorageUnreachable):
            self.bring(tmp_path, self.at(lying), file="a")

    @pytest.mark.parametrize("said", [b"x" * 4096, b"hello\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    def test_an_endless_greeting_ends(self, said, location, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def talk():
                with suppress(OSError):
                    line, _ = listener.accept()
                    while True:
                        line.sendall(said)

            threading.Thread(target=talk, daemon=True).start()

            with pytest.raises(StorageUnreachable):
                self.bring(tmp_path, self.by(location, listener.getsockname()[1]), file="a")

    def test_a_server_that_falls_silent_is_given_up(
        self, location, peer, root, tmp_path, cutting, moving, monkeypatch
    ):
        monkeypatch.setattr(sftp_session, "IDLE_SECONDS", 0.5)
        monkeypatch.setattr(ssh, "HANDSHAKE_SECONDS", 0.5)
        peer.put(f"{root}/a.bin", bytes(LARGE))
        way = cutting(self.port_of(location))
        moving(2 * MB, lambda _lanes: way.fall_silent())

        with pytest.raises(StorageUnreachable):
            self.bring(tmp_path, self.by(location, way.port), file=f"{root}/a.bin")

    def test_an_order_to_stop_is_heard_while_the_server_is_silent(
        self, location, peer, root, tmp_path, cutting, moving
    ):
        peer.put(f"{root}/a.bin", bytes(LARGE))
        way = cutting(self.port_of(location))
        silent = threading.Event()
        context = RunContext(seconds=120, stop=lambda: "cancelled" if silent.is_set() else None)
        moving(2 * MB, lambda _lanes: (way.fall_silent(), silent.set()))

        with pytest.raises(Stopped):
            self.bring(tmp_path, self.by(location, way.port), context, file=f"{root}/a.bin")
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("lane-")]

    def test_the_agent_and_the_keys_of_this_machine_are_never_used(
        self, sshd, location, root, tmp_path, monkeypatch
    ):
        own = tmp_path / ".ssh"
        own.mkdir(mode=0o700)
        (own / "id_ed25519").write_text(sshd.private_key())
        (own / "config").write_text(
            f"Host *\n IdentityFile {own}/id_ed25519\n ProxyCommand touch {tmp_path}/ran\n"
        )
        monkeypatch.setenv("HOME", f"{tmp_path}")
        monkeypatch.setenv("SSH_AUTH_SOCK", f"{tmp_path}/agent")
        del location["private_key"]

        with pytest.raises(StorageRefused, match=r"Check username and password|publickey"):
            self.bring(tmp_path, location | {"password": "wrong"}, file=f"{root}/a")

        assert not (tmp_path / "ran").exists()
        assert not (own / "known_hosts").exists()


def another_key():
    """Return a server's public key that no server has."""
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    openssh = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return key.public_bytes(*openssh).decode()


def test_a_key_that_would_have_us_compute_for_hours_is_refused():
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.BestAvailableEncryption(b"a passphrase"),
    )
    lines = key.decode().split("\n")
    blob = bytearray(base64.b64decode("".join(lines[1:-2])))
    # Behind the name of its method: two lengths, 16 bytes of salt, and the number that anyone can write.
    at = blob.index(b"bcrypt") + len(b"bcrypt") + 4 + 4 + 16
    blob[at : at + 4] = (2**32 - 1).to_bytes(4, "big")
    patched = "\n".join([lines[0], base64.b64encode(blob).decode(), lines[-2], ""])

    with pytest.raises(StorageRefused, match="rounds"):
        ssh_keys.private(patched, "a passphrase")
