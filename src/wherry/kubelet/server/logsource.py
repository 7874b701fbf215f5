"""Which log file a request for a container's logs means, or upstream's words for why there is none
(`kubelet_pods.validateContainerLogStatus`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wherry.cri.types import ContainerStatus
from wherry.kubelet.worker import PodWorker

_WAITING = {
    "ErrImagePull": "is waiting to start: image can't be pulled",
    "ImagePullBackOff": "is waiting to start: trying and failing to pull image",
}


class LogRefused(Exception):
    """There is no such log; the text is for the client."""


@dataclass(frozen=True, slots=True)
class LogRun:
    id: str
    path: Path


def log_run(worker: PodWorker, container: str, *, previous: bool) -> LogRun:
    """The container's latest run, or the one before."""
    pod = worker.pod.metadata.name
    what = f'container "{container}" in pod "{pod}"'
    latest = worker.view.latest(container)
    if previous:
        run = worker.view.previous(container)
        if run is None and latest is not None and latest.state == "exited" and worker.waiting(container):
            run = latest
        if run is None:
            raise LogRefused(f'previous terminated container "{container}" in pod "{pod}" not found')
        return _of(run)
    if latest is not None and latest.state in ("running", "exited"):
        return _of(latest)
    reason = worker.waiting(container) or "ContainerCreating"
    raise LogRefused(f"{what} {_WAITING.get(reason, f'is waiting to start: {reason}')}")


def _of(run: ContainerStatus) -> LogRun:
    return LogRun(run.id, Path(run.log_path))
