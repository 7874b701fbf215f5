from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wherry.client.connect import client_from_config, in_cluster_config
from wherry.client.kubeconfig import ClientConfig, KubeconfigError
from wherry.testing import loop as virtual


def self_signed() -> tuple[bytes, bytes]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    pkcs8 = serialization.PrivateFormat.PKCS8
    return certificate.public_bytes(pem), key.private_bytes(pem, pkcs8, serialization.NoEncryption())


CERTIFICATE, KEY = self_signed()


async def talk(config: ClientConfig, folder: Path) -> tuple[list[bytes], str | None]:
    """Asks a TLS server once; the request lines it saw and the client certificate's issuer."""
    (folder / "pair").write_bytes(CERTIFICATE + KEY)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=CERTIFICATE.decode())
    context.load_cert_chain(folder / "pair")
    context.verify_mode = ssl.CERT_OPTIONAL
    seen: list[bytes] = []
    issuer: list[str | None] = [None]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peercert")
        issuer[0] = peer["issuer"][0][0][1] if peer else None
        seen.extend((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    client = client_from_config(replace(config, server=f"https://127.0.0.1:{port}"), user_agent="t/1")
    try:
        assert (await client.raw("GET", "/readyz")).body == b"ok"
    finally:
        await client.close()
        server.close()
        await server.wait_closed()
    return seen, issuer[0]


def test_a_client_certificate(tmp_path: Path) -> None:
    config = ClientConfig("", ca=CERTIFICATE, certificate=CERTIFICATE, key=KEY)
    lines, issuer = asyncio.run(talk(config, tmp_path))
    assert lines[0] == b"GET /readyz HTTP/1.1" and b"user-agent: t/1" in lines
    assert issuer == "test"


def test_a_token(tmp_path: Path) -> None:
    lines, issuer = asyncio.run(talk(ClientConfig("", ca=CERTIFICATE, token="secret"), tmp_path))
    assert b"authorization: Bearer secret" in lines and issuer is None


def test_an_authority_that_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLError):
        asyncio.run(talk(ClientConfig(""), tmp_path))
    asyncio.run(talk(ClientConfig("", insecure=True), tmp_path))


def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")

    async def main() -> None:
        client = client_from_config(ClientConfig("http://127.0.0.1:1", token_file=str(path)))
        token = client._transport._token  # type: ignore[attr-defined]
        assert token() == "first"
        path.write_text("second\n")
        assert token() == "first"
        await virtual.advance(11)
        assert token() == "second"

    virtual.run(main())


@pytest.mark.parametrize("server", ["ftp://x", "https://", "https://x/path", "https://x:99999", "x:y"])
def test_addresses_that_are_none(server: str) -> None:
    with pytest.raises(KubeconfigError, match="server"):
        client_from_config(ClientConfig(server))


@pytest.mark.parametrize(
    "config",
    [
        ClientConfig("https://x", ca=b"nonsense"),
        ClientConfig("https://x", ca=b"\xff"),
        ClientConfig("https://x", certificate=CERTIFICATE, key=b"nonsense"),
    ],
)
def test_material_that_cannot_be_used(config: ClientConfig) -> None:
    with pytest.raises(KubeconfigError, match="cannot be used"):
        client_from_config(config)


def test_in_a_pod(tmp_path: Path) -> None:
    for name in ("ca.crt", "namespace", "token"):
        (tmp_path / name).write_text(name)
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    assert in_cluster_config(environment, tmp_path) == ClientConfig(
        server="https://[fd00::1]:443",
        ca=b"ca.crt",
        token_file=str(tmp_path / "token"),
        namespace="namespace",
    )
    with pytest.raises(KubeconfigError, match="in-cluster"):
        in_cluster_config({}, tmp_path)
    with pytest.raises(KubeconfigError, match="cannot read"):
        in_cluster_config(environment, tmp_path / "absent")
