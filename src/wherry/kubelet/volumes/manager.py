"""The volumes of the pods of a node: made, kept up to date, and taken away.

    ROOT/pods/UID/volumes/kubernetes.io~KIND/NAME        one folder a volume
    ROOT/pods/UID/volume-subpaths/VOLUME/CONTAINER/N     binds of parts of volumes

Volumes that no container mounts are not made. What holds secrets lies in memory (tmpfs). Everything
may be called again: a kubelet that restarts finds what is there and goes on with it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wherry.api.quantity import whole
from wherry.clock import Clock, utc
from wherry.cri.types import Mount, Propagation
from wherry.kubelet.host import SetupError
from wherry.kubelet.machine.disk import Disk
from wherry.kubelet.machine.env import expand
from wherry.kubelet.podspec import containers
from wherry.kubelet.volumes import atomic, hostpath
from wherry.kubelet.volumes.mounts import is_mount, mount_tmpfs, unmount_all
from wherry.kubelet.volumes.payload import Sources, files_of
from wherry.kubelet.volumes.subpath import bind_subpath

_FOLDERS = {
    "emptyDir": "empty-dir",
    "configMap": "configmap",
    "secret": "secret",
    "downwardAPI": "downward-api",
    "projected": "projected",
}
_IN_MEMORY = ("secret", "projected", "downwardAPI")
_PROPAGATION: dict[str, Propagation] = {
    "HostToContainer": "host-to-container",
    "Bidirectional": "bidirectional",
}


class VolumeManager:
    def __init__(self, root: Path, disk: Disk, clock: Clock) -> None:
        self._pods = root / "pods"
        self._disk = disk
        self._clock = clock

    async def mount(self, pod: Any, sources: Sources) -> None:
        """Makes all volumes that containers use. SetupError FailedMount, in upstream's words."""
        used = _used(pod)
        await asyncio.gather(*(self._mount(pod, v, sources) for v in pod.spec.volumes if v.name in used))

    async def refresh(self, pod: Any, sources: Sources) -> None:
        """Writes contents again that may have changed."""
        used = _used(pod)
        for volume in pod.spec.volumes:
            if volume.name in used and _kind(volume) in ("configMap", *_IN_MEMORY):
                await self._mount(pod, volume, sources)

    async def mounts(self, pod: Any, container: Any, env: Mapping[str, str]) -> list[Mount]:
        """What a container mounts of the volumes that are there."""
        by_name = {volume.name: volume for volume in pod.spec.volumes}
        result = []
        for index, mount in enumerate(container.volumeMounts):
            volume = by_name.get(mount.name)
            if volume is None:
                raise SetupError("CreateContainerConfigError", f"volume {mount.name} is not in the pod")
            path = self._path(pod.metadata.uid, volume)
            subpath = expand(mount.subPathExpr, env) if mount.subPathExpr else mount.subPath or ""
            if subpath:
                path = await self._subpath(pod, container, mount, index, path, subpath)
            propagation = _PROPAGATION.get(mount.mountPropagation or "", "private")
            readonly = bool(mount.readOnly) or _kind(volume) in ("configMap", *_IN_MEMORY)
            result.append(Mount(_absolute(mount.mountPath), str(path), readonly, propagation))
        return result

    async def unmount(self, uid: str) -> None:
        """Takes all volumes of a pod away, with what is in them."""
        await self._disk.run(self._remove, uid)

    def _remove(self, uid: str) -> None:
        for name in ("volume-subpaths", "volumes"):
            folder = self._pods / uid / name
            unmount_all(folder)
            shutil.rmtree(folder, ignore_errors=True)

    async def _mount(self, pod: Any, volume: Any, sources: Sources) -> None:
        kind = _kind(volume)
        try:
            if kind == "hostPath":
                await self._disk.run(hostpath.check, volume.hostPath.path, volume.hostPath.type or "")
            elif kind == "emptyDir":
                await self._disk.run(self._empty, pod, volume)
            elif kind in _FOLDERS:
                files = await files_of(pod, volume, sources)
                await self._disk.run(self._publish, pod, volume, files)
            else:
                raise SetupError("FailedMount", f"volumes of type {kind} are not supported on this node")
        except SetupError as error:
            raise SetupError("FailedMount", self._failed(volume, error.message)) from error
        except (OSError, ValueError) as error:
            raise SetupError("FailedMount", self._failed(volume, str(error))) from error

    @staticmethod
    def _failed(volume: Any, message: str) -> str:
        return f'MountVolume.SetUp failed for volume "{volume.name}" : {message}'

    def _empty(self, pod: Any, volume: Any) -> None:
        spec = volume.emptyDir
        size = whole(spec.sizeLimit) if spec.sizeLimit else 0
        folder = self._folder(pod, volume, memory=spec.medium == "Memory", size=size)
        folder.chmod(0o777)
        gid = _fs_group(pod)
        if gid is not None:
            os.chown(folder, -1, gid)
            folder.chmod(0o2777)

    def _publish(self, pod: Any, volume: Any, files: Mapping[str, atomic.File]) -> None:
        folder = self._folder(pod, volume, memory=_kind(volume) in _IN_MEMORY)
        gid = _fs_group(pod)
        stamp = utc(self._clock).strftime("%Y_%m_%d_%H_%M_%S")
        atomic.write(folder, files, stamp=stamp, gid=gid)

    def _folder(self, pod: Any, volume: Any, *, memory: bool, size: int = 0) -> Path:
        folder = self._path(pod.metadata.uid, volume)
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o777)
        if memory and not is_mount(folder):
            mount_tmpfs(folder, size=size)
        return folder

    def _path(self, uid: str, volume: Any) -> Path:
        kind, name = _kind(volume), str(volume.name)
        if kind == "hostPath":
            return Path(volume.hostPath.path)
        return self._pods / uid / "volumes" / f"kubernetes.io~{_FOLDERS[kind]}" / name

    async def _subpath(
        self, pod: Any, container: Any, mount: Any, index: int, volume: Path, subpath: str
    ) -> Path:
        parts = (pod.metadata.uid, "volume-subpaths", mount.name, container.name, str(index))
        target = self._pods.joinpath(*parts)
        try:
            return await self._disk.run(_bind, volume, subpath, target, not mount.readOnly)
        except (OSError, ValueError) as error:
            message = (
                f'failed to prepare subPath for volumeMount "{mount.name}" of container "{container.name}"'
            )
            raise SetupError("CreateContainerConfigError", message) from error


def _bind(volume: Path, subpath: str, target: Path, create: bool) -> Path:
    return bind_subpath(volume, subpath, target, create=create)


def _kind(volume: Any) -> str:
    """The name of the source that is set; a volume without one is an emptyDir (never after the API)."""
    for field in volume.__struct_fields__:
        if field != "name" and getattr(volume, field) is not None:
            return str(field)
    return "emptyDir"


def _used(pod: Any) -> set[str]:
    return {mount.name for _, container in containers(pod) for mount in container.volumeMounts}


def _fs_group(pod: Any) -> int | None:
    context = pod.spec.securityContext
    return context.fsGroup if context is not None else None


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"
