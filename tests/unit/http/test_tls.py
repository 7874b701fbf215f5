"""TLS contexts, the self-made certificate, and client certificates as the server sees them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wherry.clock import RealClock
from wherry.http.messages import Request, Response
from wherry.http.server import HttpServer
from wherry.http.tls import client_context, self_signed, server_context


def issue(
    folder: Path, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None, days: int
):  # type: ignore[no-untyped-def]
    """A certificate and key in files, signed by `issuer` or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signer = issuer[1] if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    made = builder.sign(signer, hashes.SHA256())
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made, key


async def seen(server: HttpServer, context: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context, server_hostname="127.0.0.1"
    )
    try:
        writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        return (await reader.read()).rpartition(b"\r\n\r\n")[2]
    finally:
        writer.close()


def test_client_certificates(tmp_path: Path) -> None:
    authority = issue(tmp_path, "ca", None, 30)
    issue(tmp_path, "good", authority, 30)
    issue(tmp_path, "expired", authority, -1)
    issue(tmp_path, "stranger", issue(tmp_path, "other", None, 30), 30)
    self_signed(tmp_path / "s.crt", tmp_path / "s.key", ["localhost", "127.0.0.1", "127.0.0.1"], RealClock())

    async def handler(request: Request) -> Response:
        certificate = request.peer.certificate
        if certificate is None:
            return Response(200, b"nobody")
        return Response(200, x509.load_der_x509_certificate(certificate).subject.rfc4514_string().encode())

    async def main() -> None:
        server = HttpServer(
            handler, server_context(tmp_path / "s.crt", tmp_path / "s.key", tmp_path / "ca.crt")
        )
        await server.start("127.0.0.1")

        def context(name: str) -> ssl.SSLContext:
            files = (tmp_path / f"{name}.crt", tmp_path / f"{name}.key") if name else (None, None)
            return client_context(tmp_path / "s.crt", *files)

        assert await seen(server, context("")) == b"nobody"
        assert await seen(server, context("good")) == b"CN=good"
        assert await seen(server, context("expired")) == b"CN=expired"
        with contextlib.suppress(OSError):
            assert await seen(server, context("stranger")) == b""
        await server.close(0.2)

    asyncio.run(main())


def test_self_signed_is_kept(tmp_path: Path) -> None:
    cert, key = tmp_path / "new/a.crt", tmp_path / "new/a.key"
    self_signed(cert, key, ["a", "10.0.0.1"], RealClock())
    first = cert.read_bytes()
    self_signed(cert, key, ["b"], RealClock())
    assert cert.read_bytes() == first
    assert key.stat().st_mode & 0o777 == 0o600
    names = x509.load_pem_x509_certificate(first).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["a"]
