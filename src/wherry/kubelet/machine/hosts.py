"""The /etc/hosts that pods get (`kubelet_pods.managedHostsFileContent`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_LOCAL = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
fe00::\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def pod_hosts(pod: Any, ips: Sequence[str], hostname: str, domain: str) -> str:
    """For a pod with a network of its own."""
    lines = ["# Kubernetes-managed hosts file.\n", _LOCAL]
    for ip in ips:
        names = f"{hostname}.{domain}\t{hostname}" if domain else hostname
        lines.append(f"{ip}\t{names}\n")
    return "".join(lines) + _aliases(pod)


def node_hosts(pod: Any, node_file: str) -> str:
    """For a pod in the node's network: the node's own file and the pod's aliases."""
    return "# Kubernetes-managed hosts file (host network).\n" + node_file + _aliases(pod)


def _aliases(pod: Any) -> str:
    if not pod.spec.hostAliases:
        return ""
    lines = ["\t".join((alias.ip, *alias.hostnames)) + "\n" for alias in pod.spec.hostAliases]
    return "".join(("\n# Entries added by HostAliases.\n", *lines))


def pod_hostname(pod: Any, node_name: str, cluster_domain: str) -> tuple[str, str]:
    """(hostname, domain) of a pod: `spec.hostname` or its name, and the domain of its subdomain."""
    if pod.spec.hostNetwork:
        return node_name, ""
    override = pod.spec.hostnameOverride
    if override:
        return str(override), ""
    name = (pod.spec.hostname or pod.metadata.name)[:63].rstrip("-.")
    subdomain = pod.spec.subdomain
    domain = f"{subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}" if subdomain else ""
    return (f"{name}.{domain}" if pod.spec.setHostnameAsFQDN and domain else name), domain
