#!/usr/bin/env python3
"""Make src/wherry/apiserver/data/protobuf.json.z: the field numbers of the protobuf form of the kinds.

    tools/build_protobuf.py PROTOS         (run by `make schema`; the result is committed)

PROTOS   a folder or tar archive with upstream's published `generated.proto` files, as they lie in the
         Kubernetes source tree (staging/src/k8s.io/*/**/generated.proto).

What those files don't say comes from data that is here: the schema (src/wherry/api/data) tells which
messages are structs embedded in JSON, and kinds/wire.json which scalars are pointers in Go, so that a
zero is a value of its own. Fields newer than the files (of 1.36) are in `NEWER` below, each looked up in
k8s.io/api between v0.37.0-beta.0 and v0.37.0 (`POINTERS` in the Go types beside it). A field that is in
neither is skipped when an object is read, never an error.

Out comes {definition: {number: "jsonName:code"}}. Codes: s string, i integer, b boolean, d double,
B bytes, L a message that holds a list of strings, m + definition a message; before them * a pointer to
a scalar, [ a list, { a map from strings. An empty jsonName is a struct embedded in JSON, nested on the
wire.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "src/wherry"
OUT = SOURCE / "apiserver/data/protobuf.json.z"
FILE = "generated.proto"
SCALARS = {
    "string": "s",
    "bool": "b",
    "double": "d",
    "bytes": "B",
    **dict.fromkeys(("int32", "int64", "uint32", "uint64"), "i"),
}
LISTS = ("Verbs", "ExtraValue")  # messages in place of Go's named lists of strings
UNSTABLE = re.compile(r"\.v\d+(alpha|beta)\d+\.|testapigroup")

_MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(
    r"^  (?P<label>optional |repeated |required )?(?P<type>map<string, *[\w.]+>|[\w.]+)"
    r" (?P<name>\w+) = (?P<number>\d+)"
)

# Groups whose v1 is, message for message, a beta of the files.
PROMOTED = {
    "io.k8s.api.certificates.v1.": "io.k8s.api.certificates.v1beta1.",
    "io.k8s.api.resource.v1.": "io.k8s.api.resource.v1beta2.",
    "io.k8s.api.storagemigration.v1.": "io.k8s.api.storagemigration.v1beta1.",
}
# What 1.37 added: {package: {message: "number name code, ..."}}; codes as above, messages without package
# are of the same one.
NEWER = {
    "io.k8s.api.autoscaling.v2": {"HorizontalPodAutoscalerCondition": "6 observedGeneration i"},
    "io.k8s.api.core.v1": {
        "ClusterTrustBundleProjection": "6 user i",
        "ConfigMapVolumeSource": "5 defaultUser i",
        "DownwardAPIVolumeFile": "5 user i",
        "DownwardAPIVolumeSource": "3 defaultUser i",
        "EmptyDirVolumeSource": "3 mode i",
        "EvictionResponder": "1 name s, 2 priority i",
        "GRPCAction": "3 mode s",
        "HTTPGetAction": "6 protocol s",
        "KeyToPath": "4 user i",
        "NodeAllocatableMappedResources": (
            "1 name s, 2 quantity mio.k8s.apimachinery.pkg.api.resource.Quantity"
        ),
        "NodeAllocatableResourceClaimStatus": "4 mapping [mNodeAllocatableMappedResources",
        "NodePodPreemptionPolicy": "1 disableResizePreemption [s",
        "NodeSpec": "8 podPreemptionPolicy mNodePodPreemptionPolicy",
        "PersistentVolumeClaimStatus": "10 healthStatus mVolumeHealthStatus",
        "PodCertificateProjection": "8 user i",
        "PodSpec": "44 evictionResponders [mEvictionResponder",
        "PodStatus": "22 volumeHealth [mPodVolumeHealth",
        "PodVolumeHealth": (
            "1 name s, 2 healthConditions [mVolumeHealthCondition, "
            "3 lastTransitionTime mio.k8s.apimachinery.pkg.apis.meta.v1.Time"
        ),
        "ProjectedVolumeSource": "3 defaultUser i",
        "SecretVolumeSource": "5 defaultUser i",
        "ServiceAccountTokenProjection": "4 user i",
        "VolumeHealthCondition": "1 status s, 2 reason s, 3 message s",
        "VolumeHealthStatus": (
            "1 healthConditions [mVolumeHealthCondition, "
            "2 lastTransitionTime mio.k8s.apimachinery.pkg.apis.meta.v1.Time"
        ),
        "VolumeMount": "8 bindMountOptions [s",
    },
    "io.k8s.api.resource.v1": {
        "DeviceRequestAllocationResult": "11 skipNodeOperations [s",
        "ResourceSliceSpec": "9 partitionTypeAttribute s, 10 skipNodeOperations [s",
    },
    "io.k8s.api.storage.v1": {
        "CSINode": "3 status mCSINodeStatus",
        "CSINodeStatus": "1 storageHealth [mStorageHealth",
        "StorageHealth": "1 name s, 2 healthConditions [mStorageHealthCondition",
        "StorageHealthCondition": (
            "1 status s, 2 reason s, 3 message s, 4 accessMode s, 5 volumeMode s, "
            "6 lastTransitionTime mio.k8s.apimachinery.pkg.apis.meta.v1.Time"
        ),
    },
}
_CRD = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
# Pointers to scalars in messages that wire.json does not speak of.
POINTERS = {
    "io.k8s.api.admissionregistration.v1.Rule": "scope",
    "io.k8s.api.core.v1.EphemeralContainerCommon": "restartPolicy",
    "io.k8s.api.core.v1.PodLogOptions": "sinceSeconds tailLines limitBytes stream",
    _CRD + "CustomResourceDefinitionVersion": "deprecationWarning",
    _CRD + "CustomResourceSubresourceScale": "labelSelectorPath",
    _CRD + "JSONSchemaProps": (
        "$ref maximum minimum maxLength minLength maxItems minItems multipleOf maxProperties minProperties "
        "x-kubernetes-preserve-unknown-fields x-kubernetes-list-type x-kubernetes-map-type"
    ),
    _CRD + "ServiceReference": "path port",
    _CRD + "ValidationRule": "reason optionalOldSelf",
    _CRD + "WebhookClientConfig": "url",
    _META + "DeleteOptions": (
        "gracePeriodSeconds orphanDependents propagationPolicy "
        "ignoreStoreReadErrorWithClusterBreakingPotential"
    ),
    _META + "ListMeta": "remainingItemCount",
    _META + "ListOptions": "timeoutSeconds sendInitialEvents",
    _META + "PatchOptions": "force",
    _META + "Preconditions": "uid resourceVersion",
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference": "port",
}


def texts(source: Path) -> Iterator[str]:
    """The contents of every generated.proto."""
    if source.is_dir():
        yield from (path.read_text() for path in sorted(source.rglob(FILE)))
        return
    with tarfile.open(source) as archive:
        for member in archive:
            if Path(member.name).name == FILE and (content := archive.extractfile(member)) is not None:
                yield content.read().decode()


def definition(package: str, name: str) -> str:
    """`k8s.io.kube_aggregator.pkg` is `io.k8s.kube-aggregator.pkg` in the schema."""
    return f"io.k8s.{package.removeprefix('k8s.io.').replace('_', '-')}.{name}"


def code(package: str, kind: str, label: str) -> str:
    if kind.startswith("map<"):
        return "{" + code(package, kind.removesuffix(">").split(",")[1].strip(), "")
    if label == "repeated":
        return "[" + code(package, kind, "")
    if kind in SCALARS:
        return SCALARS[kind]
    scope, _, name = kind.lstrip(".").rpartition(".")
    return "L" if name in LISTS else "m" + definition(scope or package, name)


def messages(text: str) -> Iterator[tuple[str, dict[str, tuple[str, str]]]]:
    """(definition, {number: (name, code)}) of one file."""
    package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
    if package is None:
        return
    for name, body in _MESSAGE.findall(text):
        lines = (_FIELD.match(line) for line in body.splitlines())
        yield (
            definition(package[1], name),
            {
                line["number"]: (line["name"], code(package[1], line["type"], (line["label"] or "").strip()))
                for line in lines
                if line
            },
        )


class Known:
    """What the schema and kinds/wire.json know of a definition."""

    def __init__(self) -> None:
        packed = (SOURCE / "api/data/schema.json.z").read_bytes()
        self.schema: dict[str, Any] = json.loads(zlib.decompress(packed))
        self.wire: dict[str, Any] = json.loads((SOURCE / "apiserver/kinds/wire.json").read_bytes())

    def entry(self, owner: str, name: str, kind: str) -> str:
        """A field of the table."""
        properties = self.schema.get(owner, {}).get("properties")
        if properties is not None:
            by_letters = {_letters(key): key for key in properties}
            if _letters(name) not in by_letters and kind.startswith("m"):
                return f":{kind}"
            name = by_letters.get(_letters(name), name)
        kept = self.wire.get(owner.removeprefix("io.k8s.api."), {}).get("kept", ())
        kept = [*kept, *POINTERS.get(owner, "").split()]
        pointer = "*" if name in kept and kind[0] in "sibd" else ""
        return f"{name}:{pointer}{kind}"


def _letters(name: str) -> str:
    """`_ref`, `xKubernetesMapType`, `Webhooks` are `$ref`, `x-kubernetes-map-type`, `webhooks` in JSON."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def newer() -> Iterator[tuple[str, dict[str, tuple[str, str]]]]:
    """NEWER as `messages` gives them."""
    for package, found in NEWER.items():
        for name, text in found.items():
            fields = (field.split(" ") for field in text.split(", "))
            yield (
                f"{package}.{name}",
                {
                    number: (key, re.sub(r"m(?!io\.)(?=[A-Z])", f"m{package}.", kind))
                    for number, key, kind in fields
                },
            )


def main(source: str) -> None:
    known = Known()
    raw: dict[str, dict[str, tuple[str, str]]] = {}
    for text in texts(Path(source)):
        raw.update(messages(text))
    for new, old in PROMOTED.items():
        for owner in [owner for owner in raw if owner.startswith(old)]:
            fields = {number: (name, kind.replace(old, new)) for number, (name, kind) in raw[owner].items()}
            raw.setdefault(owner.replace(old, new), fields)
    for owner, fields in newer():
        raw.setdefault(owner, {}).update(fields)
    table = {
        owner: {number: known.entry(owner, *field) for number, field in fields.items()}
        for owner, fields in raw.items()
        if not UNSTABLE.search(owner)
    }
    packed = zlib.compress(json.dumps(table, separators=(",", ":"), sort_keys=True).encode(), 9)
    OUT.write_bytes(packed)
    print(f"{len(table)} messages, {len(packed)} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
