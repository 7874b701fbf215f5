"""A TLS port on 127.0.0.1 for an in-process cluster, with keys and a kubeconfig made for it."""

from __future__ import annotations

from pathlib import Path

from wherry.clock import Clock, RealClock
from wherry.cluster.credentials import kubeconfig_content, write_kubeconfig
from wherry.cluster.pki import Authority, Leaf
from wherry.http.messages import Handler
from wherry.http.server import HttpServer
from wherry.http.tls import server_context

_CONTEXT = "wherry-testing"


async def serve_on_loopback(handler: Handler, folder: Path, clock: Clock) -> tuple[HttpServer, Path]:
    """The running server and an administrator's kubeconfig for it, in `folder`. Certificates hold by
    the machine's clock, whatever the cluster's says: clients check them by theirs."""
    authority = Authority(folder / "pki", RealClock())
    certificate, key = authority.ensure(Leaf("server", "kube-apiserver", names=("127.0.0.1", "localhost")))
    admin, admin_key = authority.ensure(Leaf("admin", "kubernetes-admin", "system:masters"))
    context = server_context(certificate, key, folder / "pki" / "ca.crt")
    server = HttpServer(handler, context, clock=clock)
    await server.start("127.0.0.1", 0)
    file = folder / "kubeconfig"
    content = kubeconfig_content(
        f"https://127.0.0.1:{server.port}",
        _CONTEXT,
        _CONTEXT,
        authority.pem,
        admin.read_bytes(),
        admin_key.read_bytes(),
    )
    write_kubeconfig(file, content)
    return server, file
