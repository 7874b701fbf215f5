"""Node ports of Services, from `--service-node-port-range`; beside them the health check port of load
balancers that send traffic only to nodes with endpoints.

A port number is given to one Service whatever the protocol, but one Service may use it for several.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.fieldpath import invalid_value
from wherry.api.schema import Obj
from wherry.apiserver.admission.bands import Bands, lower_band
from wherry.apiserver.admission.plugin import Plugin, name_of, the_object
from wherry.apiserver.attributes import Attributes, Reader


class ServiceNodePorts(Plugin):
    name = "ServiceNodePorts"
    resources = ("services",)
    operations = ("CREATE", "UPDATE")

    def __init__(self, reader: Reader, rng: random.Random, ports: tuple[int, int]) -> None:
        self._reader = reader
        self._low, self._high = ports
        size = self._high - self._low + 1
        self._bands = Bands(size, lower_band(size, 16, 32, 128), rng, self._holds)
        self._known = False

    def _holds(self, owner: str, number: int) -> bool:
        namespace, _, name = owner.partition("/")
        service = self._reader.get("services", name, namespace)
        return service is not None and self._low + number in ports_of(service["spec"])

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        spec = the_object(attributes)["spec"]
        before = (attributes.old or {}).get("spec") or {}
        if attributes.operation == "UPDATE" and needs_ports(before) and needs_ports(spec):
            _carry_over(spec, before)
        if not needs_ports(spec):
            return None
        request = _Request(self, attributes, ports_of(before) if needs_ports(before) else set())
        try:
            request.allocate(spec)
        except ApiError:
            request.settle(False)
            raise
        if not request.taken:
            return None
        if attributes.dry_run:
            request.settle(False)
            return None
        return request.settle

    @property
    def bands(self) -> Bands:
        """Complete with what was there when this server started."""
        if not self._known:
            self._known = True
            for service in self._reader.list("services"):
                metadata = service["metadata"]
                owner = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
                inside = (p for p in ports_of(service["spec"]) if self._low <= p <= self._high)
                self._bands.learn(owner, (p - self._low for p in inside))
        return self._bands

    @property
    def low(self) -> int:
        return self._low

    @property
    def high(self) -> int:
        return self._high


class _Request:
    """The ports of one Service being written."""

    def __init__(self, plugin: ServiceNodePorts, attributes: Attributes, kept: set[int]) -> None:
        self._plugin = plugin
        self._attributes = attributes
        self._kept = kept
        self.taken: list[int] = []

    def allocate(self, spec: Obj) -> None:
        ports = spec.get("ports") or []
        # Ports asked for by number first: a random one must not get in their way.
        for i, port in enumerate(ports):
            if port.get("nodePort"):
                self._take(port["nodePort"], f"spec.ports[{i}].nodePort")
        if spec.get("type") == "NodePort" or spec.get("allocateLoadBalancerNodePorts") is not False:
            for port in ports:
                if not port.get("nodePort"):
                    port["nodePort"] = _same_port(port, ports) or self._take_any()
        if spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
            if number := spec.get("healthCheckNodePort"):
                self._take(number, "spec.healthCheckNodePort")
            else:
                spec["healthCheckNodePort"] = self._take_any()

    def _take(self, port: int, path: str) -> None:
        plugin = self._plugin
        if port in self._kept:
            return
        self._kept.add(port)
        if not plugin.low <= port <= plugin.high:
            limits = f"The range of valid ports is {plugin.low}-{plugin.high}"
            raise self._invalid(path, port, f"provided port is not in the valid range. {limits}")
        if not plugin.bands.take(port - plugin.low):
            raise self._invalid(path, port, "provided port is already allocated")
        self.taken.append(port - plugin.low)

    def _take_any(self) -> int:
        number = self._plugin.bands.take_any()
        if number is None:
            raise errors.internal("failed to allocate a nodePort: range is full")
        self.taken.append(number)
        return self._plugin.low + number

    def _invalid(self, path: str, port: int, why: str) -> ApiError:
        return errors.invalid("", "Service", name_of(self._attributes), [invalid_value(path, port, why)])

    def settle(self, stored: bool) -> None:
        # By now a generated name is there too.
        name = the_object(self._attributes)["metadata"].get("name", "")
        self._plugin.bands.settle(self.taken, f"{self._attributes.info.namespace}/{name}" if stored else "")


def needs_ports(spec: Obj) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer")


def ports_of(spec: Obj) -> set[int]:
    found = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
    return found | ({spec["healthCheckNodePort"]} if spec.get("healthCheckNodePort") else set())


def _same_port(port: Obj, ports: list[Obj]) -> int:
    """The node port of the same port under another protocol, as DNS over TCP and UDP wants it."""
    for other in ports:
        twin = other.get("port") == port.get("port") and other.get("protocol") != port.get("protocol")
        if twin and other.get("nodePort"):
            return int(other["nodePort"])
    return 0


def _carry_over(spec: Obj, before: Obj) -> None:
    """An update that leaves them out keeps them (patchAllocatedValues)."""
    known = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in before.get("ports") or ()}
    used = {port.get("nodePort") for port in spec.get("ports") or () if port.get("nodePort")}
    for port in spec.get("ports") or ():
        had = known.get((port.get("protocol"), port.get("port")))
        if had and not port.get("nodePort") and had not in used:
            port["nodePort"] = had
    local = all(
        s.get("type") == "LoadBalancer" and s.get("externalTrafficPolicy") == "Local" for s in (spec, before)
    )
    if local and not spec.get("healthCheckNodePort") and before.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = before["healthCheckNodePort"]
