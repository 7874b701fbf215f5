"""Keys that sign and verify service-account tokens, by upstream's key ids.

A key id is the SHA-256 of the public key's DER form (`k8s.io/kubernetes/pkg/serviceaccount/jwt.go`).
`cryptography` loads at the first token, not at start-up.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class BadKey(ValueError):
    """A key file holds nothing that serves; the text names it."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    id: str
    algorithm: str
    key: Any


@dataclass(frozen=True, slots=True)
class SigningKey:
    key: Any
    public: PublicKey


def _public(key: Any) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, rsa.RSAPublicKey):
        algorithm = "RS256"
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        algorithm = _CURVES[key.curve.name]
    else:
        raise BadKey("unknown public key type, must be an RSA or ECDSA key")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(der).digest()
    return PublicKey(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), algorithm, key)


def public_keys(pem: bytes, name: str) -> list[PublicKey]:
    """Every key in a PEM file: public keys, private keys (their public half) and certificates."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    found: list[PublicKey] = []
    for match in _PEM.finditer(pem):
        block, label = match.group(0), match.group(1)
        try:
            if label == b"CERTIFICATE":
                found.append(_public(x509.load_pem_x509_certificate(block).public_key()))
            elif label.endswith(b"PRIVATE KEY"):
                found.append(_public(serialization.load_pem_private_key(block, None).public_key()))
            elif label.endswith(b"PUBLIC KEY"):
                found.append(_public(serialization.load_pem_public_key(block)))
        except (ValueError, TypeError) as error:
            raise BadKey(f"{name}: {error}") from error
    if not found:
        raise BadKey(f"{name}: data does not contain any valid RSA or ECDSA public keys")
    return found


def signing_key(pem: bytes, name: str) -> SigningKey:
    from cryptography.hazmat.primitives import serialization

    try:
        private = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise BadKey(f"{name}: {error}") from error
    return SigningKey(private, _public(private.public_key()))


def new_private_key() -> bytes:
    """A new ECDSA P-256 key as PEM."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def ensure_key_file(path: Path) -> None:
    """Makes a private key file unless it is there, readable by its owner only."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(new_private_key())


def check_key_file(path: Path) -> None:
    """Raises BadKey for a file without any key in it. (Whether the keys are good is seen when they are
    first needed: reading them takes a library that takes time to load.)"""
    if not _PEM.search(path.read_bytes()):
        raise BadKey(f"{path}: data does not contain any valid RSA or ECDSA keys")


class KeyRing:
    """The signing key and all keys that verify, loaded when first asked for."""

    def __init__(self, signing_file: Path | None, key_files: tuple[Path, ...]) -> None:
        self._signing_file = signing_file
        self._key_files = key_files
        self._signing: SigningKey | None = None
        self._verifying: dict[str, PublicKey] | None = None

    def signing(self) -> SigningKey:
        if self._signing is None:
            if self._signing_file is None:
                self._signing = signing_key(new_private_key(), "generated key")
            else:
                self._signing = signing_key(self._signing_file.read_bytes(), str(self._signing_file))
        return self._signing

    def verifying(self) -> dict[str, PublicKey]:
        """By key id, in the order of the files."""
        if self._verifying is None:
            found: list[PublicKey] = []
            for path in self._key_files:
                found += public_keys(path.read_bytes(), str(path))
            if not self._key_files or self._signing_file is None:
                found.append(self.signing().public)
            self._verifying = {key.id: key for key in found}
        return self._verifying
