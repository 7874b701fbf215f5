"""What a fresh cluster is given beside its components: the DNS Service and its endpoint.

`wherry dns` is a process of the node, not a pod, so the Service has no selector and its EndpointSlice
is written here. Everything is applied again at each start (server-side apply, so it is idempotent
and repairs what was changed).
"""

from __future__ import annotations

from typing import Any

from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.cluster.settings import ClusterSettings

MANAGER = "wherry"
_NAMESPACE = "kube-system"
_LABELS = {"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS", "kubernetes.io/cluster-service": "true"}


def dns_objects(settings: ClusterSettings) -> list[dict[str, Any]]:
    ports = [("dns", "UDP"), ("dns-tcp", "TCP")]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": _NAMESPACE, "labels": _LABELS},
        "spec": {
            "clusterIP": settings.dns_ip,
            "ports": [
                {"name": name, "port": 53, "protocol": protocol, "targetPort": settings.ports.dns}
                for name, protocol in ports
            ],
        },
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns-node",
            "namespace": _NAMESPACE,
            "labels": {
                "kubernetes.io/service-name": "kube-dns",
                "endpointslice.kubernetes.io/managed-by": MANAGER,
            },
        },
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [settings.node_ip],
                "conditions": {"ready": True},
                "nodeName": settings.node_name,
            }
        ],
        "ports": [
            {"name": name, "port": settings.ports.dns, "protocol": protocol} for name, protocol in ports
        ],
    }
    return [service, endpoints]


async def apply(client: Client, settings: ClusterSettings) -> None:
    if settings.simulated:
        return
    kinds = {"Service": "services", "EndpointSlice": "endpointslices.discovery.k8s.io"}
    for obj in dns_objects(settings):
        metadata = obj["metadata"]
        await client.patch(
            resource(kinds[obj["kind"]]),
            metadata["name"],
            obj,
            metadata["namespace"],
            kind="apply",
            field_manager=MANAGER,
            force=True,
        )
