"""Pods from a folder of manifests, run whatever the API server says, and their mirrors there.

A static pod's uid is the hash of its manifest, so a changed file is a new pod: the old one ends, the
new one starts. For people to see it, the API server has a mirror pod with the status of the real one;
deleting the mirror deletes nothing else, and it is made again. Upstream: `kubelet/config/file_linux.go`,
`kubelet/pod/mirror_client.go`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherry.api.errors import ApiError
from wherry.api.schema import Obj, convert, struct_type, to_obj
from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.clock import Clock, rfc3339
from wherry.kubelet.machine.disk import Disk
from wherry.kubelet.machine.inotify import FileWatcher
from wherry.kubelet.podspec import CONFIG_HASH, CONFIG_MIRROR, CONFIG_SEEN, CONFIG_SOURCE

log = logging.getLogger("wherry.kubelet")

PODS = resource("pods")
NODES = resource("nodes")
MAX_FILE = 10 << 20
RESCAN = 20.0

Update = Callable[[Any], None]
Remove = Callable[[str], None]


class ManifestError(Exception):
    """A manifest file that can't be used; one line saying why."""


def static_pod(source: Obj, node_name: str, path: str, seen: str) -> Any:
    """The typed pod a manifest stands for on this node. ManifestError when it is none."""
    if source.get("kind") != "Pod" or source.get("apiVersion") != "v1":
        raise ManifestError("it is not a v1 Pod")
    meta, spec = source.get("metadata"), source.get("spec")
    if not isinstance(meta, dict) or not isinstance(spec, dict) or not meta.get("name"):
        raise ManifestError("it has no metadata.name or no spec")
    digest = hashlib.md5(
        json.dumps([node_name, path, source], sort_keys=True).encode(), usedforsecurity=False
    )
    uid = digest.hexdigest()
    annotations = {
        **(meta.get("annotations") or {}),
        CONFIG_HASH: uid,
        CONFIG_SOURCE: "file",
        CONFIG_SEEN: seen,
    }
    named = {
        **meta,
        "name": f"{meta['name']}-{node_name}",
        "namespace": meta.get("namespace") or "default",
        "uid": uid,
        "annotations": annotations,
    }
    spec = {"tolerations": [], **spec, "nodeName": node_name}
    spec["tolerations"] = [*spec["tolerations"], {"operator": "Exists", "effect": "NoExecute"}]
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": _defaulted(spec)}
    try:
        return convert(struct_type("v1", "Pod"), obj)
    except ValueError as error:
        raise ManifestError(str(error)) from error


def _defaulted(spec: Obj) -> Obj:
    """The defaults the API server would have set and that the kubelet relies on."""
    result = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "enableServiceLinks": True}
    return {**result, **spec}


def read_manifests(folder: Path, node_name: str, seen: str) -> dict[str, Any]:
    """The pods of all files of a folder by uid; files that can't be used are left out, and said."""
    pods: dict[str, Any] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            pod = static_pod(_load(path), node_name, str(path), seen)
        except (ManifestError, OSError) as error:
            log.error("manifest %s: %s", path, error)
            continue
        pods[pod.metadata.uid] = pod
    return pods


def _load(path: Path) -> Obj:
    import yaml

    if path.stat().st_size > MAX_FILE:
        raise ManifestError(f"it is larger than {MAX_FILE} bytes")
    try:
        loaded = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ManifestError(f"it is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, dict):
        raise ManifestError("it is not an object")
    return loaded


class StaticPods:
    """Follows the folder, tells the runner, and keeps the mirrors as they should be."""

    def __init__(
        self, folder: Path, node_name: str, client: Client, clock: Clock, disk: Disk, watcher: FileWatcher
    ) -> None:
        self._folder = folder
        self._node = node_name
        self._client = client
        self._clock = clock
        self._disk = disk
        self._watcher = watcher
        self.pods: dict[str, Any] = {}
        self.mirrors: dict[tuple[str, str], Any] = {}
        self._wake: Callable[[], None] = lambda: None

    async def scan(self, update: Update, remove: Remove) -> None:
        """Looks at the folder once."""
        seen = rfc3339(self._clock.time())
        found = await self._disk.run(read_manifests, self._folder, self._node, seen)
        gone = [uid for uid in self.pods if uid not in found]
        new = [pod for uid, pod in found.items() if uid not in self.pods]
        self.pods = {uid: self.pods.get(uid, pod) for uid, pod in found.items()}
        for uid in gone:
            remove(uid)
        for pod in new:
            update(pod)

    async def run(self, update: Update, remove: Remove) -> None:
        async with self._watcher.watch(self._folder) as changed:
            self._wake = changed.set
            while True:
                await changed.wait(RESCAN)
                await self.scan(update, remove)
                await self.keep_mirrors()

    def mirror(self, pod: Any) -> Any | None:
        """The API object that shows a static pod, None when there is none (yet)."""
        found = self.mirrors.get((pod.metadata.namespace, pod.metadata.name))
        if found is None or found.metadata.annotations.get(CONFIG_MIRROR) != pod.metadata.uid:
            return None
        return found

    def seen(self, change: str, mirror: Any) -> None:
        """The watch shows a mirror pod of this node."""
        key = (mirror.metadata.namespace, mirror.metadata.name)
        if change == "deleted":
            self.mirrors.pop(key, None)
            self._wake()
        else:
            self.mirrors[key] = mirror

    async def keep_mirrors(self) -> None:
        """Makes the mirrors that are missing, removes those of pods that are gone or changed."""
        wanted = {(p.metadata.namespace, p.metadata.name): p for p in self.pods.values()}
        for key, mirror in list(self.mirrors.items()):
            pod = wanted.get(key)
            stale = pod is None or mirror.metadata.annotations.get(CONFIG_MIRROR) != pod.metadata.uid
            if stale or mirror.metadata.deletionTimestamp is not None:
                await self._delete(mirror)
        for key, pod in wanted.items():
            if key not in self.mirrors:
                await self._create(pod)

    async def _create(self, pod: Any) -> None:
        obj = to_obj(pod)
        meta = obj["metadata"]
        meta.pop("uid", None)
        meta["annotations"] = {**meta["annotations"], CONFIG_MIRROR: pod.metadata.uid}
        obj.pop("status", None)
        try:
            node = await self._client.get(NODES, self._node)
            owner = {"apiVersion": "v1", "kind": "Node", "name": self._node, "uid": node.metadata.uid}
            meta["ownerReferences"] = [{**owner, "controller": True}]
            made = await self._client.create(PODS, {**obj, "apiVersion": "v1", "kind": "Pod"})
        except (ApiError, OSError) as error:
            if not isinstance(error, ApiError) or error.reason != "AlreadyExists":
                log.warning("mirror pod %s/%s: %s", pod.metadata.namespace, pod.metadata.name, error)
            return
        self.mirrors[made.metadata.namespace, made.metadata.name] = made

    async def _delete(self, mirror: Any) -> None:
        meta = mirror.metadata
        try:
            await self._client.delete(PODS, meta.name, meta.namespace, uid=meta.uid, grace_period_seconds=0)
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict"):
                log.warning("mirror pod %s/%s: %s", meta.namespace, meta.name, error)
                return
        self.mirrors.pop((meta.namespace, meta.name), None)
