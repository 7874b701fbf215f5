"""A pod's spec as a whole: ties the stanzas together (ValidatePodSpec), for pods and templates.

Templates are checked for what a pod would be refused for, except where upstream has let templates pass
for too long to stop (an image with blanks around it).
"""

from __future__ import annotations

from collections.abc import Callable

from wherry.api import validation_text
from wherry.api.fieldpath import duplicate, forbidden_field, invalid_value, not_supported, required
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import containers, formats, pod_resources, scheduling, security, volumes
from wherry.apiserver.kinds.stanzas.formats import Errors

RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_ON_HOST = (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC"))
_PREEMPTION = ("PreemptLowerPriority", "Never")
_SEARCH_LENGTH, _SEARCHES, _NAMESERVERS = 2048, 32, 3


def pod_spec(spec: Obj, path: str, out: Errors, *, pod_name: str = "", is_pod: bool = False) -> None:
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is None:
        out.append(required(f"{path}.terminationGracePeriodSeconds"))
    mounted = volumes.volumes(spec.get("volumes") or [], pod_name, f"{path}.volumes", out)
    claims = spec.get("resourceClaims")
    if claims:
        _resource_claims(claims, f"{path}.resourceClaims", out)
    facts = containers.PodFacts(
        volumes=mounted,
        claims=frozenset(c["name"] for c in claims if c.get("name")) if claims else frozenset(),
        grace=grace,
        restart_policy=spec.get("restartPolicy", ""),
        host_users=spec.get("hostUsers") is not False,
    )
    ordinary, starters = spec.get("containers") or [], spec.get("initContainers") or []
    containers.ordinary(ordinary, facts, f"{path}.containers", out)
    if starters:
        containers.init(starters, ordinary, facts, f"{path}.initContainers", out)
    if late := spec.get("ephemeralContainers"):
        containers.ephemeral(late, ordinary + starters, facts, f"{path}.ephemeralContainers", out)
    if resources := spec.get("resources"):
        pod_resources.validate(resources, spec, f"{path}.resources", out)
    if spec.get("hostNetwork"):
        _host_network(ordinary, f"{path}.containers", out, is_pod=is_pod)
    _choices(spec, path, out)
    _names(spec, path, out)


def _choices(spec: Obj, path: str, out: Errors) -> None:
    if (policy := spec.get("restartPolicy")) not in RESTART_POLICIES:
        formats.one_of(policy, RESTART_POLICIES, f"{path}.restartPolicy", out)
    if (dns := spec.get("dnsPolicy")) not in _DNS_POLICIES:
        formats.one_of(dns, _DNS_POLICIES, f"{path}.dnsPolicy", out)
    if found := spec.get("nodeSelector"):
        formats.labels(found, f"{path}.nodeSelector", out)
    if (found := spec.get("securityContext")) or spec.get("hostPID"):
        security.pod(found or {}, spec, f"{path}.securityContext", out)
    if found := spec.get("affinity"):
        scheduling.affinity(found, f"{path}.affinity", out)
    if spec.get("dnsConfig") is not None or dns == "None":
        _dns_config(spec, f"{path}.dnsConfig", out)
    for i, gate in enumerate(spec.get("readinessGates") or ()):
        formats.label_key(gate.get("conditionType", ""), f"{path}.readinessGates[{i}].conditionType", out)
    if found := spec.get("schedulingGates"):
        _scheduling_gates(found, f"{path}.schedulingGates", out)
    if found := spec.get("topologySpreadConstraints"):
        scheduling.topology_spread(found, f"{path}.topologySpreadConstraints", out)
    if spec.get("hostUsers") is False:
        for field, shown in _ON_HOST:
            if spec.get(field):
                out.append(forbidden_field(f"{path}.{shown}", "when `hostUsers` is false"))


def _names(spec: Obj, path: str, out: Errors) -> None:
    subdomain, label = validation_text.dns_subdomain, validation_text.dns_label
    _name(spec, "serviceAccountName", subdomain, path, out)
    _name(spec, "nodeName", subdomain, path, out)
    if (deadline := spec.get("activeDeadlineSeconds")) is not None:
        formats.in_range(deadline, 1, formats.MAX_INT32, f"{path}.activeDeadlineSeconds", out)
    _name(spec, "hostname", label, path, out)
    _name(spec, "subdomain", label, path, out)
    if found := spec.get("tolerations"):
        scheduling.tolerations(found, f"{path}.tolerations", out)
    for i, alias in enumerate(spec.get("hostAliases") or ()):
        formats.ip(alias.get("ip", ""), f"{path}.hostAliases[{i}].ip", out)
        for j, host in enumerate(alias.get("hostnames") or ()):
            formats.name(host, subdomain, f"{path}.hostAliases[{i}].hostnames[{j}]", out)
    _name(spec, "priorityClassName", subdomain, path, out)
    _name(spec, "runtimeClassName", subdomain, path, out)
    preemption = spec.get("preemptionPolicy")
    if preemption is not None and preemption not in _PREEMPTION:
        formats.one_of(preemption, _PREEMPTION, f"{path}.preemptionPolicy", out)
    if found := spec.get("overhead"):
        pod_resources.overhead(found, f"{path}.overhead", out)
    if (system := spec.get("os")) is not None:
        _operating_system(system, f"{path}.os", out)


def _name(spec: Obj, field: str, rule: Callable[[str], list[str]], path: str, out: Errors) -> None:
    if value := spec.get(field):
        formats.name(value, rule, f"{path}.{field}", out)


def _host_network(found: list[Obj], path: str, out: Errors, *, is_pod: bool) -> None:
    for i, one in enumerate(found):
        for j, port in enumerate(one.get("ports") or ()):
            host = port.get("hostPort", 0)
            if (is_pod or host) and host != port.get("containerPort"):
                message = "must match `containerPort` when `hostNetwork` is true"
                out.append(invalid_value(f"{path}[{i}].ports[{j}].hostPort", host, message))


def _scheduling_gates(found: list[Obj], path: str, out: Errors) -> None:
    seen: set[str] = set()
    for i, gate in enumerate(found):
        name = gate.get("name", "")
        formats.label_key(name, f"{path}[{i}]", out)
        if name in seen:
            out.append(duplicate(f"{path}[{i}]", name))
        seen.add(name)


def _resource_claims(found: list[Obj], path: str, out: Errors) -> None:
    seen: set[str] = set()
    for i, claim in enumerate(found):
        here, name = f"{path}[{i}]", claim.get("name", "")
        if not name:
            out.append(required(f"{here}.name"))
        elif name in seen:
            out.append(duplicate(f"{here}.name", name))
        else:
            formats.dns_label(name, f"{here}.name", out)
        seen.add(name)
        fields = ("resourceClaimName", "resourceClaimTemplateName")
        given = [field for field in fields if claim.get(field) is not None]
        shown = {
            "Name": name,
            "ResourceClaimName": claim.get(fields[0]),
            "ResourceClaimTemplateName": claim.get(fields[1]),
        }
        if len(given) > 1:
            message = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            out.append(invalid_value(here, shown, message))
        if not given:
            message = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            out.append(invalid_value(here, shown, message))
        for field in given:
            formats.name(claim[field], validation_text.dns_subdomain, f"{here}.{field}", out)


def _dns_config(spec: Obj, path: str, out: Errors) -> None:
    config = spec.get("dnsConfig")
    if spec.get("dnsPolicy") == "None":
        if config is None:
            out.append(required(path, "must provide `dnsConfig` when `dnsPolicy` is None"))
            return
        if not config.get("nameservers"):
            message = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            out.append(required(f"{path}.nameservers", message))
            return
    config = config or {}
    servers, searches = config.get("nameservers") or (), config.get("searches") or ()
    if len(servers) > _NAMESERVERS:
        message = f"must not have more than {_NAMESERVERS} nameservers"
        out.append(invalid_value(f"{path}.nameservers", servers, message))
    for i, server in enumerate(servers):
        formats.ip(server, f"{path}.nameservers[{i}]", out)
    if len(searches) > _SEARCHES:
        message = f"must not have more than {_SEARCHES} search paths"
        out.append(invalid_value(f"{path}.searches", searches, message))
    if len(" ".join(searches)) > _SEARCH_LENGTH:
        message = f"must not have more than {_SEARCH_LENGTH} characters (including spaces) in the search list"
        out.append(invalid_value(f"{path}.searches", searches, message))
    for i, search in enumerate(searches):
        if search != ".":
            trimmed = search.removesuffix(".")
            # An underscore is allowed within a label here, unlike in other names.
            problems = validation_text.dns_subdomain(trimmed.replace("_", "-"))
            formats.complain(problems, f"{path}.searches[{i}]", trimmed, out)
    for i, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            out.append(required(f"{path}.options[{i}]", "must not be empty"))


def _operating_system(system: Obj, path: str, out: Errors) -> None:
    name = system.get("name", "")
    if not name:
        out.append(required(f"{path}.name", "cannot be empty"))
    elif name not in ("linux", "windows"):
        out.append(not_supported(path, name, ("linux", "windows")))


def template(found: Obj, path: str, out: Errors) -> None:
    """v1.PodTemplateSpec, below deployments and the like."""
    metadata = found.get("metadata") or {}
    if metadata.get("labels"):
        formats.labels(metadata["labels"], f"{path}.labels", out)
    if metadata.get("annotations"):
        formats.annotation_map(metadata["annotations"], f"{path}.annotations", out)
    spec = found.get("spec") or {}
    pod_spec(spec, f"{path}.spec", out)
    if spec.get("ephemeralContainers"):
        message = "ephemeral containers not allowed in pod template"
        out.append(forbidden_field(f"{path}.spec.ephemeralContainers", message))
