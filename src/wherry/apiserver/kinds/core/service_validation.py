"""What a Service is refused for (ValidateService, ValidateServiceUpdate)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wherry.api import validation_text
from wherry.api.fieldpath import duplicate, forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_MAX_AFFINITY = 86400
_BALANCED = "may only be used when `type` is 'LoadBalancer'"
_SET_ONCE = "may not change once set"


def is_headless(spec: Obj) -> bool:
    return spec.get("clusterIPs") == ["None"]


def validate(service: Obj) -> Errors:
    out: Errors = []
    spec = service["spec"]
    if not spec.get("ports") and not is_headless(spec) and spec.get("type") != "ExternalName":
        out.append(required("spec.ports"))
    _by_type(spec, out)
    _ports(spec, out)
    if spec.get("selector"):
        formats.labels(spec["selector"], "spec.selector", out)
    _affinity(spec, out)
    cluster_ips(spec, out)
    for i, address in enumerate(spec.get("externalIPs") or ()):
        before = len(out)
        formats.ip(address, f"spec.externalIPs[{i}]", out)
        if len(out) == before:
            formats.reachable_ip(address, f"spec.externalIPs[{i}]", out)
    if spec.get("type") not in _TYPES:
        formats.one_of(spec.get("type"), _TYPES, "spec.type", out)
    _repeated_ports(spec, out)
    _load_balancer(spec, out)
    _traffic(spec, out)
    return out


def _by_type(spec: Obj, out: Errors) -> None:
    kind = spec.get("type")
    if kind in ("LoadBalancer", "NodePort") and is_headless(spec):
        message = f"may not be set to 'None' for {kind} services"
        out.append(invalid_value("spec.clusterIPs[0]", "None", message))
    if kind != "ExternalName":
        return
    for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(field):
            out.append(forbidden_field(f"spec.{field}", "may not be set for ExternalName services"))
    name = spec.get("externalName", "").removesuffix(".")
    if name:
        formats.name(name, validation_text.dns_subdomain, "spec.externalName", out)
    else:
        out.append(required("spec.externalName"))


def _ports(spec: Obj, out: Errors) -> None:
    found = spec.get("ports") or ()
    names: set[str] = set()
    for i, port in enumerate(found):
        path, name = f"spec.ports[{i}]", port.get("name", "")
        if name:
            formats.dns_label(name, f"{path}.name", out)
            if name in names:
                out.append(duplicate(f"{path}.name", name))
            names.add(name)
        elif len(found) > 1:
            out.append(required(f"{path}.name"))
        formats.port_number(port.get("port", 0), f"{path}.port", out)
        if port.get("protocol") not in _PROTOCOLS:
            formats.one_of(port.get("protocol"), _PROTOCOLS, f"{path}.protocol", out)
        formats.port(port.get("targetPort", 0), f"{path}.targetPort", out)
        if (protocol := port.get("appProtocol")) is not None:
            formats.name(protocol, validation_text.qualified_name, f"{path}.appProtocol", out)


def _repeated_ports(spec: Obj, out: Errors) -> None:
    found = spec.get("ports") or ()
    if spec.get("type") == "ClusterIP":
        for i, port in enumerate(found):
            if port.get("nodePort"):
                message = "may not be used when `type` is 'ClusterIP'"
                out.append(forbidden_field(f"spec.ports[{i}].nodePort", message))
    on_nodes: set[Any] = set()
    for i, port in enumerate(found):
        if not (number := port.get("nodePort")):
            continue
        if (key := (port.get("protocol"), number)) in on_nodes:
            out.append(duplicate(f"spec.ports[{i}].nodePort", number))
        on_nodes.add(key)
    seen: set[Any] = set()
    for i, port in enumerate(found):
        if (key := (port.get("protocol"), port.get("port"))) in seen:
            shown = {"Name": "", "Protocol": key[0], "AppProtocol": None, "Port": key[1]}
            out.append(duplicate(f"spec.ports[{i}]", {**shown, "TargetPort": 0, "NodePort": 0}))
        seen.add(key)


def _affinity(spec: Obj, out: Errors) -> None:
    kind, config = spec.get("sessionAffinity"), spec.get("sessionAffinityConfig")
    if kind not in ("ClientIP", "None"):
        formats.one_of(kind, ("ClientIP", "None"), "spec.sessionAffinity", out)
    path = "spec.sessionAffinityConfig"
    if kind == "None" and config is not None:
        out.append(forbidden_field(path, "must not be set when session affinity is None"))
    if kind != "ClientIP":
        return
    needed = "when session affinity type is ClientIP"
    timeout = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
    if config is None:
        out.append(required(path, needed))
    elif timeout is None:
        out.append(required(f"{path}.clientIP", needed))
    elif not 0 < timeout <= _MAX_AFFINITY:
        message = f"must be greater than 0 and less than {_MAX_AFFINITY}"
        out.append(invalid_value(f"{path}.clientIP.timeoutSeconds", timeout, message))


def cluster_ips(spec: Obj, out: Errors) -> None:
    """Addresses and families fit each other (ValidateServiceClusterIPsRelatedFields); also asked before
    addresses are allocated."""
    if spec.get("type") == "ExternalName":
        return
    first, addresses, families = (
        spec.get("clusterIP"),
        spec.get("clusterIPs") or [],
        spec.get("ipFamilies") or [],
    )
    path = "spec.clusterIPs"
    if first and not addresses:
        out.append(required(path))
    elif first and addresses[0] != first:
        out.append(invalid_value(path, addresses, "first value must match `clusterIP`"))
    elif not first and addresses:
        out.append(invalid_value(path, addresses, "must be empty when `clusterIP` is not specified"))
    for i, family in enumerate(families):
        if family not in _FAMILIES:
            out.append(not_supported(f"spec.ipFamilies[{i}]", family, _FAMILIES))
        if family in families[:i]:
            out.append(duplicate(f"spec.ipFamilies[{i}]", family))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _FAMILY_POLICIES:
        out.append(not_supported("spec.ipFamilyPolicy", policy, _FAMILY_POLICIES))
    before = len(out)
    for i, address in enumerate(addresses):
        if i == 0 and address == "None":
            if len(addresses) > 1:
                message = "'None' must be the first and only value"
                out.append(invalid_value(path, addresses, message))
            continue
        formats.ip(address, f"{path}[{i}]", out)
    bad = len(out) > before
    if len(addresses) > 2:
        out.append(invalid_value(path, addresses, "may only hold up to 2 values"))
    if not bad:
        _families(addresses, families, path, out)


def _families(addresses: list[str], families: list[str], path: str, out: Errors) -> None:
    if len(addresses) > 1 and len({":" in address for address in addresses}) < 2:
        message = "may specify no more than one IP for each IP family"
        out.append(invalid_value(path, addresses, message))
    if addresses == ["None"]:
        return
    for i, (address, family) in enumerate(zip(addresses, families, strict=False)):
        if family in _FAMILIES and family != ("IPv6" if ":" in address else "IPv4"):
            message = f"expected an {family} value as indicated by `ipFamilies[{i}]`"
            out.append(invalid_value(f"{path}[{i}]", address, message))


def _load_balancer(spec: Obj, out: Errors) -> None:
    balanced = spec.get("type") == "LoadBalancer"
    if ranges := spec.get("loadBalancerSourceRanges"):
        path = "spec.LoadBalancerSourceRanges"
        if not balanced:
            out.append(forbidden_field(path, _BALANCED))
        for i, value in enumerate(ranges):
            formats.cidr(value.strip(), f"{path}[{i}]", out)
    if spec.get("allocateLoadBalancerNodePorts") is not None and not balanced:
        out.append(forbidden_field("spec.allocateLoadBalancerNodePorts", _BALANCED))
    if (name := spec.get("loadBalancerClass")) is not None:
        if balanced:
            formats.name(name, validation_text.qualified_name, "spec.loadBalancerClass", out)
        else:
            out.append(forbidden_field("spec.loadBalancerClass", _BALANCED))


def _traffic(spec: Obj, out: Errors) -> None:
    kind, external = spec.get("type"), spec.get("externalTrafficPolicy")
    path = "spec.externalTrafficPolicy"
    if kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and spec.get("externalIPs")):
        if external not in ("Cluster", "Local"):
            formats.one_of(external, ("Cluster", "Local"), path, out)
    elif external:
        out.append(invalid_value(path, external, "may only be set for externally-accessible services"))
    port = spec.get("healthCheckNodePort", 0)
    if kind == "LoadBalancer" and external == "Local":
        if not port:
            out.append(required("spec.healthCheckNodePort"))
        else:
            formats.port_number(port, "spec.healthCheckNodePort", out)
    elif port:
        message = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        out.append(invalid_value("spec.healthCheckNodePort", port, message))
    internal = spec.get("internalTrafficPolicy")
    if internal is None and kind in ("NodePort", "LoadBalancer", "ClusterIP"):
        out.append(required("spec.internalTrafficPolicy"))
    if internal is not None and internal not in ("Cluster", "Local"):
        out.append(not_supported("spec.internalTrafficPolicy", internal, ("Cluster", "Local")))
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        out.append(not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS))


def validate_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    before, after = old["spec"], new["spec"]
    named = "ExternalName" in (before.get("type"), after.get("type"))
    was, now = is_headless(before), is_headless(after)
    if not named and not (was and now):
        _keeps(before, after, "clusterIPs", "primary clusterIP can not be unset", "secondary clusterIP", out)
    if not named and not was and not now:
        _keeps(before, after, "ipFamilies", "primary ipFamily can not be unset", "secondary ipFamily", out)
    if before.get("type") == after.get("type") == "LoadBalancer":
        if before.get("loadBalancerClass") != after.get("loadBalancerClass"):
            out.append(invalid_value("spec.loadBalancerClass", after.get("loadBalancerClass"), _SET_ONCE))
        local = all(s.get("externalTrafficPolicy") == "Local" for s in (before, after))
        if local and before.get("healthCheckNodePort") != after.get("healthCheckNodePort"):
            out.append(forbidden_field("spec.healthCheckNodePort", formats.IMMUTABLE))
    return out


def _keeps(before: Obj, after: Obj, field: str, unset: str, second: str, out: Errors) -> None:
    """The first of a list stays; a second may come, and go when the policy says so."""
    was, now = before.get(field) or [], after.get(field) or []
    complain: Callable[[str, str], None] = lambda path, text: out.append(invalid_value(path, now, text))  # noqa: E731
    if len(was) == len(now):
        for i, (old, new) in enumerate(zip(was, now, strict=True)):
            if old != new:
                complain(f"spec.{field}[{i if field == 'clusterIPs' else 0}]", _SET_ONCE)
        return
    if was and not now:
        complain(f"spec.{field}[0]", unset)
    elif was and was[0] != now[0]:
        complain(f"spec.{field}[0]", _SET_ONCE)
    if len(was) > len(now) == 1 and after.get("ipFamilyPolicy") != "SingleStack":
        message = f"must be set to 'SingleStack' when releasing the {second}"
        out.append(invalid_value("spec.ipFamilyPolicy", after.get("ipFamilyPolicy"), message))


def validate_status(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    ingress = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    if ingress and new["spec"].get("type") != "LoadBalancer":
        message = "may only be used when `spec.type` is 'LoadBalancer'"
        out.append(forbidden_field("status.loadBalancer.ingress", message))
        return out
    for i, entry in enumerate(ingress):
        path = f"status.loadBalancer.ingress[{i}]"
        address, mode = entry.get("ip"), entry.get("ipMode")
        if address:
            formats.ip(address, f"{path}.ip", out)
        if address and mode is None:
            out.append(required(f"{path}.ipMode", "must be specified when `ip` is set"))
        elif mode is not None and not address:
            out.append(forbidden_field(f"{path}.ipMode", "may not be specified when `ip` is not set"))
        elif mode is not None and mode not in ("Proxy", "VIP"):
            out.append(not_supported(f"{path}.ipMode", mode, ("Proxy", "VIP")))
        if host := entry.get("hostname"):
            formats.name(host, validation_text.dns_subdomain, f"{path}.hostname", out)
            if formats.parse_ip(host) is not None:
                message = "must be a DNS name, not an IP address"
                out.append(invalid_value(f"{path}.hostname", host, message))
    return out
