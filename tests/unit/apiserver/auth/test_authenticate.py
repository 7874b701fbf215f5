"""Who a request is from: tokens, certificates, nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wherry.api.errors import ApiError
from wherry.apiserver.attributes import ANONYMOUS, User
from wherry.apiserver.auth import tokenfile
from wherry.apiserver.auth.authenticate import Authenticator
from wherry.apiserver.auth.keys import KeyRing
from wherry.apiserver.auth.serviceaccount import Verifier
from wherry.apiserver.settings import ServiceAccountSettings
from wherry.http.messages import Peer

from ..world import FixedClock, Objects, request

ADMIN = User("admin", ("system:masters", "system:authenticated"), "1")


def authenticator(clock: FixedClock, *, anonymous: bool = True) -> Authenticator:
    verifier = Verifier(KeyRing(None, ()), Objects(), clock, ServiceAccountSettings())
    return Authenticator(verifier, {"secret": ADMIN}, clock, ("api",), anonymous=anonymous)


def certificate(clock: FixedClock, *attributes: tuple[x509.ObjectIdentifier, str]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])
    now = datetime.fromtimestamp(clock.now, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def refused(who: Authenticator, *, peer: Peer | None = None, **headers: str) -> bool:
    with pytest.raises(ApiError) as error:
        who.identify(request("GET /api", peer=peer, **headers))
    return (error.value.code, error.value.message) == (401, "Unauthorized")


def test_static_tokens() -> None:
    who = authenticator(FixedClock())
    assert who.identify(request("GET /", authorization="Bearer secret")) == ADMIN
    assert who.identify(request("GET /", authorization="  bearer   secret ")) == ADMIN
    assert refused(who, authorization="Bearer wrong")
    assert refused(who, authorization="Bearer a.b.c")


@pytest.mark.parametrize("header", ["", "Basic x", "Bearer", "Bearer  "])
def test_without_credentials_nobody(header: str) -> None:
    assert authenticator(FixedClock()).identify(request("GET /", authorization=header)) is ANONYMOUS
    assert refused(authenticator(FixedClock(), anonymous=False), authorization=header)


def test_certificates_and_their_dates() -> None:
    clock = FixedClock()
    who = authenticator(clock)
    der = certificate(
        clock,
        (NameOID.COMMON_NAME, "system:node:a"),
        (NameOID.ORGANIZATION_NAME, "system:nodes"),
        (NameOID.ORGANIZATION_NAME, "other"),
    )
    peer = Peer(certificate=der)
    user = who.identify(request("GET /", peer=peer))
    assert user.name == "system:node:a"
    assert user.groups == ("system:nodes", "other", "system:authenticated")
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")
    clock.now += 3601
    assert refused(who, peer=peer)
    assert who.identify(request("GET /", peer=peer, authorization="Bearer secret")) == ADMIN


def test_certificate_without_a_name_is_nobody() -> None:
    clock = FixedClock()
    peer = Peer(certificate=certificate(clock, (NameOID.ORGANIZATION_NAME, "x")))
    assert refused(authenticator(clock), peer=peer)
    assert refused(authenticator(clock), peer=Peer(certificate=b"junk"))


def test_in_process_identity() -> None:
    assert authenticator(FixedClock()).identify(request("GET /", peer=Peer(state={"user": ADMIN}))) is ADMIN


def test_token_file() -> None:
    text = 'a,user,1,"g1, g2"\n\n# c,x,y\nb,other,2\n'
    users = tokenfile.read(text, "f")
    assert users["a"] == User("user", ("g1", "g2", "system:authenticated"), "1")
    assert users["b"].groups == ("system:authenticated",)
    with pytest.raises(tokenfile.BadTokenFile, match="must have at least 3 columns"):
        tokenfile.read("a,b\n", "f")
    with pytest.raises(tokenfile.BadTokenFile, match="empty token"):
        tokenfile.read(",b,c\n", "f")
