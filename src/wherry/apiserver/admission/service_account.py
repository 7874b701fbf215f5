"""ServiceAccount: every pod runs as one, gets a token for it and its pull secrets.

What is mounted is exactly upstream's projected volume (token, root certificate, namespace), so programs
that look in /var/run/secrets/kubernetes.io/serviceaccount find the same files.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from wherry.api.schema import Obj
from wherry.apiserver.admission.plugin import Plugin, forbidden, the_object
from wherry.apiserver.attributes import Attributes, Reader
from wherry.apiserver.kinds.core.pod_validation import MIRROR

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX = "kube-api-access-"
ROOT_CA = "kube-root-ca.crt"
_TOKEN_SECONDS = 3607
_ENFORCE = "kubernetes.io/enforce-mountable-secrets"
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


class ServiceAccount(Plugin):
    name = "ServiceAccount"
    resources = ("pods",)

    def __init__(self, reader: Reader, rng: random.Random) -> None:
        self._reader = reader
        self._rng = rng

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        pod = the_object(attributes)
        if MIRROR in (pod["metadata"].get("annotations") or {}):
            return None  # the kubelet's own pods have no account; validate sees to it
        spec = pod["spec"]
        name = spec.get("serviceAccountName") or "default"
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        account = self._account(attributes, name)
        if _wants_token(spec, account):
            self._mount_token(spec)
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [dict(reference) for reference in account["imagePullSecrets"]]
        return None

    async def validate(self, attributes: Attributes) -> None:
        pod = the_object(attributes)
        if MIRROR in (pod["metadata"].get("annotations") or {}):
            _validate_mirror(attributes, pod["spec"])
            return
        account = self._account(attributes, pod["spec"].get("serviceAccountName", ""))
        if (account["metadata"].get("annotations") or {}).get(_ENFORCE) == "true":
            _validate_references(attributes, pod["spec"], account)

    def _account(self, attributes: Attributes, name: str) -> Obj:
        namespace = attributes.info.namespace
        account = self._reader.get("serviceaccounts", name, namespace)
        if account is None:
            missing = f'serviceaccount "{name}" not found'
            raise forbidden(attributes, f"error looking up service account {namespace}/{name}: {missing}")
        return account

    def _mount_token(self, spec: Obj) -> None:
        volumes = spec.get("volumes") or []
        existing = next((v["name"] for v in volumes if v.get("name", "").startswith(VOLUME_PREFIX)), "")
        name = existing or VOLUME_PREFIX + "".join(self._rng.choice(_SUFFIX) for _ in range(5))
        needed = False
        for kind in ("initContainers", "containers"):
            for container in spec.get(kind) or ():
                mounts = container.get("volumeMounts") or []
                if all(mount.get("mountPath") != MOUNT_PATH for mount in mounts):
                    mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
                    container["volumeMounts"] = [*mounts, mount]
                    needed = True
        if needed and not existing:
            spec["volumes"] = [*volumes, _token_volume(name)]


def _wants_token(spec: Obj, account: Obj) -> bool:
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.get("automountServiceAccountToken")
    return wanted is not False


def _token_volume(name: str) -> Obj:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "name": name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
                {"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [namespace]}},
            ],
            "defaultMode": 0o644,
        },
    }


def _validate_mirror(attributes: Attributes, spec: Obj) -> None:
    if spec.get("serviceAccountName"):
        raise forbidden(attributes, "a mirror pod may not reference service accounts")
    for volume in spec.get("volumes") or ():
        if "secret" in volume:
            raise forbidden(attributes, "a mirror pod may not reference secrets")
        for source in (volume.get("projected") or {}).get("sources") or ():
            if "serviceAccountToken" in source:
                raise forbidden(attributes, "a mirror pod may not use ServiceAccountToken volume projections")


def _validate_references(attributes: Attributes, spec: Obj, account: Obj) -> None:
    name = account["metadata"]["name"]
    mountable = {reference.get("name") for reference in account.get("secrets") or ()}
    for volume in spec.get("volumes") or ():
        secret = (volume.get("secret") or {}).get("secretName")
        if secret and secret not in mountable:
            what = f'volume with secret.secretName="{secret}" is not allowed because service account {name}'
            raise forbidden(attributes, f"{what} does not reference that secret")
    pulls = {reference.get("name") for reference in account.get("imagePullSecrets") or ()}
    for i, reference in enumerate(spec.get("imagePullSecrets") or ()):
        if reference.get("name") not in pulls:
            what = f'imagePullSecrets[{i}].name="{reference.get("name")}" is not allowed'
            why = f"because service account {name} does not reference that imagePullSecret"
            raise forbidden(attributes, f"{what} {why}")
