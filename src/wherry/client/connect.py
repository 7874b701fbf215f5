"""A `Client` over HTTPS, from a kubeconfig or from what a pod is given."""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from wherry.client import kubeconfig
from wherry.client.kubeconfig import ClientConfig, KubeconfigError
from wherry.client.rest import Client
from wherry.client.transport import HttpTransport
from wherry.http.client import HttpClient

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SECONDS = 10.0


def client_from_kubeconfig(path: str | Path, *, user_agent: str = "wherry", context: str = "") -> Client:
    """Raises KubeconfigError. Connects at the first request."""
    return client_from_config(kubeconfig.load(path, context), user_agent=user_agent)


def client_from_config(config: ClientConfig, *, user_agent: str = "wherry") -> Client:
    try:
        url = urlsplit(config.server if "//" in config.server else f"//{config.server}", scheme="https")
        port = url.port
    except ValueError as error:
        raise KubeconfigError(f'server "{config.server}": {error}') from error
    if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/"):
        raise KubeconfigError(f'server "{config.server}" is not an address of the form https://host:port')
    secure = url.scheme == "https"
    http = HttpClient(
        url.hostname,
        port or (443 if secure else 80),
        tls=tls_context(config) if secure else None,
        server_hostname=config.tls_server_name,
    )
    return Client(HttpTransport(http, token=_token(config)), user_agent=user_agent)


def in_cluster_config(
    environment: Mapping[str, str] = os.environ, mount: str | Path = SERVICE_ACCOUNT
) -> ClientConfig:
    """The service account of the pod this runs in. Raises KubeconfigError."""
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise KubeconfigError(
            "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT"
            " must be defined"
        )
    folder = Path(mount)
    try:
        ca = (folder / "ca.crt").read_bytes()
        namespace = (folder / "namespace").read_text().strip()
    except OSError as error:
        raise KubeconfigError(f"cannot read {error.filename}: {error.strerror}") from error
    return ClientConfig(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca=ca,
        token_file=str(folder / "token"),
        namespace=namespace,
    )


def tls_context(config: ClientConfig) -> ssl.SSLContext:
    """Raises KubeconfigError when certificate, key or authorities cannot be used."""
    try:
        context = ssl.create_default_context(cadata=config.ca.decode("ascii") if config.ca else None)
        if config.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if config.certificate:
            _load_pair(context, config)
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise KubeconfigError(f"certificate, key or authorities cannot be used: {error}") from error
    return context


def _load_pair(context: ssl.SSLContext, config: ClientConfig) -> None:
    """OpenSSL reads certificate and key from a file only; this one is ours alone and soon gone."""
    with tempfile.NamedTemporaryFile(prefix="wherry-") as file:
        file.write(config.certificate + b"\n" + config.key)
        file.flush()
        context.load_cert_chain(file.name)


def _token(config: ClientConfig) -> Callable[[], str] | None:
    if config.token_file:
        return _TokenFile(Path(config.token_file)).read
    if config.token:
        return lambda: config.token
    return None


class _TokenFile:
    """A mounted token is replaced long before it expires; reading it now and then is enough."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token = ""
        self._read_at = 0.0

    def read(self) -> str:
        now = asyncio.get_running_loop().time()
        if not self._token or now - self._read_at >= TOKEN_SECONDS:
            self._token = self._path.read_text().strip()
            self._read_at = now
        return self._token
