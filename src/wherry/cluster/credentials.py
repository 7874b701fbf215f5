"""Who is who in a cluster made by `wherry up`: certificates as a table, and a kubeconfig for each."""

from __future__ import annotations

import base64
from pathlib import Path

from wherry.clock import Clock
from wherry.cluster.pki import Authority, Leaf, ensure_signing_key
from wherry.cluster.settings import CLUSTER_DOMAIN, ClusterSettings, Paths

_LOOPBACK = ("localhost", "127.0.0.1")


def clients(settings: ClusterSettings) -> dict[str, Leaf]:
    """Kubeconfig name -> its certificate; subjects are upstream's."""
    table = {
        "admin": Leaf("admin", "kubernetes-admin", "system:masters"),
        "controller-manager": Leaf("controller-manager", "system:kube-controller-manager"),
        "scheduler": Leaf("scheduler", "system:kube-scheduler"),
        "proxy": Leaf("proxy", "system:kube-proxy", "system:node-proxier"),
        "dns": Leaf("dns", "system:dns"),
        "simulated-nodes": Leaf("simulated-nodes", "system:node:simulated", "system:nodes"),
        "kubelet": Leaf("kubelet", f"system:node:{settings.node_name}", "system:nodes"),
    }
    unused = ("kubelet", "proxy", "dns") if settings.simulated else ("simulated-nodes",)
    return {name: leaf for name, leaf in table.items() if name not in unused}


def apiserver_names(settings: ClusterSettings) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            (
                "kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
                "localhost",
                "127.0.0.1",
                settings.kubernetes_ip,
                settings.node_ip,
            )
        )
    )


def ensure_credentials(paths: Paths, settings: ClusterSettings, clock: Clock) -> None:
    """Everything under `pki/` and `kubeconfigs/`, made or renewed. Idempotent."""
    authority = Authority(paths.pki, clock)
    authority.ensure(Leaf("apiserver", "kube-apiserver", names=apiserver_names(settings)))
    authority.ensure(Leaf("controller-manager-server", "kube-controller-manager", names=_LOOPBACK))
    authority.ensure(Leaf("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"))
    if not settings.simulated:
        names = (settings.node_name, settings.node_ip)
        authority.ensure(
            Leaf(
                "kubelet-server",
                f"system:node:{settings.node_name}",
                "system:nodes",
                tuple(dict.fromkeys(names)),
            )
        )
    ensure_signing_key(paths.pki)
    for name, leaf in clients(settings).items():
        certificate, key = authority.ensure(leaf)
        content = kubeconfig_content(
            settings.url,
            settings.context,
            settings.context if name == "admin" else f"{settings.context}-{name}",
            authority.pem,
            certificate.read_bytes(),
            key.read_bytes(),
        )
        write_kubeconfig(paths.kubeconfig(name), content)


def kubeconfig_content(
    url: str, context: str, user: str, authority: bytes, certificate: bytes, key: bytes
) -> dict[str, object]:
    """A kubeconfig as plain values, with everything embedded. Cluster and context share a name."""

    def data(pem: bytes) -> str:
        return base64.b64encode(pem).decode()

    cluster = {"server": url, "certificate-authority-data": data(authority)}
    credentials = {"client-certificate-data": data(certificate), "client-key-data": data(key)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": context, "cluster": cluster}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": user}}],
        "users": [{"name": user, "user": credentials}],
    }


def write_kubeconfig(file: Path, content: dict[str, object]) -> None:
    import yaml

    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(yaml.safe_dump(content, sort_keys=False))
    fresh.replace(file)
