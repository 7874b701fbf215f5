"""What comes after a pod's last container has ended: its API object goes, then all that is left here."""

from __future__ import annotations

from typing import Any

from wherry.api.errors import ApiError
from wherry.api.scheme import resource
from wherry.kubelet.deps import Deps

PODS = resource("pods")


async def delete_object(deps: Deps, pod: Any) -> None:
    """Deletes the pod's API object for good, once the API server has its last status."""
    meta = pod.metadata
    await deps.writer.flush(meta.uid)
    try:
        await deps.client.delete(PODS, meta.name, meta.namespace, uid=meta.uid, grace_period_seconds=0)
    except ApiError as error:
        if error.reason not in ("NotFound", "Conflict"):
            raise


async def forget(deps: Deps, pod: Any) -> None:
    """Removes containers, folders and every memory of a pod that is gone."""
    uid = pod.metadata.uid
    snapshot = await deps.runtime.snapshot(uid)
    for sandbox in snapshot.sandboxes:
        await deps.runtime.remove_sandbox(sandbox.id)
    await deps.host.forget(uid)
    deps.writer.forget(uid)
    deps.viewer.forget(uid)
    deps.images.forget(uid)
    for container in (*pod.spec.initContainers, *pod.spec.containers):
        deps.backoff.forget((uid, container.name))
