"""Client certificates as users: common name is the user, organizations are the groups.

TLS has verified that the certificate leads to the client CA; its dates are checked here, on every
request, against the given clock (`k8s.io/apiserver/pkg/authentication/request/x509`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from wherry.api import errors
from wherry.apiserver.attributes import User

CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"


@dataclass(frozen=True, slots=True)
class CertificateUser:
    user: User
    not_before: float
    not_after: float


def read(der: bytes) -> CertificateUser:
    """Who a certificate names. A certificate without a common name is nobody: 401."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_der_x509_certificate(der)
        names = [
            str(entry.value) for entry in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]
        organizations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    except ValueError as error:
        raise errors.unauthorized() from error
    if not names or not names[0]:
        raise errors.unauthorized()
    groups = dict.fromkeys([str(entry.value) for entry in organizations])
    groups["system:authenticated"] = None
    user = User(
        names[0],
        tuple(groups),
        extra={CREDENTIAL_ID: (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)},
    )
    return CertificateUser(
        user,
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
    )
