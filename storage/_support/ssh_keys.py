"""A customer's SSH keys as they are pasted: private ones to log in with, public ones to know a server by."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from typing import TYPE_CHECKING

from jobs.contract import OptionProblem
from jobs.contract.errors import StorageRefused

from . import refusals

if TYPE_CHECKING:
    import paramiko

MAX_LENGTH = 8 * 1024
"""Characters of a private key; whoever sends a longer one wants us to compute."""
MAX_ROUNDS = 256
"""What an encrypted key may cost to open; ssh-keygen asks for 16 or 24."""
_ARMOUR = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_PINNED = re.compile(
    r"SHA256:(?P<digest>[A-Za-z0-9+/]{43})=?"
    r"|(?:\S+[ \t]+)?(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+)"
    r"[ \t]+(?P<key>AAAA[A-Za-z0-9+/]+=*)(?:[ \t].*)?"
)


def private(text: str, passphrase: str | None) -> paramiko.PKey:
    """Return a private key: ed25519, ecdsa or rsa, in OpenSSH's format or PEM.

    Line breaks that were lost on its way, or came as ``\\n``, are put back.

    :raises StorageRefused: when it cannot be read, or not with this passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    kind, data = _armoured(text)
    if kind == "ENCRYPTED PRIVATE KEY":
        raise _unread("is encrypted, and so must be in OpenSSH's format: ssh-keygen -p -f KEY rewrites it")
    is_openssh = kind == "OPENSSH PRIVATE KEY"
    if is_openssh and _rounds(data) > MAX_ROUNDS:
        raise _unread(f"may take at most {MAX_ROUNDS} rounds to open")
    load = serialization.load_ssh_private_key if is_openssh else serialization.load_pem_private_key
    try:
        try:
            key = load(data, passphrase.encode() if passphrase else None)
        except TypeError as error:
            if not passphrase:
                raise _unread("is encrypted. Give its passphrase") from error
            # A passphrase for a key that needs none does no harm.
            key = load(data, None)
    except (ValueError, UnsupportedAlgorithm) as error:
        if passphrase:
            raise refusals.credentials("private_key", "passphrase") from error
        raise _unread("cannot be read. Give the whole of it, with its BEGIN and END lines") from error
    return _of_paramiko(key)


def pins(text: str) -> str:
    """Check an option that says which keys a server may have, and return their fingerprints.

    :param text: public keys as OpenSSH writes them, or ``SHA256:`` fingerprints; one on each line, or
        several with commas between.
    """
    found = []
    for part in filter(None, (part.strip() for part in re.split(r"[,\r\n]", text))):
        match = _PINNED.fullmatch(part)
        try:
            found.append(match["digest"] or _digest(base64.b64decode(match["key"], validate=True)))  # type: ignore[index]
        except (TypeError, binascii.Error):
            raise OptionProblem(
                "The host_key must be a public key such as 'ssh-ed25519 AAAA...', or a fingerprint such as"
                " 'SHA256:...'; ssh-keyscan shows the first, ssh-keygen -l the second."
            ) from None
    return ",".join(f"SHA256:{digest}" for digest in found)


def fingerprint(key: paramiko.PKey) -> str:
    """Return what OpenSSH shows of a public key."""
    return f"SHA256:{_digest(key.asbytes())}"


def _digest(blob: bytes) -> str:
    return base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _armoured(text: str) -> tuple[str, bytes]:
    found = _ARMOUR.search(text.replace("\\n", "\n").replace("\r", ""))
    if not found:
        raise _unread("must begin with a line such as '-----BEGIN OPENSSH PRIVATE KEY-----'")
    kind, inside = found.groups()
    body = inside.strip("\n")
    if "\n" not in body:
        body = "\n".join(body.split())
    return kind, f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n".encode()


def _rounds(data: bytes) -> int:
    """Return how often the key's own text would have us hash: anybody can write 4 billion there."""
    try:
        blob = base64.b64decode(b"".join(data.split(b"\n")[1:-2]))
    except binascii.Error:
        return 0
    inside = io.BytesIO(blob.partition(b"openssh-key-v1\0")[2])
    _cipher, _kdf, settings = (inside.read(_number(inside)) for _ in range(3))
    options = io.BytesIO(settings)
    options.read(_number(options))
    return _number(options)


def _number(file: io.BytesIO) -> int:
    return int.from_bytes(file.read(4), "big")


def _of_paramiko(key: object) -> paramiko.PKey:
    import paramiko
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    kinds: list[tuple[type, type[paramiko.PKey]]] = [
        (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
        (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
        (rsa.RSAPrivateKey, paramiko.RSAKey),
    ]
    for theirs, wanted in kinds:
        if isinstance(key, theirs):
            text = key.private_bytes(  # type: ignore[attr-defined]
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            ).decode()
            return wanted.from_private_key(io.StringIO(text))
    raise _unread("must be an ed25519, ecdsa or rsa key")


def _unread(words: str) -> StorageRefused:
    return StorageRefused(f"The private_key {words}.")
