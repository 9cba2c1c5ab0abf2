"""FTP servers: pyftpdlib, without TLS and with it, and vsftpd, which wants TLS sessions reused."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from .customer import PASSWORD, USERNAME, elsewhere
from .starting import PYTHON, free_port, listens, running


@dataclass(frozen=True)
class Ftpd:
    """Servers that run, with one customer."""

    ports: Mapping[str, int]
    """By how they are secured: ``none``, ``explicit``, ``implicit``."""
    username: str
    password: str
    home: Path
    """Where a login leads."""
    certificate: Path
    """The certificate, with its key: nobody vouches for it but itself."""
    fingerprint: str


@contextmanager
def ftpd(folder: Path) -> Iterator[Ftpd]:
    """Run pyftpdlib three times for as long as the block lasts; anybody may."""
    home = folder / "home"
    home.mkdir()
    file, fingerprint = certified(folder)
    served = Ftpd(
        ports={kind: free_port() for kind in ("none", "explicit", "implicit")},
        username=USERNAME,
        password=PASSWORD,
        home=home,
        certificate=file,
        fingerprint=fingerprint,
    )
    told = {
        "ports": served.ports,
        "username": served.username,
        "password": served.password,
        "home": f"{home}",
        "certificate": f"{file}",
    }
    script = Path(__file__).parent / "inside" / "ftp_server.py"
    with running(
        [PYTHON / "python", script, json.dumps(told)],
        log=folder / "ftpd.log",
        ready=lambda: all(map(listens, served.ports.values())),
    ):
        yield served


@contextmanager
def vsftpd(folder: Path) -> Iterator[Ftpd]:
    """Run vsftpd for as long as the block lasts. Only root can: it asks the system for its users."""
    home = folder / "home"
    home.mkdir()
    file, fingerprint = certified(folder)
    port = free_port()
    settings = folder / "vsftpd.conf"
    given = {
        "listen": "YES",
        "listen_address": "127.0.0.1",
        "listen_port": f"{port}",
        "background": "NO",
        "anonymous_enable": "NO",
        "local_enable": "YES",
        "write_enable": "YES",
        "local_umask": "022",
        "seccomp_sandbox": "NO",
        "ssl_enable": "YES",
        "rsa_cert_file": f"{file}",
        "rsa_private_key_file": f"{file}",
        "require_ssl_reuse": "YES",
        "force_local_data_ssl": "YES",
        "force_local_logins_ssl": "YES",
        "ssl_ciphers": "HIGH",
        "delay_failed_login": "0",
    }
    settings.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    with running(
        elsewhere(folder, home, ["/usr/sbin/vsftpd", settings]),
        log=folder / "vsftpd.log",
        ready=lambda: listens(port),
    ):
        yield Ftpd({"explicit": port}, USERNAME, PASSWORD, home, file, fingerprint)


def certified(folder: Path) -> tuple[Path, str]:
    """Make a certificate for this machine; return its file and its fingerprint."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file, hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).hexdigest()
