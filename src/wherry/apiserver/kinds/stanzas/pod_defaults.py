"""What upstream fills in for a pod spec, in pods and in templates alike (core/v1 SetDefaults_*).

`pod_spec` is for both; `pod` adds what only a real Pod gets. The object has been through `wire.tidy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import pod_resources, resources

DEFAULT_GRACE = 30
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_SOURCE_MODES = ("secret", "configMap", "downwardAPI", "projected")
_SPEC: tuple[tuple[str, Any], ...] = (
    ("dnsPolicy", "ClusterFirst"),
    ("restartPolicy", "Always"),
    ("terminationGracePeriodSeconds", DEFAULT_GRACE),
    ("schedulerName", "default-scheduler"),
)


def containers(spec: Obj) -> Iterator[Obj]:
    """Init, ordinary and ephemeral containers."""
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()
    yield from spec.get("ephemeralContainers") or ()


def pod_spec(spec: Obj) -> None:
    for field, value in _SPEC:
        if field not in spec:
            spec[field] = value
    if "securityContext" not in spec:
        spec["securityContext"] = {}
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:  # the old name of the field is kept beside the new one
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for one in containers(spec):
        container(one)
    for one in spec.get("volumes") or ():
        volume(one)
    for one in spec.get("resourceClaims") or ():
        one.setdefault("name", "")


def _container_ports_on_host(spec: Obj) -> None:
    """Host network means the container's port is the host's."""
    if not spec.get("hostNetwork"):
        return
    for kind in ("containers", "initContainers"):
        for one in spec.get(kind) or ():
            for port in one.get("ports") or ():
                port.setdefault("hostPort", port.get("containerPort", 0))


def container(one: Obj) -> None:
    if "imagePullPolicy" not in one:
        one["imagePullPolicy"] = pull_policy(one.get("image", ""))
    if "terminationMessagePath" not in one:
        one["terminationMessagePath"] = "/dev/termination-log"
    if "terminationMessagePolicy" not in one:
        one["terminationMessagePolicy"] = "File"
    for port in one.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for kind in _PROBES:
        if (checked := one.get(kind)) is not None:
            probe(checked)
    if (lifecycle := one.get("lifecycle")) is not None:
        for hook in ("postStart", "preStop"):
            if (action := (lifecycle.get(hook) or {}).get("httpGet")) is not None:
                _http_get(action)
    for variable in one.get("env") or ():
        source = variable.get("valueFrom")
        if source:
            if (selector := source.get("fieldRef")) is not None:
                selector.setdefault("apiVersion", "v1")
            if (key := source.get("fileKeyRef")) is not None:
                key.setdefault("optional", False)


def pull_policy(image: str) -> str:
    """Always for `:latest`, spelled out or implied by the absence of a tag and a digest."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if image and (tag == "latest" or (not tag and not digest)) else "IfNotPresent"


def probe(one: Obj) -> None:
    for field, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        one.setdefault(field, value)
    if (action := one.get("httpGet")) is not None:
        _http_get(action)
    if (action := one.get("grpc")) is not None and action.get("service") is None:
        action["service"] = ""


def _http_get(action: Obj) -> None:
    action.setdefault("path", "/")
    action.setdefault("scheme", "HTTP")


def volume(one: Obj) -> None:
    if not (one.keys() - {"name"}):
        one["emptyDir"] = {}
    for kind in _SOURCE_MODES:
        if (source := one.get(kind)) is not None:
            source.setdefault("defaultMode", 0o644)
            for item in source.get("items") or ():
                _field_ref(item)
            for projection in source.get("sources") or ():
                _projection(projection)
    if (source := one.get("hostPath")) is not None:
        source.setdefault("type", "")
    if (source := one.get("image")) is not None:
        source.setdefault("pullPolicy", pull_policy(source.get("reference", "")))
    if (source := one.get("ephemeral")) is not None and (template := source.get("volumeClaimTemplate")):
        template["spec"].setdefault("volumeMode", "Filesystem")
    _network_volume(one)


def _projection(one: Obj) -> None:
    if (token := one.get("serviceAccountToken")) is not None:
        token.setdefault("expirationSeconds", 3600)
    if (downward := one.get("downwardAPI")) is not None:
        for item in downward.get("items") or ():
            _field_ref(item)


def _field_ref(item: Obj) -> None:
    if (selector := item.get("fieldRef")) is not None:
        selector.setdefault("apiVersion", "v1")


def _network_volume(one: Obj) -> None:
    """Defaults of the older network file systems."""
    if (source := one.get("iscsi")) is not None:
        source.setdefault("iscsiInterface", "default")
    if (source := one.get("rbd")) is not None:
        for field, value in (("pool", "rbd"), ("user", "admin"), ("keyring", "/etc/ceph/keyring")):
            source.setdefault(field, value)
    if (source := one.get("azureDisk")) is not None:
        for field, given in (("cachingMode", "ReadWrite"), ("kind", "Shared"), ("fsType", "ext4")):
            source.setdefault(field, given)
        source.setdefault("readOnly", False)
    if (source := one.get("scaleIO")) is not None:
        source.setdefault("storageMode", "ThinProvisioned")
        source.setdefault("fsType", "xfs")


def pod(spec: Obj) -> None:
    """What only a real Pod gets, after `pod_spec`: requests from limits, service links."""
    for kind in ("containers", "initContainers"):
        for one in spec.get(kind) or ():
            stated = one.get("resources") or {}
            if limits := stated.get("limits"):
                stated["requests"] = {**limits, **(stated.get("requests") or {})}
    _pod_level(spec)
    spec.setdefault("enableServiceLinks", True)
    _container_ports_on_host(spec)


def _pod_level(spec: Obj) -> None:
    """Where the pod as a whole has limits, what it asks for is what its containers ask for together, or
    the limit where none asks; huge pages limited in containers are limited in the pod."""
    whole = spec.get("resources")
    if not whole or not (whole.get("limits") or whole.get("requests")):
        return
    for name, amount in pod_resources.aggregate(spec, "limits").items():
        if resources.is_huge(name) and name not in (whole.get("requests") or {}):
            whole.setdefault("limits", {}).setdefault(name, pod_resources.text(amount, name))
    if not whole.get("limits"):
        return
    requests = whole.setdefault("requests", {})
    for name, amount in pod_resources.aggregate(spec, "requests").items():
        if name in ("cpu", "memory"):
            requests.setdefault(name, pod_resources.text(amount, name))
    for name, limit in whole["limits"].items():
        if name in ("cpu", "memory") or resources.is_huge(name):
            requests.setdefault(name, limit)
