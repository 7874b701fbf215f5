"""Service, apart from its addresses and ports: those come from admission (service_ips, node_ports).

Beside this file: `service_validation.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from wherry.api import validation_text
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, NONE, at, labels_text
from wherry.apiserver.kinds.core.service_validation import validate, validate_status, validate_update
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

DEFAULT_AFFINITY_TIMEOUT = 10800
_WITH_CLUSTER_IP = ("ClusterIP", "NodePort", "LoadBalancer")
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def externally_accessible(spec: Obj) -> bool:
    kind = spec.get("type")
    return kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def _default(service: Obj) -> None:
    spec = service["spec"]
    affinity = spec.setdefault("sessionAffinity", "None")
    if affinity == "None":
        spec.pop("sessionAffinityConfig", None)
    elif affinity == "ClientIP" and at(spec, "sessionAffinityConfig.clientIP.timeoutSeconds", None) is None:
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": DEFAULT_AFFINITY_TIMEOUT}}
    kind = spec.setdefault("type", "ClusterIP")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if externally_accessible(spec):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind in _WITH_CLUSTER_IP:
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        for ingress in at(service, "status.loadBalancer.ingress", ()):
            if ingress.get("ip"):
                ingress.setdefault("ipMode", "VIP")


def _prepare_create(service: Obj, context: Context) -> None:
    service["status"] = {"loadBalancer": {}}
    _one_form(service["spec"])


def _one_form(spec: Obj) -> None:
    """`clusterIP` is the first of `clusterIPs`; whoever sets only the one gets the other."""
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {"loadBalancer": {}})
    _drop_what_the_type_had_no_use_for(new["spec"], old["spec"])


def _drop_what_the_type_had_no_use_for(new: Obj, old: Obj) -> None:
    """Values that belong to the old type and were not touched go with it (dropTypeDependentFields)."""

    def lost(had: Callable[[Obj], bool]) -> bool:
        return had(old) and not had(new)

    dropped: list[str] = []
    if lost(lambda spec: spec.get("type") in _WITH_CLUSTER_IP):
        dropped.append("internalTrafficPolicy")
    if lost(lambda spec: spec.get("type") == "LoadBalancer"):
        dropped += ["allocateLoadBalancerNodePorts", "loadBalancerClass"]
    if lost(_needs_health_check):
        dropped.append("healthCheckNodePort")
    if lost(externally_accessible):
        dropped.append("externalTrafficPolicy")
    for field in dropped:
        if new.get(field) == old.get(field):
            new.pop(field, None)
    if lost(lambda spec: spec.get("type") in _WITH_NODE_PORTS):
        had = {(p.get("protocol"), p.get("nodePort")) for p in old.get("ports") or ()}
        ports = new.get("ports") or ()
        if all((p.get("protocol"), p.get("nodePort")) in had for p in ports):
            for port in ports:
                port.pop("nodePort", None)


def _needs_health_check(spec: Obj) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _external_ip(service: Obj, now: float) -> str:
    spec = service.get("spec", {})
    given = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "LoadBalancer":
            ingress = at(service, "status.loadBalancer.ingress", ())
            addresses = sorted({i.get("ip") or i.get("hostname") or "" for i in ingress} - {""})
            # Upstream keeps the balancer's own addresses first and does not widen the column.
            shown = [*addresses, *given]
            return ",".join(shown) if shown else "<pending>"
        case "ExternalName":
            return str(spec.get("externalName", ""))
        case "ClusterIP" | "NodePort":
            return ",".join(given) or NONE
    return "<unknown>"


def _ports(service: Obj, now: float) -> str:
    texts = []
    for port in at(service, "spec.ports", ()):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port.get('port')}{node}/{port.get('protocol', '')}")
    return ",".join(texts) or NONE


def _cluster_ip(service: Obj, now: float) -> str:
    addresses = at(service, "spec.clusterIPs", ())
    return addresses[0] if addresses else NONE


def _warnings(new: Obj, old: Obj | None) -> list[str]:
    spec = new["spec"]
    out: list[str] = []
    if spec.get("externalIPs"):
        out.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if spec.get("externalIPs") and spec.get("type") == "ExternalName":
        out.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if spec.get("loadBalancerIP"):
        out.append("spec.loadBalancerIP is deprecated in v1.24+, and its meaning varies by implementation")
    if spec.get("clusterIP") == "None":
        if spec.get("loadBalancerIP"):
            out.append('spec.loadBalancerIP is ignored when headless service ("None") is used')
        if spec.get("sessionAffinity") not in (None, "None"):
            out.append("spec.SessionAffinity is ignored for headless services")
    return out


STRATEGY = Strategy(
    default=tidies("core.v1.Service", _default),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    name_rule=validation_text.dns_label,
    fields={
        "spec.clusterIP": lambda obj: at(obj, "spec.clusterIP"),
        "spec.type": lambda obj: at(obj, "spec.type"),
    },
    columns=(
        NAME,
        Column("Type", lambda obj, now: at(obj, "spec.type")),
        Column("Cluster-IP", _cluster_ip),
        Column("External-IP", _external_ip),
        Column("Port(s)", _ports),
        AGE,
        Column("Selector", lambda obj, now: labels_text(at(obj, "spec.selector", {})), priority=1),
    ),
    warnings=_warnings,
)
