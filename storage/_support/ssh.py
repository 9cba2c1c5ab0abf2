"""An SSH connection of a customer's: to a checked address, with no key, agent or settings of this machine."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import paramiko
from paramiko.packet import Packetizer

from jobs.contract import reach
from jobs.contract.errors import StorageRefused

from . import dialing, refusals, ssh_keys

HANDSHAKE_SECONDS = 45
"""From the greeting to the open channel; some servers look names up before they let anybody in."""
KEEPALIVE_SECONDS = 15
MAX_PACKET = 256 * 1024
"""What OpenSSH takes, too; the protocol's own limit is 4 GiB."""
MAX_GREETING = 64 * 1024
MAX_AHEAD = 16 * 1024 * 1024
"""Bytes a server may send that nobody has read yet; one that keeps to the window sends 2 MiB."""
# What paramiko reads fastest first: GCM sends quicker, but takes half as long again to read.
_CIPHERS = ("aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


class _Modest(Packetizer):  # type: ignore[misc]
    """Reads what comes, in sizes that somebody might mean."""

    channel: paramiko.Channel | None = None

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        waiting = self.channel
        if n > MAX_PACKET or (waiting and len(waiting.in_buffer) + len(waiting.in_stderr_buffer) > MAX_AHEAD):
            raise paramiko.SSHException("more than anybody asked for")
        return bytes(super().read_all(n, check_rekey))

    def readline(self, timeout: float) -> str:
        self._greeting = 0
        return str(super().readline(timeout))

    def _read_timeout(self, timeout: float) -> bytes:
        # Of the greeting's lines only.
        data = bytes(super()._read_timeout(timeout))
        self._greeting += len(data)
        if self._greeting > MAX_GREETING:
            raise paramiko.SSHException("an endless greeting")
        return data


class Connection:
    """A channel to a server's SFTP subsystem, logged in."""

    def __init__(self, location: Mapping[str, Any]) -> None:
        """Connect.

        :raises StorageRefused: when the server says no, or is another one than it should be.
        :raises StorageUnreachable: when it does not answer, or nothing that makes sense.
        :raises AddressRefused: when we do not connect there.
        """
        # It logs what servers say, with its own tracebacks; we say what matters.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)
        self._location = location
        self._host: str = location["host"]
        key = location["private_key"]
        # Before anybody is connected to.
        self._key = ssh_keys.private(key, location["passphrase"]) if key else None
        self._line, self._transport = self._known()
        with self._handshake(self._line, self._transport):
            self._log_in()
            self.channel = self._transport.open_session(timeout=HANDSHAKE_SECONDS)
            self._transport.packetizer.channel = self.channel
            self._open_sftp()
        self._transport.set_keepalive(KEEPALIVE_SECONDS)

    def close(self) -> None:
        """Hang up."""
        _hang_up(self._line, self._transport)

    def _known(self) -> tuple[socket.socket, paramiko.Transport]:
        """Return a connection to the right server. It may have several keys, and shows one at a time."""
        pinned = set(filter(None, (self._location["host_key"] or "").split(",")))
        seen: list[str] = []
        passed: list[str] = []
        while True:
            line = dialing.connect(self._host, self._location["port"], usual=reach.SFTP)
            transport = paramiko.Transport(
                line, packetizer_class=_Modest, disabled_algorithms={"keys": passed}
            )
            transport.get_security_options().ciphers = _CIPHERS
            with self._handshake(line, transport):
                try:
                    transport.start_client(timeout=HANDSHAKE_SECONDS)
                    key = transport.get_remote_server_key()
                except paramiko.ssh_exception.IncompatiblePeer as error:
                    raise _mismatch(seen) if seen else _incompatible(error) from error
            if not pinned or ssh_keys.fingerprint(key) in pinned:
                return line, transport
            _hang_up(line, transport)
            seen.append(ssh_keys.fingerprint(key))
            passed += [name for name in transport.preferred_keys if _kind(name) == _kind(key.get_name())]

    @contextmanager
    def _handshake(self, line: socket.socket, transport: paramiko.Transport) -> Iterator[None]:
        """Hang up when something goes wrong in the block, or it takes too long."""
        timer = threading.Timer(HANDSHAKE_SECONDS, _hang_up, (line, transport))
        timer.daemon = True
        timer.start()
        try:
            yield
        except BaseException as error:
            _hang_up(line, transport)
            if isinstance(error, paramiko.SSHException | EOFError | OSError | ValueError):
                raise refusals.unreachable(self._host, broke_off=True) from error
            raise
        finally:
            timer.cancel()

    def _log_in(self) -> None:
        username, password = self._location["username"], self._location["password"]
        fields = [name for name in ("password", "private_key", "passphrase") if self._location[name]]
        transport = self._transport
        try:
            wanted = ["password"]
            if self._key:
                wanted = transport.auth_publickey(username, self._key)
            # Some want both.
            if (
                password
                and not transport.is_authenticated()
                and {"password", "keyboard-interactive"} & {*wanted}
            ):
                wanted = transport.auth_password(username, password)
        except paramiko.BadAuthenticationType as error:
            takes = ", ".join(f"{kind}" for kind in error.allowed_types)[:100]
            raise refusals.refused(f"The server lets {username} in by {takes} only", *fields) from error
        except paramiko.AuthenticationException as error:
            # It calls everything so, and says the rest in words.
            if any(word in f"{error}" for word in ("shut down", "timeout")):
                raise refusals.unreachable(self._host, broke_off=True) from error
            raise refusals.credentials("username", *fields) from error
        if not transport.is_authenticated():
            more = ", ".join(f"{kind}" for kind in wanted)[:100]
            raise refusals.refused(f"The server also wants {more}", "username", *fields)

    def _open_sftp(self) -> None:
        try:
            self.channel.invoke_subsystem("sftp")
        except paramiko.SSHException as error:
            if not self._transport.is_active():
                raise
            raise refusals.refused("The server offers no SFTP to this username", "username") from error


def _hang_up(line: socket.socket, transport: paramiko.Transport) -> None:
    # Its thread ends at once when the line does; else it looks ten times a second.
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    transport.close()
    line.close()


def _kind(algorithm: str) -> str:
    return next((kind for kind in ("ed25519", "ecdsa", "rsa") if kind in algorithm), algorithm)


def _mismatch(seen: list[str]) -> StorageRefused:
    return refusals.refused(f"The server's key is {' or '.join(seen)}, none of those it may have", "host_key")


def _incompatible(error: Exception) -> StorageRefused:
    return refusals.refused(f"No common way to encrypt: {error}", "host")
