"""Ingress and IngressClass."""

from __future__ import annotations

import re
from typing import Any

from wherry.api import validation_text
from wherry.api.fieldpath import forbidden_field, invalid_value, not_supported, required, too_long
from wherry.api.schema import Obj
from wherry.apiserver.kinds.columns import AGE, NAME, NONE, at
from wherry.apiserver.kinds.stanzas import formats
from wherry.apiserver.kinds.stanzas.formats import Errors
from wherry.apiserver.kinds.wire import tidies
from wherry.apiserver.registry.strategy import Column, Context, Strategy

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_NOT_IN_PATH = ("//", "/./", "/../", "%2f", "%2F")
_NOT_AT_END = ("/..", "/.")
_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_HOSTS_SHOWN = 3
_WILDCARD = re.compile(r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def _prepare_create(ingress: Obj, context: Context) -> None:
    ingress["status"] = {"loadBalancer": {}}


def _prepare_update(new: Obj, old: Obj, context: Context) -> None:
    new["status"] = old.get("status", {"loadBalancer": {}})


def _validate(ingress: Obj) -> Errors:
    out: Errors = []
    spec = ingress["spec"]
    rules, backend = spec.get("rules") or (), spec.get("defaultBackend")
    if not rules and backend is None:
        message = "either `defaultBackend` or `rules` must be specified"
        out.append(invalid_value("spec", rules or None, message))
    if backend is not None:
        _backend(backend, "spec.defaultBackend", out)
    for i, rule in enumerate(rules):
        _rule(rule, f"spec.rules[{i}]", out)
    for i, tls in enumerate(spec.get("tls") or ()):
        for j, host in enumerate(tls.get("hosts") or ()):
            _host(host, f"spec.tls[{i}].hosts[{j}]", out)
    if (name := spec.get("ingressClassName")) is not None:
        formats.name(name, validation_text.dns_subdomain, "spec.ingressClassName", out)
        annotated = (ingress["metadata"].get("annotations") or {}).get(_CLASS_ANNOTATION)
        if annotated not in (None, name) and "resourceVersion" not in ingress["metadata"]:
            path = f"metadata.annotations[{_CLASS_ANNOTATION}]"
            message = "must match `ingressClassName` when both are specified"
            out.append(invalid_value(path, annotated, message))
    return out


def _host(host: str, path: str, out: Errors) -> None:
    if "*" not in host:
        formats.name(host, validation_text.dns_subdomain, path, out)
    elif not _WILDCARD.fullmatch(host):
        message = (
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which "
            "must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric "
            "character (e.g. '*.example.com', regex used for validation is "
            r"'\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        )
        out.append(invalid_value(path, host, message))


def _rule(rule: Obj, path: str, out: Errors) -> None:
    if host := rule.get("host"):
        if formats.parse_ip(host) is not None:
            out.append(invalid_value(f"{path}.host", host, "must be a DNS name, not an IP address"))
        _host(host, f"{path}.host", out)
    http = rule.get("http")
    if http is None:
        return
    paths = http.get("paths") or ()
    if not paths:
        out.append(required(f"{path}.http.paths"))
    for i, entry in enumerate(paths):
        _path(entry, f"{path}.http.paths[{i}]", out)


def _path(entry: Obj, path: str, out: Errors) -> None:
    kind, value = entry.get("pathType"), entry.get("path", "")
    if kind is None:
        out.append(required(f"{path}.pathType", "pathType must be specified"))
        return
    if kind in ("Exact", "Prefix"):
        if not value.startswith("/"):
            out.append(invalid_value(f"{path}.path", value, "must be an absolute path"))
        for bad in _NOT_IN_PATH:
            if bad in value:
                out.append(invalid_value(f"{path}.path", value, f"must not contain '{bad}'"))
        for bad in _NOT_AT_END:
            if value.endswith(bad):
                out.append(invalid_value(f"{path}.path", value, f"cannot end with '{bad}'"))
    elif kind == "ImplementationSpecific":
        if value and not value.startswith("/"):
            out.append(invalid_value(f"{path}.path", value, "must be an absolute path"))
    else:
        out.append(not_supported(f"{path}.pathType", kind, _PATH_TYPES))
    _backend(entry.get("backend") or {}, f"{path}.backend", out)


def _backend(backend: Obj, path: str, out: Errors) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if resource is not None and service is not None:
        out.append(invalid_value(path, "", "cannot set both resource and service backends"))
    elif resource is not None:
        for field in ("kind", "name"):
            if not resource.get(field):
                out.append(required(f"{path}.resource.{field}"))
    elif service is None:
        out.append(invalid_value(path, "", "resource or service backend is required"))
    else:
        _service(service, path, out)


def _service(service: Obj, path: str, out: Errors) -> None:
    name, port = service.get("name", ""), service.get("port") or {}
    if not name:
        out.append(required(f"{path}.service.name"))
    else:
        formats.name(name, validation_text.dns_label, f"{path}.service.name", out)
    number, named = port.get("number", 0), port.get("name", "")
    if number and named:
        out.append(invalid_value(path, "", "cannot set both port name & port number"))
    elif named:
        formats.name(named, validation_text.port_name, f"{path}.service.port.name", out)
    elif number:
        formats.port_number(number, f"{path}.service.port.number", out)
    else:
        out.append(required(path, "port name or number is required"))


def _hosts(ingress: Obj, now: float) -> str:
    rules = at(ingress, "spec.rules", ())
    hosts = [rule["host"] for rule in rules[:_HOSTS_SHOWN] if rule.get("host")]
    if not hosts:
        return "*"
    more = f" + {len(rules) - _HOSTS_SHOWN} more..." if len(rules) > _HOSTS_SHOWN else ""
    return ",".join(hosts) + more


def _address(ingress: Obj, now: float) -> str:
    found = at(ingress, "status.loadBalancer.ingress", ())
    return ",".join(sorted({entry.get("ip") or entry.get("hostname") or "" for entry in found} - {""}))


def _warnings(new: Obj, old: Obj | None) -> list[str]:
    if _CLASS_ANNOTATION in (new["metadata"].get("annotations") or {}) and old is None:
        return [
            f"annotation \"{_CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"
        ]
    return []


INGRESS = Strategy(
    default=tidies("networking.v1.Ingress"),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    generation=True,
    columns=(
        NAME,
        Column("Class", lambda obj, now: _class(obj)),
        Column("Hosts", _hosts),
        Column("Address", _address),
        Column("Ports", lambda obj, now: "80, 443" if at(obj, "spec.tls", ()) else "80"),
        AGE,
    ),
    warnings=_warnings,
)


def _class(ingress: Obj) -> str:
    name = at(ingress, "spec.ingressClassName") or at(ingress, "metadata.annotations", {}).get(
        _CLASS_ANNOTATION
    )
    return name or NONE


def _default_class(ingress_class: Obj) -> None:
    parameters = ingress_class["spec"].get("parameters")
    if parameters is not None and parameters.get("scope") is None:
        parameters["scope"] = "Cluster"


def _validate_class(ingress_class: Obj) -> Errors:
    out: Errors = []
    spec: Any = ingress_class["spec"]
    controller = spec.get("controller", "")
    if not controller:
        out.append(required("spec.controller"))
    elif len(controller) > 250:
        out.append(too_long("spec.controller", 250))
    elif "/" not in controller or validation_text.qualified_name(controller) != []:
        message = 'must be a domain-prefixed path (such as "acme.io/foo")'
        out.append(invalid_value("spec.controller", controller, message))
    parameters = spec.get("parameters")
    if parameters is not None:
        path = "spec.parameters"
        for field in ("kind", "name"):
            if not parameters.get(field):
                out.append(required(f"{path}.{field}"))
        scope = parameters.get("scope")
        if scope not in ("Cluster", "Namespace"):
            out.append(not_supported(f"{path}.scope", scope, ("Cluster", "Namespace")))
        elif scope == "Namespace" and not parameters.get("namespace"):
            message = "`parameters.scope` is set to 'Namespace'"
            out.append(required(f"{path}.namespace", message))
        elif scope == "Cluster" and parameters.get("namespace") is not None:
            message = "`parameters.scope` is set to 'Cluster'"
            out.append(forbidden_field(f"{path}.namespace", message))
    return out


def _validate_class_update(new: Obj, old: Obj) -> Errors:
    out: Errors = []
    formats.immutable(new["spec"].get("controller"), old["spec"].get("controller"), "spec.controller", out)
    return out


def _parameters(ingress_class: Obj, now: float) -> str:
    parameters = at(ingress_class, "spec.parameters", None)
    if parameters is None:
        return NONE
    group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") else ""
    return f"{parameters.get('kind', '')}{group}/{parameters.get('name', '')}"


INGRESS_CLASS = Strategy(
    default=tidies("networking.v1.IngressClass", _default_class),
    validate=_validate_class,
    validate_update=_validate_class_update,
    has_status=False,
    generation=True,
    columns=(
        NAME,
        Column("Controller", lambda obj, now: at(obj, "spec.controller")),
        Column("Parameters", _parameters),
        AGE,
    ),
)
