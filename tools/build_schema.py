#!/usr/bin/env python3
"""Make src/wherry/api/data/ from what upstream publishes (run by `make schema`; the result is committed).

    tools/build_schema.py DEFINITIONS.json DISCOVERY.json...

DEFINITIONS.json   `_definitions.json` of the PyPI package kubernetes-validate (v1.37): every built-in
                   kind with patch strategies, merge keys and list types.
DISCOVERY.json     aggregated discovery documents (`/api` and `/apis` of an API server): plurals, verbs,
                   short names, subresources.

Three files come out: `schema.json.z` (shape only, what every process loads), `descriptions.json.xz`
(texts, read only when OpenAPI is asked for) and `resources.json`.
"""

from __future__ import annotations

import json
import lzma
import sys
import zlib
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent.parent / "src/wherry/api/data"
REF = "#/$defs/"

# Structural defaults (`+default=` in upstream's types) that the definitions file has lost.
DEFAULTS: dict[str, Any] = {
    "io.k8s.api.core.v1.ContainerPort.protocol": "TCP",
    "io.k8s.api.core.v1.ServicePort.protocol": "TCP",
    "io.k8s.api.core.v1.AzureDiskVolumeSource.cachingMode": "ReadWrite",
    "io.k8s.api.core.v1.AzureDiskVolumeSource.fsType": "ext4",
    "io.k8s.api.core.v1.AzureDiskVolumeSource.kind": "Shared",
    "io.k8s.api.core.v1.AzureDiskVolumeSource.readOnly": False,
    "io.k8s.api.core.v1.ISCSIVolumeSource.iscsiInterface": "default",
    "io.k8s.api.core.v1.ISCSIPersistentVolumeSource.iscsiInterface": "default",
    "io.k8s.api.core.v1.RBDVolumeSource.keyring": "/etc/ceph/keyring",
    "io.k8s.api.core.v1.RBDPersistentVolumeSource.keyring": "/etc/ceph/keyring",
    "io.k8s.api.core.v1.RBDVolumeSource.pool": "rbd",
    "io.k8s.api.core.v1.RBDPersistentVolumeSource.pool": "rbd",
    "io.k8s.api.core.v1.RBDVolumeSource.user": "admin",
    "io.k8s.api.core.v1.RBDPersistentVolumeSource.user": "admin",
    "io.k8s.api.core.v1.ScaleIOVolumeSource.fsType": "xfs",
    "io.k8s.api.core.v1.ScaleIOPersistentVolumeSource.fsType": "xfs",
    "io.k8s.api.core.v1.ScaleIOVolumeSource.storageMode": "ThinProvisioned",
    "io.k8s.api.core.v1.ScaleIOPersistentVolumeSource.storageMode": "ThinProvisioned",
    "io.k8s.api.core.v1.ReplicationControllerSpec.replicas": 1,
    "io.k8s.api.resource.v1.DeviceToleration.operator": "Equal",
}


def plain_type(schema: dict[str, Any]) -> str | None:
    declared = schema.get("type")
    if isinstance(declared, list):
        return str(next(t for t in declared if t != "null"))
    return declared


def shape(schema: dict[str, Any], path: str) -> dict[str, Any]:
    """The schema without texts and with one type a node (null is accepted everywhere upstream)."""
    out: dict[str, Any] = {}
    if "$ref" in schema:
        out["$ref"] = schema["$ref"].removeprefix(REF)
    if "oneOf" in schema:
        kinds = {plain_type(s) for s in schema["oneOf"]}
        out["type"] = "int-or-string" if "integer" in kinds else "quantity"
    elif (kind := plain_type(schema)) is not None:
        out["type"] = kind
    kept = ("format", "enum", "required")
    out |= {k: v for k, v in schema.items() if k in kept or k.startswith("x-kubernetes-")}
    if "properties" in schema:
        out["properties"] = {
            name: shape(child, f"{path}.{name}") for name, child in schema["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            out[key] = shape(schema[key], path)
    if path in DEFAULTS:
        out["default"] = DEFAULTS[path]
    return out


def descriptions(schema: dict[str, Any]) -> dict[str, Any]:
    """{"": text of the type, field: text}"""
    out = {name: child.get("description", "") for name, child in schema.get("properties", {}).items()}
    if schema.get("description"):
        out[""] = schema["description"]
    return out


def resources(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    for document in documents:
        for group in document["items"]:
            for version in group["versions"]:
                name = group["metadata"].get("name", "")
                out += [resource(name, version["version"], entry) for entry in version["resources"]]
    return out


def resource(group: str, version: str, entry: dict[str, Any]) -> dict[str, Any]:
    def kind(source: dict[str, Any]) -> dict[str, str]:
        response = source["responseKind"]
        return {"group": response["group"], "version": response["version"], "kind": response["kind"]}

    return {
        "group": group,
        "version": version,
        "name": entry["resource"],
        "kind": entry["responseKind"]["kind"],
        "singular": entry["singularResource"],
        "namespaced": entry["scope"] == "Namespaced",
        "verbs": entry.get("verbs", []),
        "shortNames": entry.get("shortNames", []),
        "categories": entry.get("categories", []),
        "subresources": [
            {"name": sub["subresource"], "verbs": sub["verbs"], **kind(sub)}
            for sub in entry.get("subresources", [])
        ],
    }


def main(definitions: str, *discovery: str) -> None:
    defs = json.loads(Path(definitions).read_text())["$defs"]
    shapes = {name: shape(schema, name) for name, schema in sorted(defs.items())}
    texts = {name: descriptions(schema) for name, schema in sorted(defs.items())}
    DATA.mkdir(parents=True, exist_ok=True)
    dump = {"separators": (",", ":"), "sort_keys": True}
    (DATA / "schema.json.z").write_bytes(zlib.compress(json.dumps(shapes, **dump).encode(), 9))
    (DATA / "descriptions.json.xz").write_bytes(lzma.compress(json.dumps(texts, **dump).encode(), preset=9))
    table = resources([json.loads(Path(path).read_text()) for path in discovery])
    (DATA / "resources.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in table) + "\n]\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
