"""What every cluster has from its first moment: system namespaces, priority classes, and the Service
`kubernetes` with the addresses of the API servers behind it.

Everything is made if missing and otherwise left alone. API servers announce themselves under leases
(`/registry/masterleases/ADDRESS`, as upstream's lease reconciler); each keeps Endpoints and
EndpointSlice equal to the set of living announcements.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj
from wherry.apiserver.attributes import LOOPBACK
from wherry.apiserver.registry.service import Registry
from wherry.apiserver.settings import ApiServerSettings
from wherry.etcd.types import Put, Range, Store, StoreFailed, StoreFull

log = logging.getLogger("wherry.apiserver")

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
INTERVAL = 10.0
LEASE = 15.0
_LEASES = b"/registry/masterleases/"
_LEASES_END = b"/registry/masterleases0"
_SLICES = "endpointslices.discovery.k8s.io"
_CLASSES = {
    "system-cluster-critical": (
        2000000000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if "
        "necessary.",
    ),
    "system-node-critical": (
        2000001000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
}


def namespace(name: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def priority_class(name: str) -> Obj:
    value, text = _CLASSES[name]
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        "description": text,
    }


def service(address: str, port: int) -> Obj:
    """The Service `kubernetes`."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
            "sessionAffinity": "None",
        },
    }


def endpoints(addresses: list[str], port: int) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [
            {
                "addresses": [{"ip": address} for address in addresses],
                "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
            }
        ],
    }


def endpoint_slice(addresses: list[str], port: int) -> Obj:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv6" if ":" in addresses[0] else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }


class Bootstrap:
    def __init__(self, registry: Registry, store: Store, settings: ApiServerSettings) -> None:
        self._registry = registry
        self._store = store
        self._settings = settings
        self._lease = 0
        self._done = False

    async def check(self) -> str:
        """A health check: "" once everything is there."""
        return "" if self._done else "not finished"

    async def ensure(self) -> None:
        """Makes what is missing. Raises ApiError when the store can't."""
        for name in NAMESPACES:
            await self._create("namespaces", namespace(name))
        for name in _CLASSES:
            await self._create("priorityclasses.scheduling.k8s.io", priority_class(name))
        address = self._settings.kubernetes_service_ip
        await self._create("services", service(address, self._settings.secure_port), "default")
        await self._try_reconcile()
        self._done = True

    async def _create(self, group_resource: str, obj: Obj, where: str = "") -> None:
        if self._registry.reader.get(group_resource, obj["metadata"]["name"], where) is not None:
            return
        try:
            await self._registry.create(group_resource, obj, where, LOOPBACK)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    @property
    def _announces(self) -> bool:
        address = self._settings.advertise_address
        return (
            self._settings.endpoint_reconciler
            and bool(address)
            and self._settings.secure_port > 0
            and not ipaddress.ip_address(address).is_loopback
        )

    async def keep_endpoints(self) -> None:
        """Runs until cancelled."""
        while self._announces:
            await asyncio.sleep(INTERVAL)
            try:
                for name in NAMESPACES:
                    await self._create("namespaces", namespace(name))
            except (ApiError, StoreFull, StoreFailed) as error:
                log.warning("the cluster's own namespaces were not made: %s", error)
            await self._try_reconcile()

    async def _try_reconcile(self) -> None:
        """On a full disk an API server must still start, so that something can be deleted."""
        try:
            await self._reconcile()
        except (ApiError, StoreFull, StoreFailed) as error:
            log.warning("the endpoints of the kubernetes service were not updated: %s", error)

    async def withdraw(self) -> None:
        """Takes this server's address back, so that clients stop coming before it is gone."""
        if not self._lease:
            return
        try:
            await self._store.lease_revoke(self._lease)
            self._lease = 0
            await self._publish()
        except (ApiError, KeyError, StoreFull, StoreFailed) as error:
            log.warning("this server's address was not withdrawn: %s", error)

    async def _reconcile(self) -> None:
        if self._announces:
            await self._announce()
            await self._publish()

    async def _announce(self) -> None:
        if self._lease:
            try:
                await self._store.lease_keep_alive(self._lease)
                return
            except KeyError:
                self._lease = 0
        self._lease = await self._store.lease_grant(LEASE)
        address = self._settings.advertise_address
        value = b'{"kind":"Endpoints","apiVersion":"v1","subsets":[{"addresses":[{"ip":"%b"}]}]}'
        key = _LEASES + address.encode()
        await self._store.txn([], [Put(key, value % address.encode(), self._lease)])

    async def _publish(self) -> None:
        """Makes Endpoints and EndpointSlice say which API servers live. The last one leaves both as
        they are: whoever reads them then can reach nobody anyway."""
        found = await self._store.range(Range(_LEASES, _LEASES_END, keys_only=True))
        addresses = sorted(entry.key.removeprefix(_LEASES).decode() for entry in found.kvs)
        if not addresses:
            return
        port = self._settings.secure_port
        await self._put("endpoints", endpoints(addresses, port), ("subsets",))
        await self._put(_SLICES, endpoint_slice(addresses, port), ("endpoints", "ports"))

    async def _put(self, group_resource: str, wanted: Obj, fields: tuple[str, ...]) -> None:
        there = self._registry.reader.get(group_resource, "kubernetes", "default")
        if there is None:
            await self._create(group_resource, wanted, "default")
            return
        if all(_plain(there.get(field)) == _plain(wanted.get(field)) for field in fields):
            return
        changed = {**there, **{field: wanted[field] for field in fields}}
        await self._registry.update(group_resource, changed, "default", LOOPBACK)


def _plain(value: Any) -> Any:
    """Without the nulls and empties that defaulting may add."""
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items() if child not in (None, {}, [])}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return value
