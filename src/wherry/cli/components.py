"""The components that are commands of their own, as a table. Nothing else is imported here: `wherry`
looks at it before it knows what it is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ComponentCommand:
    """`module` has FLAGS and `serve(flags, ready)`; it is imported only when it runs."""

    module: str
    summary: str
    example: str


COMPONENTS = {
    "kube-apiserver": ComponentCommand(
        "wherry.apiserver.options",
        "the Kubernetes API over TLS, with the store inside",
        "wherry kube-apiserver --data-dir=/var/lib/kube --secure-port=6443 --client-ca-file=ca.crt",
    ),
    "kube-scheduler": ComponentCommand(
        "wherry.scheduler.options",
        "gives pods a node",
        "wherry kube-scheduler --kubeconfig=scheduler.conf",
    ),
    "kube-controller-manager": ComponentCommand(
        "wherry.controllers.options",
        "the loops that make what is into what should be",
        "wherry kube-controller-manager --kubeconfig=controller-manager.conf --controllers='*'",
    ),
    "kubelet": ComponentCommand(
        "wherry.kubelet.options",
        "runs a node's pods on a container runtime",
        "wherry kubelet --kubeconfig=kubelet.conf "
        "--container-runtime-endpoint=unix:///run/containerd/containerd.sock",
    ),
    "kube-proxy": ComponentCommand(
        "wherry.proxy.options",
        "Service addresses, by nftables or iptables",
        "wherry kube-proxy --kubeconfig=proxy.conf --cluster-cidr=10.244.0.0/16",
    ),
    "dns": ComponentCommand(
        "wherry.dns.options",
        "cluster DNS",
        "wherry dns --kubeconfig=dns.conf --port=10053",
    ),
    "simulated-nodes": ComponentCommand(
        "wherry.kubelet.simulated_options",
        "nodes without machines: their pods become Running without containers",
        "wherry simulated-nodes --kubeconfig=nodes.conf --nodes=100",
    ),
}
