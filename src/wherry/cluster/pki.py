"""The cluster's keys and certificates, in kubeadm's file layout.

One authority signs everyone: API server (serving), administrator, components and nodes (clients),
kubelet (serving). Keys are ECDSA P-256: made in a millisecond where RSA takes a hundred. `ensure`
is idempotent: it makes what is missing and renews what has less than a third of its year left, so a
cluster that is started now and then never meets an expired certificate.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wherry.clock import Clock, utc

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=365)
RENEW_BEFORE = LEAF_LIFE / 3


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate to have: file stem, subject, and the names it serves (empty: a client's)."""

    stem: str
    common_name: str
    organization: str = ""
    names: tuple[str, ...] = ()


class Authority:
    """The certificate authority in `directory` (`ca.crt`, `ca.key`), made when it is missing."""

    def __init__(self, directory: Path, clock: Clock, common_name: str = "kubernetes") -> None:
        self.directory = directory
        self._clock = clock
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        certificate, key = directory / "ca.crt", directory / "ca.key"
        if not (certificate.exists() and key.exists()):
            made = _new_key()
            _write(key, _key_pem(made), 0o600)
            _write(certificate, _pem(self._self_signed(made, common_name)), 0o644)
        self.certificate = x509.load_pem_x509_certificate(certificate.read_bytes())
        self._key: Any = serialization.load_pem_private_key(key.read_bytes(), None)

    @property
    def pem(self) -> bytes:
        return _pem(self.certificate)

    def ensure(self, leaf: Leaf) -> tuple[Path, Path]:
        """(certificate file, key file), made or renewed as needed."""
        certificate, key = self.directory / f"{leaf.stem}.crt", self.directory / f"{leaf.stem}.key"
        if key.exists() and certificate.exists() and self._holds(certificate, leaf):
            return certificate, key
        made = _new_key()
        _write(key, _key_pem(made), 0o600)
        _write(certificate, _pem(self._signed(leaf, made.public_key())), 0o644)
        return certificate, key

    def _holds(self, file: Path, leaf: Leaf) -> bool:
        """Still long enough valid, from this authority, and for these names."""
        try:
            have = x509.load_pem_x509_certificate(file.read_bytes())
        except ValueError:
            return False
        fresh = have.not_valid_after_utc - utc(self._clock) > RENEW_BEFORE
        ours = have.issuer == self.certificate.subject
        return fresh and ours and _names_of(have) == set(leaf.names)

    def _builder(self, subject: x509.Name, life: timedelta, key: Any) -> x509.CertificateBuilder:
        now = utc(self._clock)
        start = _whole(now - timedelta(minutes=5))
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(_whole(now + life))
        )

    def _self_signed(self, key: ec.EllipticCurvePrivateKey, common_name: str) -> x509.Certificate:
        subject = _name(common_name, "")
        public = key.public_key()
        return (
            self._builder(subject, AUTHORITY_LIFE, public)
            .issuer_name(subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, hashes.SHA256())
        )

    def _signed(self, leaf: Leaf, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if leaf.names else ExtendedKeyUsageOID.CLIENT_AUTH
        authority_key = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        builder = (
            self._builder(_name(leaf.common_name, leaf.organization), LEAF_LIFE, key)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_key.value),
                critical=False,
            )
        )
        if leaf.names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(name) for name in leaf.names]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256())


def ensure_signing_key(directory: Path) -> tuple[Path, Path]:
    """(public, private) key files that sign service-account tokens: `sa.pub`, `sa.key`."""
    public, private = directory / "sa.pub", directory / "sa.key"
    if not (public.exists() and private.exists()):
        key = _new_key()
        _write(private, _key_pem(key), 0o600)
        pem = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write(public, pem, 0o644)
    return public, private


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str, organization: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not authority,
        key_cert_sign=authority,
        crl_sign=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_of(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in found}


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(file: Path, data: bytes, mode: int) -> None:
    """In place whole or not at all, never readable by more than `mode` says."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
    fresh.replace(file)


Ensure = Callable[[Leaf], tuple[Path, Path]]
