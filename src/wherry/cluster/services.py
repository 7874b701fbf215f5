"""The processes of a cluster and how each is started: the one table `wherry up` works from."""

from __future__ import annotations

import sys

from wherry.cluster.service import Service
from wherry.cluster.settings import CLUSTER_DOMAIN, ClusterSettings, Paths

NODE_AGENTS = ("kubelet", "simulated-nodes")
"""Who sends the nodes' heartbeats."""

_OURS = (sys.executable, "-m", "wherry")


def services(paths: Paths, settings: ClusterSettings) -> list[Service]:
    common = [_apiserver(paths, settings), _controllers(paths, settings), _scheduler(paths, settings)]
    if settings.simulated:
        return [*common, _simulated(paths, settings)]
    return [
        _containerd(paths),
        *common,
        _kubelet(paths, settings),
        _proxy(paths, settings),
        _dns(paths, settings),
    ]


def _component(name: str, flags: dict[str, object], needs: tuple[str, ...] = ("kube-apiserver",)) -> Service:
    words = [f"--{flag}={value}" for flag, value in flags.items()]
    return Service(name, (*_OURS, name, *words), needs)


def _containerd(paths: Paths) -> Service:
    return Service("containerd", ("containerd", "--config", str(paths.containerd / "config.toml")))


def _apiserver(paths: Paths, settings: ClusterSettings) -> Service:
    pki = paths.pki
    flags: dict[str, object] = {
        "data-dir": paths.store,
        "bind-address": "0.0.0.0",
        "secure-port": settings.ports.apiserver,
        "advertise-address": settings.node_ip,
        "client-ca-file": pki / "ca.crt",
        "tls-cert-file": pki / "apiserver.crt",
        "tls-private-key-file": pki / "apiserver.key",
        "kubelet-client-certificate": pki / "apiserver-kubelet-client.crt",
        "kubelet-client-key": pki / "apiserver-kubelet-client.key",
        "kubelet-certificate-authority": pki / "ca.crt",
        "kubelet-preferred-address-types": "InternalIP,Hostname",
        "service-account-issuer": f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        "service-account-key-file": pki / "sa.pub",
        "service-account-signing-key-file": pki / "sa.key",
        "service-cluster-ip-range": settings.service_cidr,
        "allow-privileged": "true",
    }
    return _component("kube-apiserver", flags, needs=())


def _controllers(paths: Paths, settings: ClusterSettings) -> Service:
    flags: dict[str, object] = {
        "kubeconfig": paths.kubeconfig("controller-manager"),
        "bind-address": "127.0.0.1",
        "secure-port": settings.ports.controller_manager,
        "tls-cert-file": paths.pki / "controller-manager-server.crt",
        "tls-private-key-file": paths.pki / "controller-manager-server.key",
        "leader-elect": "false",
        "root-ca-file": paths.pki / "ca.crt",
        "service-account-private-key-file": paths.pki / "sa.key",
        "service-cluster-ip-range": settings.service_cidr,
        "allocate-node-cidrs": "true",
        "cluster-cidr": settings.pod_cidr,
    }
    return _component("kube-controller-manager", flags)


def _scheduler(paths: Paths, settings: ClusterSettings) -> Service:
    flags: dict[str, object] = {
        "kubeconfig": paths.kubeconfig("scheduler"),
        "bind-address": "127.0.0.1",
        "secure-port": settings.ports.scheduler,
        "leader-elect": "false",
    }
    return _component("kube-scheduler", flags)


def _kubelet(paths: Paths, settings: ClusterSettings) -> Service:
    flags: dict[str, object] = {
        "kubeconfig": paths.kubeconfig("kubelet"),
        "hostname-override": settings.node_name,
        "node-ip": settings.node_ip,
        "container-runtime-endpoint": f"unix://{paths.containerd_socket}",
        "root-dir": paths.kubelet,
        "pod-manifest-path": paths.manifests,
        "pod-log-dir": paths.logs / "pods",
        "port": settings.ports.kubelet,
        "healthz-port": settings.ports.kubelet_health,
        "client-ca-file": paths.pki / "ca.crt",
        "tls-cert-file": paths.pki / "kubelet-server.crt",
        "tls-private-key-file": paths.pki / "kubelet-server.key",
        "pod-cidr": settings.node_pod_cidr,
        "cluster-dns": settings.dns_ip,
        "cluster-domain": CLUSTER_DOMAIN,
        "cgroup-root": f"/{settings.cgroup}",
    }
    return _component("kubelet", flags, needs=("kube-apiserver", "containerd"))


def _proxy(paths: Paths, settings: ClusterSettings) -> Service:
    flags: dict[str, object] = {
        "kubeconfig": paths.kubeconfig("proxy"),
        "hostname-override": settings.node_name,
        "cluster-cidr": settings.pod_cidr,
        "healthz-bind-address": f"127.0.0.1:{settings.ports.proxy_health}",
        "table-name": settings.nft_table,
        "masquerade-egress": "true",
    }
    return _component("kube-proxy", flags)


def _dns(paths: Paths, settings: ClusterSettings) -> Service:
    flags: dict[str, object] = {
        "kubeconfig": paths.kubeconfig("dns"),
        "cluster-domain": CLUSTER_DOMAIN,
        "bind-address": "0.0.0.0",
        "port": settings.ports.dns,
    }
    return _component("dns", flags)


def _simulated(paths: Paths, settings: ClusterSettings) -> Service:
    flags: dict[str, object] = {"kubeconfig": paths.kubeconfig("simulated-nodes"), "nodes": settings.nodes}
    return _component("simulated-nodes", flags)
