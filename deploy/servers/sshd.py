"""OpenSSH's sshd with its SFTP subsystem: a customer's server, with host keys and logins of its own."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from .customer import PASSWORD, USERNAME, elsewhere
from .starting import free_port, listens, running

Key = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SSHD = "/usr/sbin/sshd"


@dataclass(frozen=True)
class Sshd:
    """A server that runs."""

    port: int
    username: str
    password: str | None
    """Only root can have a server check one: it takes a line in /etc/shadow. None for anybody else."""
    home: Path
    """Where a login leads."""
    keys: Mapping[str, Key]
    """Those that let in, by their kind."""
    host_keys: Mapping[str, str]
    """The server's own public keys, by their kind, as OpenSSH writes them."""

    def private_key(self, kind: str = "ed25519", *, passphrase: str | None = None, pem: bool = False) -> str:
        """Return a key that lets in as text."""
        lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            lock = serialization.BestAvailableEncryption(passphrase.encode())
        style = serialization.PrivateFormat.TraditionalOpenSSL if pem else serialization.PrivateFormat.OpenSSH
        return self.keys[kind].private_bytes(serialization.Encoding.PEM, style, lock).decode()


def made_keys() -> dict[str, Key]:
    """Return a new key of every kind."""
    return {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ecdsa": ec.generate_private_key(ec.SECP256R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }


def public(key: Key) -> str:
    """Return a key's public half as OpenSSH writes it."""
    style = serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, style).decode()


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """Run a server with one customer, for as long as the block lasts.

    As root it runs where a made-up user with a password is known, and nobody else sees that user. As
    anybody else the customer is whoever runs it, who logs in by key only: passwords need root.
    """
    is_root = os.geteuid() == 0
    home = folder / "home"
    home.mkdir()
    keys, host_keys, port = made_keys(), made_keys(), free_port()
    (folder / "authorized_keys").write_text("".join(f"{public(key)}\n" for key in keys.values()))
    command: list[str | Path] = [SSHD, "-D", "-e", "-f", _configured(folder, home, host_keys, port)]
    if b"persourcepenalties" in Path(SSHD).read_bytes():
        # Newer ones shut out who fails to log in, which is what tests do.
        command += ["-o", "PerSourcePenalties=no"]
    if is_root:
        command = elsewhere(folder, home, command)
    with running(command, log=folder / "sshd.log", ready=lambda: listens(port)):
        yield Sshd(
            port=port,
            username=USERNAME if is_root else getpass.getuser(),
            password=PASSWORD if is_root else None,
            home=home,
            keys=keys,
            host_keys={kind: public(key) for kind, key in host_keys.items()},
        )


def _configured(folder: Path, home: Path, host_keys: Mapping[str, Key], port: int) -> Path:
    lines = [f"Port {port}", "ListenAddress 127.0.0.1", "PidFile none"]
    for kind, key in host_keys.items():
        file = folder / f"host_{kind}"
        file.touch(mode=0o600)
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
        )
        lines.append(f"HostKey {file}")
    lines += [
        *("UsePAM no", "UseDNS no", "StrictModes no", "PrintMotd no", "MaxStartups 100", "LogLevel VERBOSE"),
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        f"Subsystem sftp internal-sftp -d {home}",
    ]
    file = folder / "sshd_config"
    file.write_text("\n".join(lines) + "\n")
    return file
