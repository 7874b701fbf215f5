"""What upstream warns of, but takes, in pods and templates (pkg/api/pod/warnings.go)."""

from __future__ import annotations

from wherry.api import quantity
from wherry.api.schema import Obj
from wherry.apiserver.kinds.stanzas import pod_defaults

_NODE_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": (
        'deprecated since v1.17; use "topology.kubernetes.io/region" instead'
    ),
    "failure-domain.beta.kubernetes.io/zone": (
        'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
    ),
    "beta.kubernetes.io/instance-type": (
        'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'
    ),
}


def pod_warnings(new: Obj, old: Obj | None) -> list[str]:
    return spec_warnings(new["spec"], "spec") if old is None else []


def template_warnings(template: Obj, path: str = "spec.template") -> list[str]:
    return spec_warnings(template.get("spec") or {}, f"{path}.spec")


def spec_warnings(spec: Obj, path: str) -> list[str]:
    out = [
        f"{path}.nodeSelector[{key}]: {_NODE_LABELS[key]}"
        for key in spec.get("nodeSelector") or ()
        if key in _NODE_LABELS
    ]
    secrets: set[str] = set()
    for i, secret in enumerate(spec.get("imagePullSecrets") or ()):
        name = secret.get("name", "")
        if not name:
            out.append(f'{path}.imagePullSecrets[{i}].name: invalid empty name ""')
        elif name in secrets:
            out.append(f'{path}.imagePullSecrets[{i}].name: duplicate name "{name}"')
        secrets.add(name)
    for kind in ("initContainers", "containers"):
        for i, one in enumerate(spec.get(kind) or ()):
            out += _container(one, f"{path}.{kind}[{i}]")
    if spec.get("terminationGracePeriodSeconds", pod_defaults.DEFAULT_GRACE) < 0:
        out.append(
            f"{path}.terminationGracePeriodSeconds: must be >= 0; "
            "negative values are invalid and will be treated as 1"
        )
    return out


def _container(one: Obj, path: str) -> list[str]:
    out: list[str] = []
    for kind in ("limits", "requests"):
        for name, value in ((one.get("resources") or {}).get(kind) or {}).items():
            if name in ("memory", "ephemeral-storage", "storage") and quantity.parse(value).denominator != 1:
                why = f'fractional byte value "{value}" is invalid, must be an integer'
                out.append(f"{path}.resources.{kind}[{name}]: {why}")
    names: dict[str, str] = {}
    for i, variable in enumerate(one.get("env") or ()):
        name, value = variable.get("name", ""), variable.get("value", "")
        if name in names and f"$({name})" not in value:
            why = f'hides previous definition of "{name}", which may be dropped when using apply'
            out.append(f"{path}.env[{i}]: {why}")
        names[name] = value
    return out


def node_label_warnings(new: Obj, old: Obj | None) -> list[str]:
    spec, out = new.get("spec") or {}, []
    if spec.get("configSource"):
        out.append("spec.configSource: the feature is removed")
    if spec.get("externalID"):
        out.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    return out
