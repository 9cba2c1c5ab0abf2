"""An SFTP server in this process that keeps its files in memory and lies where it is told to."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import paramiko
from cryptography.hazmat.primitives.asymmetric import rsa
from paramiko import sftp

PASSWORD = "let me in"
HOST_KEY = paramiko.RSAKey(key=rsa.generate_private_key(65537, 2048))


class Liar(paramiko.ServerInterface):
    """``files`` are what it has; the rest is how it is odd."""

    def __init__(self, host: str = "127.0.0.1", password: str = PASSWORD) -> None:
        self._password = password
        self.files: dict[bytes, bytearray] = {}
        self.names: Callable[[], Iterator[bytes]] | None = None
        """What a listing holds instead, a hundred names a time."""
        self.sizes: dict[bytes, list[int]] = {}
        """What it says of a size, one after the other; the last for good."""
        self.extensions: tuple[bytes, ...] = ()
        self.most = 1 << 20
        """Bytes it gives at a time."""
        self.more = b""
        """What it adds to each piece."""
        self.is_backwards = False
        """Whether it answers the last question first, four at a time."""
        self.refusals: dict[int, tuple[int, bytes]] = {}
        """Commands, to the code and the words it refuses them with."""
        self.asked: list[int] = []
        self.usernames: list[str] = []
        """Who tried to log in."""
        self.flood = b""
        """Sent beside everything, where errors go."""
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._held: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def check_auth_password(self, username, password):
        self.usernames.append(username)
        is_right = (username, password) == ("customer", self._password)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        self.usernames.append(username)
        return "password"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel, name):
        threading.Thread(target=self._talk, args=(channel,), daemon=True).start()
        return name == "sftp"

    def end(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                transport = paramiko.Transport(line)
                transport.add_server_key(HOST_KEY)
                with suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=self)

    def _talk(self, channel) -> None:
        file = channel.makefile("rb")
        with suppress(OSError, EOFError, struct.error):
            while True:
                size = struct.unpack(">I", file.read(4))[0]
                packet = file.read(size)
                kind, body = packet[0], packet[1:]
                if kind == sftp.CMD_INIT:
                    names = b"".join(_text(name) + _text(b"1") for name in self.extensions)
                    _send(channel, bytes([sftp.CMD_VERSION, 0, 0, 0, 3]) + names)
                    continue
                self.asked.append(kind)
                while self.flood:
                    channel.sendall_stderr(self.flood)
                self._held.append(self._answer(kind, body[:4], body[4:]))
                if self.is_backwards and kind == sftp.CMD_READ and len(self._held) < 4:
                    continue
                for answer in reversed(self._held):
                    _send(channel, answer)
                self._held.clear()

    def _answer(self, kind: int, number: bytes, body: bytes) -> bytes:
        if kind in self.refusals:
            return _status(number, *self.refusals[kind])
        length = int.from_bytes(body[:4], "big")
        name, rest = body[4 : 4 + length], body[4 + length :]
        act = getattr(self, f"_{sftp.CMD_NAMES[kind].removeprefix('l').removeprefix('f')}", None)
        if not act:
            return _status(number, 0, b"")
        try:
            return act(number, name, rest)
        except KeyError:
            return _status(number, sftp.SFTP_NO_SUCH_FILE, b"")

    def _open(self, number: bytes, name: bytes, rest: bytes) -> bytes:
        if int.from_bytes(rest[:4], "big") & sftp.SFTP_FLAG_CREATE:
            self.files.setdefault(name, bytearray())
        if name not in self.files:
            raise KeyError(name)
        return bytes([sftp.CMD_HANDLE]) + number + _text(name)

    def _opendir(self, number: bytes, name: bytes, rest: bytes) -> bytes:
        self._listing = self.names() if self.names else iter([*self.files])
        return bytes([sftp.CMD_HANDLE]) + number + _text(name)

    def _realpath(self, number: bytes, name: bytes, rest: bytes) -> bytes:
        return bytes([sftp.CMD_NAME]) + number + struct.pack(">I", 1) + _text(name) + _text(b"") + bytes(4)

    def _rename(self, number: bytes, name: bytes, rest: bytes) -> bytes:
        if rest[4:] in self.files:
            return _status(number, sftp.SFTP_FAILURE, b"there is one")
        self.files[rest[4:]] = self.files.pop(name)
        return _status(number, 0, b"")

    def _remove(self, number: bytes, name: bytes, rest: bytes) -> bytes:
        del self.files[name]
        return _status(number, 0, b"")

    def _write(self, number: bytes, name: bytes, rest: bytes) -> bytes:
        self.files[name][int.from_bytes(rest[:8], "big") :] = rest[12:]
        return _status(number, 0, b"")

    def _read(self, number: bytes, name: bytes, rest: bytes) -> bytes:
        at, size = struct.unpack(">QI", rest)
        data = bytes(self.files[name][at : at + min(size, self.most)])
        return bytes([sftp.CMD_DATA]) + number + _text(data + self.more) if data else _status(number, 1, b"")

    def _stat(self, number: bytes, name: bytes, rest: bytes) -> bytes:
        told = self.sizes.get(name) or [len(self.files[name])]
        size = told.pop(0) if len(told) > 1 else told[0]
        return bytes([sftp.CMD_ATTRS]) + number + _facts(size)

    def _readdir(self, number: bytes, name: bytes, rest: bytes) -> bytes:
        some = [name for name, _ in zip(self._listing, range(100), strict=False)]
        if not some:
            return _status(number, 1, b"")
        names = b"".join(_text(name) + _text(b"") + _facts(1) for name in some)
        return bytes([sftp.CMD_NAME]) + number + struct.pack(">I", len(some)) + names


@contextmanager
def liar(host: str = "127.0.0.1", password: str = PASSWORD) -> Iterator[Liar]:
    """A server for as long as the block lasts."""
    served = Liar(host, password)
    try:
        yield served
    finally:
        served.end()


def _text(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _facts(size: int) -> bytes:
    # A file of 2001.
    return struct.pack(">IQIII", 0x1 | 0x4 | 0x8, size, 0o100644, 10**9, 10**9)


def _status(number: bytes, code: int, words: bytes) -> bytes:
    return bytes([sftp.CMD_STATUS]) + number + struct.pack(">I", code) + _text(words) + _text(b"")


def _send(channel, packet: bytes) -> None:
    channel.sendall(struct.pack(">I", len(packet)) + packet)
